"""Items of known ids: fifty of them a call of ``crm.item.list``, which is as many as a page holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE
from airflow_provider_bitrix24.rest.methods import number_of

METHOD = "crm.item.list"
T = TypeVar("T")


def in_pages(values: Sequence[T], size: int = PAGE_SIZE) -> list[Sequence[T]]:
    """Return values in groups of as many as a page holds; an empty list of ids would ask for every item.

    :param values: the values
    :param size: how many a group has
    """
    return [values[start : start + size] for start in range(0, len(values), size)]


def items_call(type_id: int, ids: Sequence[int], select: Sequence[str]) -> Call:
    """Return the call for the items of some ids.

    :param type_id: the type's number
    :param ids: up to fifty ids
    :param select: the fields, ``id`` among them, in the API's names
    """
    params = {"entityTypeId": type_id, "filter": {"@id": list(ids)}, "select": list(select), "start": -1}
    return Call(METHOD, params)


def with_id(select: Sequence[str]) -> list[str]:
    """Return what to select so that rows have an id.

    :param select: fields in the API's names
    """
    return list(select) if "*" in select or "id" in select else ["id", *select]


def items_by_id(outcome: Outcome) -> dict[int, Mapping[str, Any]]:
    """Return the items of a page, in its order.

    :param outcome: of a call of ``crm.item.list``
    :raises UnexpectedResultError: a row is no item, or comes twice
    :raises Bitrix24Error: the call failed
    """
    result = outcome.unwrap()
    rows = result.get("items") if isinstance(result, Mapping) else None
    if not isinstance(rows, list):
        raise UnexpectedResultError("the answer holds no list of items", method=METHOD)
    found: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        number = number_of(row.get("id")) if isinstance(row, Mapping) else None
        if number is None or number in found:
            raise UnexpectedResultError("a row without an id, or one that comes twice", method=METHOD)
        found[number] = row
    return found
