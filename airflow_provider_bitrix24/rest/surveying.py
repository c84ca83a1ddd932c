"""Finds out how the rows of a long list are spread over its ids, in few requests."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.id_pager import IdPager
from airflow_provider_bitrix24.rest.ranges import Range, Window, cut, refined

#: after so many rounds of counting, what is still too full is read as it is
_ROUNDS = 5


def survey(pager: IdPager, full: int) -> Generator[list[Call], list[Outcome], list[Range]]:
    """Yield calls that look at the rest of a list, and return the ranges to read it in.

    None, where that is not worth it.

    :param pager: of the list, whose first page was taken
    :param full: rows that a request carries
    :raises Bitrix24Error: a call failed, and the list should be read without ranges
    """
    rows, first, after = pager.left, pager.first_place, pager.place
    if rows is None or first is None or after is None:
        return []
    end, again = yield [pager.last_rows(), pager.count_call(first - 1, after)]
    until = pager.last_place(end.unwrap_reply())
    if until is None or until <= after:
        return []  # rows are gone meanwhile
    if _total_of(again) > 2 * pager.count:
        return []  # the bounds of a range have no effect
    windows = [Window(after, until, rows)]
    for _ in range(_ROUNDS):
        kept, parts = refined(windows, full)
        if not parts:
            break
        outcomes = yield [pager.count_call(part.after, part.until) for part in parts]
        counted = [
            replace(part, rows=_total_of(outcome)) for part, outcome in zip(parts, outcomes, strict=True)
        ]
        windows = sorted([*kept, *counted], key=lambda window: window.after)
    return cut(windows, full)


def _total_of(outcome: Outcome) -> int:
    total = outcome.unwrap_reply().total
    if total is None:
        raise UnexpectedResultError("the rows are not counted", method=outcome.call.method)
    return total
