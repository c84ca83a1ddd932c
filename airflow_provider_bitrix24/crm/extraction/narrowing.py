"""Filters with more conditions: what an extraction reads, within what its user wants."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.methods import number_of


def narrowed(where: Mapping[str, Any], method: str, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a filter with more conditions, all of which have to be met.

    :param where: the filter
    :param method: the list method
    :param conditions: the conditions by their names; of a name that the filter has already, both hold
    :raises InvalidInputError: the method takes one condition of a name, and the two cannot be made one
    """
    taken = [name for name in conditions if name in where]
    if method.lower().startswith("crm.item.") and (taken or any(name.lower() == "logic" for name in where)):
        return {"0": dict(where), **conditions}
    return {**where, **conditions, **{name: _both(name, where[name], conditions[name]) for name in taken}}


def _both(name: str, given: Any, wanted: Any) -> Any:
    """Return one condition on an id that says as much as two."""
    if name.startswith("@") and isinstance(given, list):
        # An empty list would be ignored, and nothing has the id 0.
        return sorted({number_of(value) for value in given} & set(wanted)) or [0]
    numbers = number_of(given), number_of(wanted)
    if numbers[0] is not None and numbers[1] is not None and name.startswith((">", "<")):
        return (max if name.startswith(">") else min)(numbers[0], numbers[1])
    raise InvalidInputError(
        f"where[{name!r}]: the extraction sets this condition itself, and the API takes only one of them",
        remedy="Leave it out. Give 'since' to read what changed from then on.",
    )


def source_digest(portal: str, dataset: str, where: Mapping[str, Any]) -> str:
    """Return what tells one source of rows from another: a watermark belongs to one of them.

    :param portal: the portal's host
    :param dataset: what is read, such as ``deal``
    :param where: the filter, in the API's names; the order of its conditions does not matter
    """
    parts = [portal.strip().lower(), dataset, where]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
