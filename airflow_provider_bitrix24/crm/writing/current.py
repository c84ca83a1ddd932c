"""Items as they are now, before something is written to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.item_pages import METHOD, in_pages, items_by_id, items_call, with_id
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan, Work

#: an item, why it could not be read, or ``None`` where the list does not show it
Current = Mapping[str, Any] | Bitrix24Error | None


def checked_ids(type_id: int, ids: Iterable[int], select: Sequence[str]) -> Plan[dict[int, Current]]:
    """Read the items of known ids, fifty a call (``crm.item.list``).

    A list does not show what does not exist, nor what the user may not read.

    :param type_id: the type's number
    :param ids: the ids
    :param select: the fields, in the API's names
    :return: each id's item; ``None`` where the list does not show it; the error where its call failed
    """
    pages = in_pages(list(dict.fromkeys(ids)))
    calls = [items_call(type_id, page, with_id(select)) for page in pages]
    outcomes = (yield Work(calls)) if calls else []
    found: dict[int, Current] = {}
    for page, outcome in zip(pages, outcomes, strict=True):
        found |= _items_of(page, outcome)
    return found


def _items_of(page: Sequence[int], outcome: Outcome) -> dict[int, Current]:
    try:
        rows = items_by_id(outcome)
        if others := rows.keys() - set(page):
            raise UnexpectedResultError(f"nobody asked for item {min(others)}", method=METHOD)
    except Bitrix24Error as error:
        return dict.fromkeys(page, error)
    return {number: rows.get(number) for number in page}
