"""Values of a query's placeholders, which Airflow shows to its users and tells nobody else."""

from __future__ import annotations

import json
from typing import Any


class QueryValues:
    """Values of a query's placeholders.

    OpenLineage's provider sends an operator's attribute ``parameters`` with each event, whatever it holds. Of
    an object that is no JSON it sends the class's name.

    :param values: a mapping, a list, or the JSON text of one
    """

    def __init__(self, values: Any) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return bool(self.values == (other.values if isinstance(other, QueryValues) else other))

    def __hash__(self) -> int:
        return hash(str(self.values))

    def serialize(self) -> Any:
        """Return the values as Airflow's UI shows them: it asks for this."""
        try:
            json.dumps(self.values)
        except (TypeError, ValueError):
            return str(self.values)
        return self.values
