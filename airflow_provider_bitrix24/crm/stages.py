"""The stages of a pipeline, and what each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.shown import shown

Semantic = Literal["success", "failure", "process"]
_SEMANTICS: tuple[Semantic, ...] = get_args(Semantic)

_METHOD = "crm.status.list"
_LISTS = {
    "lead": "STATUS",
    "deal": "DEAL_STAGE",
    "quote": "QUOTE_STATUS",
    "smart_invoice": "SMART_INVOICE_STAGE",
}
_BY_LETTER: dict[str, Semantic] = {"S": "success", "F": "failure", "P": "process"}


@dataclass(frozen=True)
class Stage:
    """A stage of a pipeline.

    :param stage_id: its id, such as ``C1:WON``
    :param name: how people call it
    :param semantic: what it means
    """

    stage_id: str
    name: str
    semantic: Semantic

    def __str__(self) -> str:
        return f"{self.name} ({self.stage_id})" if self.name else self.stage_id


def check_semantic(value: Any, field: str = "stage_semantic") -> Semantic:
    """Return a value of ``stage_semantic``.

    :param value: the value
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none of ``success``, ``failure``, ``process``
    """
    for known in _SEMANTICS:
        if value == known:
            return known
    raise InvalidInputError(f"{field}: {shown(value)} is none of success, failure, process")


def has_stages(item: CrmItem) -> bool:
    """Tell whether items of a type stand in stages."""
    return item.entity_type in _LISTS or item.entity_type.startswith("dynamic_")


def stages_call(item: CrmItem, category_id: int) -> Call:
    """Return the call of ``crm.status.list`` for the pipeline in which an item stands.

    :param item: the item
    :param category_id: its pipeline
    """
    name = _list_of(item)
    if item.entity_type == "deal":
        name += f"_{category_id}" if category_id else ""
    elif name.endswith("_STAGE"):
        name += f"_{category_id}"
    return Call(_METHOD, {"filter": {"ENTITY_ID": name}})


def all_stages_call() -> Call:
    """Return the call of ``crm.status.list`` for the stages of all pipelines, among other things."""
    return Call(_METHOD, {})


def stages_of(result: Any) -> dict[str, Stage]:
    """Return the stages of a pipeline by their ids.

    :param result: of ``crm.status.list``
    :raises UnexpectedResultError: these are no stages
    """
    try:
        return {
            stage_id: Stage(stage_id, str(row.get("NAME") or ""), _semantic(row))
            for row in result
            for stage_id in [str(row["STATUS_ID"])]
        }
    except (KeyError, TypeError, AttributeError):
        raise UnexpectedResultError("a list without stages", method=_METHOD) from None


def stages_of_type(item: CrmItem, result: Any) -> dict[str, Stage]:
    """Return the stages of all pipelines of an item's type.

    :param item: the item
    :param result: of ``crm.status.list`` for all of them
    :raises UnexpectedResultError: these are no stages
    """
    name = _list_of(item)
    try:
        return stages_of([row for row in result if _is_list(str(row["ENTITY_ID"]), name)])
    except (KeyError, TypeError):
        raise UnexpectedResultError("a list without stages", method=_METHOD) from None


def _list_of(item: CrmItem) -> str:
    """Return the list of a type's stages, which may be divided by pipelines."""
    return _LISTS.get(item.entity_type, f"{item.entity_type.upper()}_STAGE")


def _is_list(entity: str, name: str) -> bool:
    return entity == name or (name.endswith("_STAGE") and entity.startswith(f"{name}_"))


def _semantic(row: Mapping[str, Any]) -> Semantic:
    extra = row.get("EXTRA")
    word = str((extra if isinstance(extra, Mapping) else {}).get("SEMANTICS") or row.get("SEMANTICS") or "P")
    for known in _SEMANTICS:
        if word == known:
            return known
    return "failure" if word == "apology" else _BY_LETTER.get(word[:1].upper(), "process")
