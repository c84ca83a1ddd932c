"""Lists whose pages do not tell where they end: a full page proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.reply import Reply

ADDRESSES = Call("crm.address.list")


def addresses(first: int, count: int) -> list[dict[str, Any]]:
    return [{"TYPE_ID": 1, "ENTITY_TYPE_ID": 3, "ENTITY_ID": first + number} for number in range(count)]


def read(answer: Any) -> tuple[list[Any], list[int]]:
    """Read a whole list, given what a portal answers for each start; return its rows and the starts."""
    pager, rows, starts = pager_for(ADDRESSES), [], []
    while (call := pager.next_call()) is not None:
        starts.append(call.params.get("start", 0))
        assert len(starts) < 20, "it reads on for ever"
        rows += pager.take(answer(starts[-1]))
    return rows, starts


@pytest.mark.parametrize("total", [50, None], ids=["always counted as one page", "never counted"])
@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 120])
def test_a_full_page_without_next_is_followed_by_the_next_one(count, total):
    everything = addresses(1, count)
    rows, starts = read(lambda start: Reply(everything[start : start + 50], total and min(total, count)))
    assert rows == everything
    assert len(starts) == count // 50 + 1


def test_the_first_page_again_is_the_end_where_the_rows_were_counted():
    everything = addresses(1, 50)
    rows, starts = read(lambda start: Reply(everything, 50))
    assert rows == everything
    assert starts == [0, 50]


def test_the_first_page_again_is_an_error_where_nothing_was_counted():
    """A method that knows no start would otherwise be taken for a list of fifty rows."""
    with pytest.raises(e.MorePagesError, match="shows the same 50 rows again") as caught:
        read(lambda start: Reply(addresses(1, 50)))
    assert "with its own parameters" in caught.value.remedy
    assert caught.value.permanent


def test_rows_that_come_twice_are_still_an_error():
    with pytest.raises(e.IncompleteListError, match="a row came twice"):
        read(lambda start: Reply([{"ID": number % 60} for number in range(start, start + 50)], 50))


@pytest.mark.parametrize("count", [51, 120], ids=str)
def test_a_list_that_is_not_paged_at_all_is_read_once(count):
    everything = addresses(1, count)
    assert read(lambda start: Reply(everything)) == (everything, [0])


def test_a_total_that_is_reached_proves_the_end():
    everything = addresses(1, 100)
    following = {0: 50, 50: None}
    rows, starts = read(lambda start: Reply(everything[start : start + 50], 100, following[start]))
    assert (rows, starts) == (everything, [0, 50])
