"""Reading lists as a part of a plan: one of them whole, or several side by side for as long as is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE, next_start
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.plans import Plan, Work

K = TypeVar("K")


def read_list(call: Call) -> Plan[list[Any]]:
    """Read every row of a list; where it is read by offset, all pages after the first together.

    :param call: of a list method
    :raises IncompleteListError: rows are missing or come twice
    :raises Bitrix24Error: a page failed
    """
    pager = pager_for(call)
    rows: list[Any] = []
    total = 0
    read: dict[str, Outcome] = {}
    while (page := pager.next_call()) is not None:
        if page.command() not in read:
            outcomes = yield Work(_pages(page, total))
            read = {outcome.call.command(): outcome for outcome in outcomes}
        outcome = read.pop(page.command())
        outcome.unwrap()
        reply: Any = outcome.reply  # there is one, as there is no error
        rows += pager.take(reply)
        total = reply.total or 0
    return rows


def _pages(page: Call, total: int) -> list[Call]:
    """Return a page's call and those of all pages that have to follow it."""
    start = page.params.get("start")
    if not isinstance(start, int) or start < PAGE_SIZE:
        return [page]
    starts = range(start, max(total, start + 1), PAGE_SIZE)
    return [Call(page.method, {**page.params, "start": start}) for start in starts]


def read_pages(first: Mapping[K, Call], take: Callable[[K, Outcome], bool]) -> Plan[None]:
    """Read several lists side by side, a page of each at a time, as long as somebody wants to read on.

    :param first: the call for the first page of each list
    :param take: is given the outcome of each page, and tells whether the list is to be read on
    """
    pages = dict(first)
    shown: dict[K, Any] = {}
    while pages:
        outcomes = yield Work(list(pages.values()))
        for (key, page), outcome in zip(list(pages.items()), outcomes, strict=True):
            following = next_start(page, outcome.reply) if outcome.reply is not None else None
            again = key in shown and shown[key] == outcome.result
            shown[key] = outcome.result
            goes_on = take(key, outcome) and following is not None and not again
            if goes_on and following > page.params.get("start", 0):  # or the portal started over
                pages[key] = Call(page.method, {**page.params, "start": following})
            else:
                del pages[key]
