"""The link from a task to the CRM card in the portal."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink


class CrmCardLink(BaseOperatorLink):
    """Leads to the card of the CRM item on which a task acts; of many items, of the first.

    Airflow asks for it in the process that ran the task, when that has ended, and keeps the answer.
    """

    name = "CRM card"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the card's address, ``""`` where the task has none.

        :param operator: the task's operator, as it was run
        :param ti_key: which run of the task it is
        """
        return str(getattr(operator, "card_address", ""))
