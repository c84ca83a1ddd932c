"""Lists whose pages do not tell where they end: a full page proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.listing import read_pages
from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.exchange import guard_pages
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


@cases("total", [50, None], ids=["always counted as one page", "never counted"])
@cases("count", [0, 1, 49, 50, 51, 100, 120])
def test_a_full_page_without_next_is_followed_by_the_next_one(count, total):
    everything = addresses(1, count)
    rows, starts = read(lambda start: Reply(everything[start : start + 50], total and min(total, count)))
    assert rows == everything
    assert len(starts) == count // 50 + 1


def test_a_total_that_is_the_length_of_each_page_is_no_count():
    everything = addresses(1, 120)
    pages = {start: everything[start : start + 50] for start in (0, 50, 100)}
    rows, starts = read(lambda start: Reply(pages[start], len(pages[start])))
    assert rows == everything
    assert starts == [0, 50, 100]


@pytest.mark.parametrize("method", ["crm.timeline.comment.list", "crm.timeline.bindings.list"])
def test_fifty_rows_that_the_portal_counted_need_no_second_page(method):
    pager = pager_for(Call(method, {"filter": {"OWNER_ID": 1}}))
    assert pager.next_call() is not None
    rows = [{"ID": n, "OWNER_ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": n} for n in range(50)]
    assert len(pager.take(Reply(rows, 50))) == 50
    assert pager.next_call() is None


@pytest.mark.parametrize("method", ["crm.timeline.comment.list", "crm.timeline.bindings.list"])
def test_fifty_rows_that_the_portal_did_not_count_need_a_second_page(method):
    pager = pager_for(Call(method, {"filter": {"OWNER_ID": 1}}))
    pager.next_call()
    pager.take(Reply([{"ID": n, "OWNER_ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": n} for n in range(50)]))
    assert pager.next_call() is not None


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


# ---------------------------------------------------------------- a single call


@cases("total", [50, None])
@cases("rows", [addresses(1, 50), {"addresses": addresses(1, 50)}], ids=["list", "object"])
def test_a_full_page_that_proves_nothing_is_not_passed_off_as_the_list(rows, total):
    outcome = guard_pages(Outcome(ADDRESSES, Reply(rows, total)))
    assert type(outcome.error) is e.MorePagesError
    assert "the page is full, and the portal does not say whether more follow" in str(outcome.error)
    assert "pass 'start'" in outcome.error.remedy


@cases(
    ("call", "reply"),
    [
        (ADDRESSES, Reply(addresses(1, 49))),
        (ADDRESSES, Reply(addresses(1, 51))),
        (ADDRESSES, Reply({"a": addresses(1, 50), "b": []})),
        (Call("crm.address.list", {"start": 0}), Reply(addresses(1, 50), 50)),
        (Call("crm.deal.list"), Reply([{"ID": str(n)} for n in range(50)], 50)),
        (Call("crm.item.list"), Reply({"items": [{"id": n} for n in range(50)]}, 50)),
        (Call("scope"), Reply(["crm"] * 50)),
        (Call("crm.deal.get"), Reply({"ID": "1", "PHONE": [{"VALUE": "x"}] * 50})),
    ],
    ids=["short", "long", "two lists", "own start", "counted", "items", "no rows", "one item"],
)
def test_what_is_no_such_page_stays_what_it_is(call, reply):
    outcome = Outcome(call, reply)
    assert guard_pages(outcome) is outcome


# ---------------------------------------------------------------- several lists, as far as is needed


def read_side_by_side(answer: Any) -> list[list[Any]]:
    """Read a list by :func:`read_pages`, and return its pages."""
    pages: list[list[Any]] = []
    plan = read_pages({"one": ADDRESSES}, lambda key, outcome: pages.append(outcome.result) is None)
    try:
        work = next(plan)
        while len(pages) < 20:
            work = plan.send([Outcome(call, answer(call.params.get("start", 0))) for call in work.calls])
    except StopIteration:
        return pages
    raise AssertionError("it reads on for ever")


@pytest.mark.parametrize("total", [50, None])
def test_lists_side_by_side_are_read_on_where_nothing_proves_their_end(total):
    everything = addresses(1, 120)
    pages = read_side_by_side(lambda start: Reply(everything[start : start + 50], total))
    assert [row for page in pages for row in page] == everything


def test_lists_side_by_side_end_where_the_portal_shows_a_page_again():
    assert len(read_side_by_side(lambda start: Reply(addresses(1, 50), 50))) == 2
