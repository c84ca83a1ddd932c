"""Whole lists: what is asked of each page, and what an incomplete one says."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.id_pager import IdPager
from airflow_provider_bitrix24.rest.list_query import rows_of
from airflow_provider_bitrix24.rest.offset_pager import OffsetPager
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.reply import Reply

DEALS = "crm.deal.list"


def deals(first: int, last: int) -> list[dict[str, str]]:
    return [{"ID": str(number)} for number in range(first, last + 1)]


def begun(params: dict[str, Any], total: int, method: str = DEALS) -> Any:
    """Return a pager that has read a first page of fifty."""
    pager = pager_for(Call(method, params))
    assert pager.next_call() is not None
    pager.take(Reply(deals(1, 50), total, 50))
    return pager


@cases(
    ("params", "kind"),
    [
        ({}, IdPager),
        ({"order": {"id": "DESC"}}, IdPager),
        ({"arOrder": {"ID": "ASC"}}, IdPager),
        ({"filter": {"A": 1}}, IdPager),
        ({"filter": None}, IdPager),
        ({"filter": [{"A": 1}]}, IdPager),
        ({"filter": "x"}, OffsetPager),
        ({"filter": {"Logic": "OR"}}, OffsetPager),
        ({"order": {"TITLE": "ASC"}}, OffsetPager),
        ({"order": {"ID": "ASC", "TITLE": "ASC"}}, OffsetPager),
    ],
)
def test_how_a_list_is_read(params, kind):
    assert type(pager_for(Call(DEALS, params))) is kind


def test_a_page_in_the_middle_is_refused_with_the_remedy():
    with pytest.raises(e.InvalidInputError) as caught:
        pager_for(Call(DEALS, {"Start": 50}))
    assert caught.value.description == "params.start: 50 asks for a page in the middle"
    assert caught.value.remedy == "Leave 'start' out: the whole list is read."


def test_a_call_stays_as_repeatable_as_it_was():
    for method in (DEALS, "user.get"):
        assert pager_for(Call(method, repeatable=False)).next_call().repeatable is False


@cases(
    ("direction", "expected"),
    [("desc", "DESC"), ("DESC", "DESC"), ("asc", "ASC"), ("", "ASC"), (None, "ASC")],
)
def test_directions(direction, expected):
    pager = pager_for(Call(DEALS, {"order": {"ID": direction}}))
    assert pager.next_call().params["order"] == {"ID": expected}


# ---------------------------------------------------------------- chains


@cases(("total", "longest", "pages"), [(100, 9, 0), (101, 9, 2), (150, 9, 2), (151, 9, 3), (999, 4, 4)])
def test_as_many_pages_as_rows_are_left(total, longest, pages):
    assert len(begun({}, total).next_chain(longest, str)) == pages


def test_every_page_of_a_chain_refers_to_the_one_before():
    chain = begun({"filter": {"A": 1}}, 200).next_chain(9, lambda page: f"p{page}")
    assert [call.params for call in chain] == [
        {"filter": {"A": 1, ">ID": 50}, "order": {"ID": "ASC"}, "start": -1},
        {"filter": {"A": 1, ">ID": "$result[p0][49][ID]"}, "order": {"ID": "ASC"}, "start": -1},
        {"filter": {"A": 1, ">ID": "$result[p1][49][ID]"}, "order": {"ID": "ASC"}},
    ]


def test_a_reference_leads_to_where_the_method_keeps_its_rows():
    pager = pager_for(Call("crm.item.list", {"entityTypeId": 2}))
    pager.take(Reply({"items": [{"id": number} for number in range(1, 51)]}, 151, 50))
    assert pager.next_chain(2, str)[1].params["filter"] == {">id": "$result[0][items][49][id]"}


def test_there_is_no_chain_before_the_first_page_nor_without_a_count():
    assert pager_for(Call(DEALS)).next_chain(9, str) == []
    pager = pager_for(Call(DEALS))
    pager.take(Reply(deals(1, 50), None, 50))
    assert (pager.left, pager.next_chain(9, str)) == (None, [])
    pager.count_next()
    assert pager.left is None


def test_what_is_left_and_whether_it_is_counted_next():
    pager = begun({}, 151)
    assert (pager.left, pager.next_call().params.get("start")) == (101, -1)
    pager.take(Reply(deals(51, 100), 0))
    assert (pager.left, pager.next_call().params.get("start")) == (51, -1)
    pager.count_next()
    assert (pager.left, pager.next_call().params.get("start")) == (0, None)


def test_a_count_of_the_last_page_replaces_the_plan_but_not_what_was_expected():
    pager = begun({}, 90)
    pager.take(Reply(deals(51, 60), 20, None))
    assert pager.left == 10
    assert pager.next_call().params["filter"] == {">ID": 60}


def test_an_uncounted_page_says_nothing_of_the_end():
    pager = begun({}, 151)
    pager.take(Reply(deals(51, 52), 2, None))
    assert pager.next_call() is not None
    assert pager.left == 99


def test_the_length_of_a_page():
    pager = pager_for(Call(DEALS))
    assert pager.length_of(Reply(deals(1, 3))) == 3
    with pytest.raises(e.UnexpectedResultError):
        pager.length_of(Reply(None))


# ---------------------------------------------------------------- what an error says


def error_of(pager: Any, *replies: Reply) -> e.Bitrix24Error:
    *read, last = replies
    for reply in read:
        pager.take(reply)
    with pytest.raises(e.Bitrix24Error) as caught:
        pager.take(last)
    assert caught.value.method == pager._query.call.method
    return caught.value


def test_errors_by_id():
    assert error_of(begun({}, 90), Reply(deals(50, 51), 2)).description == (
        "id 50 came after 50: the list repeats or its filter was dropped"
    )
    assert error_of(pager_for(Call(DEALS)), Reply([{"X": 1}], 1)).description == (
        "a row without ID, so the list cannot be read by it"
    )
    short = Reply(deals(51, 60), 10)
    assert error_of(begun({}, 90), short, Reply([], 61), Reply([], 0), Reply([], 61)).description == (
        "the portal counts 61 rows but showed 60"
    )
    assert error_of(begun({}, 90), short, Reply([])).description == (
        "the portal counts 90 rows, then none, but showed 60"
    )
    assert error_of(pager_for(Call(DEALS)), Reply(None)).description == "the answer holds no list of rows"


def test_an_error_leaves_the_page_as_not_read():
    pager = begun({}, 90)
    error_of(pager, Reply([{"ID": "51"}, {"ID": "x"}], 40))
    assert pager.next_call().params["filter"] == {">ID": 50}
    assert pager.left == 40


@cases(
    ("replies", "problem"),
    [
        (
            [Reply(deals(1, 50), 120, 50), Reply(deals(51, 99), 119, 100)],
            "the portal counted 120 rows and now 119",
        ),
        ([Reply(deals(1, 50), 120)], "the portal counts 120 rows but showed 50"),
        ([Reply([], 120, 50)], "an empty page, though the next one starts at 50"),
        ([Reply(deals(1, 1), 9, 0)], "the next page starts at 0, which is not past 0"),
        ([Reply(["x" * 90], 1)] * 2, "a page came twice"),
    ],
    ids=["counts-less", "short", "empty", "stalled", "twice"],
)
def test_errors_by_offset(replies, problem):
    error = error_of(OffsetPager(pager_for(Call(DEALS))._query), *replies)
    assert type(error) is e.IncompleteListError
    assert error.description == f"{problem}; it changed while it was read, or the portal started over"


def test_a_list_by_offset_without_rows_is_named():
    assert type(error_of(pager_for(Call("user.get")), Reply(None))) is e.UnexpectedResultError


# ---------------------------------------------------------------- by offset


def test_what_is_asked_of_each_page_by_offset():
    pager = pager_for(Call(DEALS, {"ORDER": {"TITLE": "ASC"}, "select": ["TITLE"], "start": 0}))
    assert pager.next_call().params == {"ORDER": {"TITLE": "ASC", "ID": "ASC"}, "select": ["ID", "TITLE"]}
    assert pager.take(Reply([{"ID": "1", "TITLE": "x"}], 2, 1)) == [{"TITLE": "x"}]
    assert pager.next_call().params["start"] == 1
    pager.take(Reply([{"ID": "2", "TITLE": "x"}], 2))
    assert pager.next_call() is None


def test_a_list_without_a_known_id_is_asked_for_as_it_is():
    pager = pager_for(Call("some.list", {"select": ["X"]}))
    assert pager.next_call().params == {"select": ["X"]}
    assert pager.take(Reply({"rows": [{"X": 1, "ID": 5}]}, 1)) == [{"X": 1, "ID": 5}]


def test_rows_by_offset_are_taken_from_their_place():
    pager = pager_for(Call("crm.item.list", {"order": {"title": "ASC"}}))
    assert pager.take(Reply({"items": [{"id": 1}], "more": []}, 1)) == [{"id": 1}]


@cases(
    ("first", "second", "same"),
    [
        ({"ID": 1}, {"ID": 1, "X": 2}, True),
        ({"id": 1}, {"id": 1, "X": 2}, True),
        ({"ID": 1, "id": 5}, {"ID": 2, "id": 5}, False),
        ({"X": 1, "Y": 2}, {"Y": 2, "X": 1}, True),
        ({"X": 1}, {"X": 2}, False),
        ({"ID": 1}, {"id": 1}, True),
    ],
)
def test_what_tells_rows_apart(first, second, same):
    pager = pager_for(Call("some.list"))
    pager.take(Reply([first], 2, 1))
    if same:
        with pytest.raises(e.IncompleteListError, match="came twice"):
            pager.take(Reply([second], 2))
    else:
        assert pager.take(Reply([second], 2)) == [second]


def test_a_list_that_grows_or_stops_counting_is_read_on():
    pager = pager_for(Call("user.get"))
    for page in (Reply(deals(1, 50), 120, 50), Reply(deals(51, 100), 121, 100), Reply(deals(101, 121), None)):
        pager.take(page)
    assert pager.next_call() is None


def test_rows_are_found_where_they_are():
    assert rows_of(Call("x.list"), Reply({"a": [1], "b": [2]}), "b") == [2]
    assert rows_of(Call("x.list"), Reply({"a": [1], "b": 2})) == [1]
    with pytest.raises(e.UnexpectedResultError) as caught:
        rows_of(Call("x.list"), Reply({"a": [1]}), "b")
    assert caught.value.method == "x.list"


def test_rows_by_id_are_taken_from_their_place():
    pager = pager_for(Call("crm.item.list"))
    assert pager.take(Reply({"items": [{"id": 1}], "more": []}, 1)) == [{"id": 1}]
