"""Reading a whole list as a part of a plan of work."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.rest.bulk import Plan, Work
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.paging import PAGE_SIZE, pager_for


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
