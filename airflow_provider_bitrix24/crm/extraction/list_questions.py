"""Questions about a list: its first and last ids, which of some ids it shows, how many rows it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.extraction.narrowing import narrowed
from airflow_provider_bitrix24.crm.item_pages import in_pages
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.list_query import (
    BY_ID,
    ListQuery,
    Shape,
    parameter_name,
    rows_of,
)
from airflow_provider_bitrix24.rest.methods import number_of

#: parameters of a list that a question has for itself
_OWN = frozenset({"filter", "select", "order", "start"})


def shape_of(call: Call) -> Shape:
    """Return where a list that can be read by id keeps its rows.

    :param call: of a list method
    """
    return BY_ID[call.method.lower()]


def _page(call: Call, filters: Mapping[str, Any], direction: str, start: int) -> Call:
    """Return the call for a page of ids; an empty filter would not fit into a batch."""
    name = shape_of(call).filter_id
    others = {key: value for key, value in call.params.items() if parameter_name(key) not in _OWN}
    filter_ = {"filter": dict(filters)} if filters else {}
    params = {**others, **filter_, "select": [name], "order": {name: direction}, "start": start}
    return Call(call.method, params)


def first_page(call: Call, direction: str, filters: Mapping[str, Any] | None = None) -> Call:
    """Return the call for the first ids of the whole list, uncounted.

    :param call: the list; its own filter is left out
    :param direction: ``ASC`` or ``DESC``
    :param filters: another filter
    """
    return _page(call, filters or {}, direction, -1)


def page_of(call: Call, conditions: Mapping[str, Any], *, start: int) -> Call:
    """Return the call for the first ids of a list that meet more conditions than its filter.

    :param call: the list
    :param conditions: the conditions
    :param start: 0 has the portal count, -1 has it not
    """
    where = ListQuery(call).mapping("filter")
    return _page(call, narrowed(where, call.method, conditions), "ASC", start)


def pages_among(call: Call, ids: Sequence[int]) -> list[Call]:
    """Return the calls that tell which of some ids a list shows.

    :param call: the list
    :param ids: the ids
    """
    name = f"@{shape_of(call).filter_id}"
    return [page_of(call, {name: list(part)}, start=-1) for part in in_pages(ids)]


def ids_of(page: Outcome) -> list[int]:
    """Return the ids of a page.

    :param page: its outcome
    :raises Bitrix24Error: it could not be read, or is no list
    """
    shape = shape_of(page.call)
    rows = rows_of(page.call, page.unwrap_reply(), shape.rows)
    found = [number_of(row.get(shape.row_id)) for row in rows if isinstance(row, Mapping)]
    return [number for number in found if number is not None]
