"""The stages of a pipeline, and what each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from airflow_provider_bitrix24.crm.inputs import shown
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

Semantic = Literal["success", "failure", "process"]

_METHOD = "crm.status.list"
_LISTS = {
    "lead": "STATUS",
    "deal": "DEAL_STAGE",
    "quote": "QUOTE_STATUS",
    "smart_invoice": "SMART_INVOICE_STAGE",
}
_BY_LETTER: dict[str, Semantic] = {"S": "success", "F": "failure", "P": "process"}


def check_semantic(value: Any) -> Semantic:
    """Return a value of ``stage_semantic``.

    :raises InvalidInputError: it is none of ``success``, ``failure``, ``process``
    """
    if value in get_args(Semantic):
        return value  # type: ignore[no-any-return]
    raise InvalidInputError(f"stage_semantic: {shown(value)} is none of success, failure, process")


def has_stages(item: CrmItem) -> bool:
    """Tell whether items of a type stand in stages."""
    return item.entity_type in _LISTS or item.entity_type.startswith("dynamic_")


def stages_call(item: CrmItem, category_id: int) -> Call:
    """Return the call of ``crm.status.list`` for the pipeline in which an item stands.

    :param item: the item
    :param category_id: its pipeline
    """
    name = _LISTS.get(item.entity_type, f"{item.entity_type.upper()}_STAGE")
    if item.entity_type == "deal":
        name += f"_{category_id}" if category_id else ""
    elif name.endswith("_STAGE"):
        name += f"_{category_id}"
    return Call(_METHOD, {"filter": {"ENTITY_ID": name}})


def stages_of(result: Any) -> dict[str, Semantic]:
    """Return what each stage of a pipeline means, by its id.

    :param result: of ``crm.status.list``
    :raises UnexpectedResultError: these are no stages
    """
    try:
        return {str(row["STATUS_ID"]): _semantic(row) for row in result}
    except (KeyError, TypeError, AttributeError):
        raise UnexpectedResultError("a list without stages", method=_METHOD) from None


def _semantic(row: Mapping[str, Any]) -> Semantic:
    extra = row.get("EXTRA")
    word = str((extra if isinstance(extra, Mapping) else {}).get("SEMANTICS") or row.get("SEMANTICS") or "P")
    if word in get_args(Semantic):
        return word  # type: ignore[return-value]
    return "failure" if word == "apology" else _BY_LETTER.get(word[:1].upper(), "process")
