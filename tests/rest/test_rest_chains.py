"""Whole lists in few requests: every row or an error, whatever happens inside a batch."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as some
from rest_feed import STEADY, WEBHOOK, Feed
from rest_long_list import LongList

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.session import Policy, Session

ORDERS = cases("order", ["ASC", "DESC"])
SHAPES = cases("item", [False, True], ids=["deals", "items"])


def numbers(count: int) -> set[int]:
    return set(range(7, 7 + 3 * count, 3))


@ORDERS
@SHAPES
@cases(
    ("rows", "lengths"),
    [
        (0, [1]),
        (50, [1]),
        (51, [1, 1]),
        (100, [1, 1]),
        (101, [1, 2]),
        (150, [1, 2]),
        (151, [1, 3]),
        (2550, [1, 50]),
        (2600, [1, 50, 1]),
        (5050, [1, 50, 50]),
        (5100, [1, 50, 50, 1]),
    ],
)
def test_no_page_is_asked_for_in_vain(rows, lengths, item, order):
    portal = LongList(numbers(rows), item)
    assert portal.read(order) == sorted(portal.ids, reverse=order == "DESC")
    assert portal.lengths == lengths


def test_only_the_last_page_is_counted():
    portal = LongList(numbers(240))
    portal.read()
    assert ["start=-1" in command for command in portal.requests[1]] == [True, True, True, False]


@ORDERS
@SHAPES
def test_a_selection_without_the_id(item, order):
    portal = LongList(numbers(300), item)
    name = "id" if item else "ID"
    with pytest.raises(KeyError, match=name):  # the helper looks for it in vain: it is taken out again
        portal.read(order, select=["TITLE"])
    assert all(f"select[0]={name}" in command for request in portal.requests[1:] for command in request)


@ORDERS
@SHAPES
@cases("page", [1, 2, 3, 6])
@cases(
    "trouble",
    [
        {"short": 20},
        {"short": 0},
        {"errors": "INTERNAL_SERVER_ERROR"},
        {"errors": "ACCESS_DENIED"},
        {"errors": "OPERATION_TIME_LIMIT"},
        {"errors": "ERROR_BATCH_LENGTH_EXCEEDED"},
        {"wrong": False},
        {"wrong": [{"TITLE": "no id"}] * 50},
        {"wrong": [{"ID": "8"}] * 50},
    ],
)
def test_a_page_that_is_not_whole_is_read_again(trouble, page, item, order):
    """What the commands behind it answer is not believed: their references led somewhere else."""
    [(kind, value)] = trouble.items()
    portal = LongList(numbers(400), item, **{kind: {page: value}})
    assert portal.read(order) == sorted(portal.ids, reverse=order == "DESC")
    assert portal.lengths[:3] == [1, 7, 1]


@ORDERS
@SHAPES
@cases("trouble", [{"short": 20}, {"errors": "X"}, {"wrong": False}])
def test_nothing_is_skipped_where_a_reference_leads_ahead(trouble, item, order):
    """Rows far ahead would look like the next ones."""
    [(kind, value)] = trouble.items()
    portal = LongList(numbers(400), item, astray=900 if order == "ASC" else 300, **{kind: {3: value}})
    assert portal.read(order) == sorted(portal.ids, reverse=order == "DESC")


@ORDERS
def test_a_row_that_is_left_out_for_good_is_an_error(order):
    portal = LongList(numbers(400), holes={4})
    with pytest.raises(e.IncompleteListError, match="counts 400 rows but showed 399"):
        portal.read(order)


@ORDERS
def test_references_that_are_not_resolved_cost_a_few_requests_and_no_row(order):
    portal = LongList(numbers(600), resolves=False)
    assert portal.read(order) == sorted(portal.ids, reverse=order == "DESC")
    assert sum(length > 1 for length in portal.lengths) == 3, "after that page by page"


@pytest.mark.parametrize("status", [0, 502])
def test_a_chain_is_sent_again_as_a_whole(status):
    portal = LongList(numbers(400), outages={1: status})
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 7, 7]
    assert portal.requests[1] == portal.requests[2]


def test_a_portal_that_takes_fewer_commands_is_asked_for_fewer():
    portal = LongList(numbers(1000), errors=dict.fromkeys(range(11, 20), "ERROR_BATCH_LENGTH_EXCEEDED"))
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 19, 1, 8]


def test_a_batch_near_the_cut_makes_the_next_ones_shorter():
    portal = LongList(numbers(6000), slow=45.0)
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths[:4] == [1, 50, 25, 12]


def test_long_rows_come_in_shorter_batches():
    """Fifty pages of them would take too much memory."""
    portal = LongList(numbers(1000), title="x" * 20_000)
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 11, 8]


def test_rows_that_are_too_long_for_a_batch_come_page_by_page():
    portal = LongList(numbers(200), title="x" * 200_000)
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 1, 1, 1]


def test_a_long_filter_is_not_sent_fifty_times():
    portal = LongList(numbers(2000))
    assert portal.read(filter={"TITLE": "x" * 20_000}) == sorted(portal.ids)
    assert portal.lengths == [1, 19, 19, 1]


def test_a_wait_that_is_too_long_is_an_error():
    portal = LongList(numbers(400), errors=dict.fromkeys(range(1, 400), "OPERATION_TIME_LIMIT"))
    impatient = Session(WEBHOOK, policy=Policy(jitter=STEADY.jitter, max_wait=1.0))
    with pytest.raises(e.OperationTimeLimitError) as caught:
        portal.read(feed=Feed([], session=impatient))
    assert caught.value.retry_after


@pytest.mark.parametrize("text", ["$result[x]", "<b>", "select * from x"])
def test_a_filter_that_a_batch_would_change_is_read_page_by_page(text):
    portal = LongList(numbers(300))
    assert portal.read(filter={"TITLE": text}) == sorted(portal.ids)
    assert portal.lengths == [1] * 6


@pytest.mark.parametrize("value", [None, True, []], ids=repr)
def test_so_is_one_with_values_that_a_batch_has_no_words_for(value):
    portal = LongList(numbers(300))
    assert portal.read(filter={"OPENED": value}) == sorted(portal.ids)
    assert portal.lengths == [1] * 6


CODES = ["INTERNAL_SERVER_ERROR", "ACCESS_DENIED", "OPERATION_TIME_LIMIT", "ERROR_BATCH_LENGTH_EXCEEDED"]
PAGES = some.integers(0, 60)
IDS = some.integers(1, 4000)


@some.composite
def troubled(draw: Any) -> LongList:
    """A list with gaps between the ids and trouble at some pages."""
    step = draw(some.integers(1, 4))
    ids = set(range(draw(some.integers(1, 9)), draw(some.integers(1, 4000)), step))
    return LongList(
        ids - draw(some.sets(IDS, max_size=20)),
        draw(some.booleans()),
        errors=draw(some.dictionaries(PAGES, some.sampled_from(CODES), max_size=4)),
        short=draw(some.dictionaries(PAGES, some.integers(0, 49), max_size=4)),
        added=draw(some.dictionaries(PAGES, some.sets(IDS, max_size=60), max_size=4)),
        removed=draw(some.dictionaries(PAGES, some.sets(IDS, max_size=60), max_size=4)),
        outages=draw(some.dictionaries(some.integers(0, 9), some.sampled_from([0, 502, 503]), max_size=2)),
        resolves=draw(some.integers(0, 9)) > 0,
    )


@pytest.mark.slow
@given(troubled(), some.sampled_from(["ASC", "DESC"]))
@settings(max_examples=150, deadline=None)
def test_every_row_that_was_there_all_the_time_or_an_error(portal, order):
    before = set(portal.ids)
    gone: set[int] = set().union(*portal.removed.values())
    new: set[int] = set().union(*portal.added.values())
    try:
        found = portal.read(order)
    except e.IncompleteListError:
        return
    assert found == sorted(set(found), reverse=order == "DESC"), "none twice"
    assert set(found) >= before - gone
    assert set(found) <= before | new
