"""Long lists in several ranges at once: every row, in order, in few requests, and never far ahead."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as some
from rest_feed import STEADY, WEBHOOK, Feed
from rest_long_list import DEALS, LOG, LongList

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.reader import Reader
from airflow_provider_bitrix24.rest.session import Policy, Session

ORDERS = cases("order", ["ASC", "DESC"])
SHAPES = cases("item", [False, True], ids=["deals", "items"])


@pytest.mark.parametrize(
    ("rows", "lengths"), [(5050, [1, 50, 50]), (5051, [1, 2, 50, 50, 1]), (7550, [1, 2, 50, 50, 50])]
)
def test_a_list_of_a_few_requests_is_read_as_it_comes(rows, lengths):
    portal = LongList(set(range(1, rows + 1)))
    assert portal.read(in_flight=16) == sorted(portal.ids)
    assert portal.lengths == lengths


@pytest.mark.parametrize("in_flight", [2, 3, 40])
def test_no_more_ranges_are_under_way_than_allowed(in_flight):
    portal = LongList(set(range(1, 9_001)))
    assert portal.read(in_flight=in_flight, pages=4) == sorted(portal.ids)
    assert portal.most_under_way == in_flight


def test_one_at_a_time_needs_no_ranges():
    portal = LongList(set(range(1, 7551)))
    assert portal.read(in_flight=1) == sorted(portal.ids)
    assert portal.lengths == [1, 50, 50, 50]


# ---------------------------------------------------------------- what the caller asks for


@ORDERS
@SHAPES
def test_bounds_of_the_callers_own_are_kept(item, order):
    key = "id" if item else "ID"
    portal = LongList(set(range(1, 4001)), item)
    found = portal.read(order, in_flight=4, pages=5, filter={f">{key}": 500, f"<={key}": "3500"})
    assert found == sorted(range(501, 3501), reverse=order == "DESC")
    found = portal.read(order, in_flight=4, pages=5, filter={f">={key}": "500", f"<{key}": 3500})
    assert found == sorted(range(500, 3500), reverse=order == "DESC")
    assert portal.most_under_way == 4


def test_a_bound_that_is_no_number_is_left_to_the_portal():
    """What the portal makes of it cannot be told, so it is never overwritten by the bound of a range."""
    portal = LongList(set(range(1, 7551)))
    assert portal.read(in_flight=4, filter={"<=ID": "9999 or so"}) == []
    portal.read(in_flight=4, filter={"!>ID": 1, "<=id": "9999 or so"})
    assert portal.lengths == [1, 1, 50, 50, 50]


@ORDERS
def test_a_selection_without_the_id_stays_without(order):
    portal = LongList(set(range(1, 6001)))
    with pytest.raises(KeyError, match="ID"):
        portal.read(order, in_flight=4, select=["TITLE"])


def test_a_filter_that_a_batch_would_change_is_read_page_by_page():
    portal = LongList(set(range(1, 5401)))
    assert portal.read(in_flight=16, filter={"TITLE": "$result[x]"}) == sorted(portal.ids)
    assert portal.lengths == [1] * 108


# ---------------------------------------------------------------- trouble


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "SOMETHING_ELSE"])
def test_a_list_whose_ranges_cannot_be_counted_is_read_from_its_beginning(code):
    portal = LongList(set(range(1, 22_652, 3)), errors=dict.fromkeys(range(3, 23), code))
    assert portal.read(in_flight=4) == sorted(portal.ids)
    assert portal.lengths == [1, 2, 20, 50, 50, 50, 1]


@pytest.mark.parametrize("step", [1, 3])
def test_a_portal_that_knows_no_bounds_is_read_from_the_beginning(step):
    class Deaf(LongList):
        def _list(self, params: dict[str, Any], most: int, *, hole: bool) -> dict[str, Any]:
            bounds = {key: value for key, value in (params.get("filter") or {}).items() if key != "<=ID"}
            return super()._list({**params, "filter": bounds}, most, hole=hole)

    portal = Deaf(set(range(1, step * 7550, step)))
    assert portal.read(in_flight=4) == sorted(portal.ids)


def test_a_range_that_holds_more_than_was_counted_goes_on():
    portal = LongList(set(range(1, 30_000, 3)), added={25: set(range(2, 8000, 3))})
    found = portal.read(in_flight=4)
    assert found == sorted(set(found))
    assert set(range(1, 30_000, 3)) <= set(found)


@ORDERS
def test_a_row_that_is_left_out_for_good_is_an_error(order):
    portal = LongList(set(range(1, 6001)), holes={60})
    with pytest.raises(e.IncompleteListError, match="counts 6000 rows but showed 5999"):
        portal.read(order, in_flight=4)


@ORDERS
def test_references_that_are_not_resolved_cost_a_few_requests_and_no_row(order):
    portal = LongList(set(range(1, 6001)), resolves=False)
    assert portal.read(order, in_flight=2) == sorted(portal.ids, reverse=order == "DESC")


class Told:
    """Chooses what it is told, then the first."""

    def __init__(self, *choices: int) -> None:
        self._choices = list(choices)

    def randrange(self, count: int) -> int:
        return self._choices.pop(0) % count if self._choices else 0


def test_batches_near_the_cut_never_make_the_next_ones_longer_again():
    """One of fifty pages comes last, after shorter ones came near the cut as well."""
    portal = LongList(set(range(1, 30_001)), slow=41.0)
    assert portal.read(in_flight=4, choice=Told(0, 0, 0, 0, 2, 0)) == sorted(portal.ids)
    assert portal.lengths[:7] == [1, 2, 50, 50, 25, 50, 50], "as they were answered"
    assert max(portal.lengths[7:]) == 12


def test_a_wait_that_is_too_long_is_an_error():
    portal = LongList(set(range(1, 30_001)), errors=dict.fromkeys(range(2, 4000), "OPERATION_TIME_LIMIT"))
    impatient = Session(WEBHOOK, policy=Policy(jitter=STEADY.jitter, max_wait=1.0))
    with pytest.raises(e.OperationTimeLimitError) as caught:
        portal.read(feed=Feed([], session=impatient), in_flight=4)
    assert caught.value.retry_after


CODES = ["INTERNAL_SERVER_ERROR", "ACCESS_DENIED", "OPERATION_TIME_LIMIT", "ERROR_BATCH_LENGTH_EXCEEDED"]
PAGES = some.integers(0, 60)
IDS = some.integers(1, 6000)


@some.composite
def troubled(draw: Any) -> LongList:
    """A list with gaps and holes between the ids, and trouble at some pages."""
    step = draw(some.integers(1, 3))
    ids = set(range(draw(some.integers(1, 9)), draw(some.integers(1000, 5000)), step))
    hole = draw(some.integers(1, 4000))
    ids -= set(range(hole, hole + draw(some.integers(0, 1500))))
    return LongList(
        ids - draw(some.sets(IDS, max_size=20)),
        draw(some.booleans()),
        errors=draw(some.dictionaries(PAGES, some.sampled_from(CODES), max_size=4)),
        short=draw(some.dictionaries(PAGES, some.integers(0, 49), max_size=4)),
        added=draw(some.dictionaries(PAGES, some.sets(IDS, max_size=60), max_size=4)),
        removed=draw(some.dictionaries(PAGES, some.sets(IDS, max_size=60), max_size=4)),
        outages=draw(some.dictionaries(some.integers(0, 9), some.sampled_from([0, 502, 503]), max_size=2)),
        resolves=draw(some.integers(0, 9)) > 0,
        astray=draw(some.integers(1, 6000)),
    )


@pytest.mark.slow
@given(
    troubled(),
    some.sampled_from(["ASC", "DESC"]),
    some.integers(2, 5),
    some.integers(2, 10),
    some.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_every_row_that_was_there_all_the_time_comes_once_in_order(portal, order, in_flight, pages, choice):
    before = set(portal.ids)
    gone: set[int] = set().union(*portal.removed.values())
    new: set[int] = set().union(*portal.added.values())
    try:
        found = portal.read(order, in_flight=in_flight, choice=choice, pages=pages)
    except e.IncompleteListError:
        return
    assert found == sorted(set(found), reverse=order == "DESC"), "in order, none twice"
    assert set(found) >= before - gone
    assert set(found) <= before | new


# ---------------------------------------------------------------- memory


def held(title: str, in_flight: int) -> tuple[int, LongList]:
    """Ask for as much as may be under way before a row is taken; return how many requests that were."""
    portal, feed = LongList(set(range(1, 60_001)), title=title), Feed([])
    feed.script = portal.script
    reader = Reader(Call(DEALS), feed.session, LOG, in_flight)
    for _ in range(2):  # the first page, and the last rows
        [job] = reader.jobs(in_flight)
        job.take(feed.drive(job.exchange))
        reader.next_page()
    while jobs := list(reader.jobs(in_flight)):
        for job in jobs:
            job.take(feed.drive(job.exchange))
    return len(portal.requests) - 2, portal


@pytest.mark.parametrize("in_flight", [2, 7, 16])
def test_nothing_is_read_far_ahead_of_who_takes_the_rows(in_flight):
    requests, _ = held("x", in_flight)
    assert requests == in_flight


def test_longer_rows_are_read_less_far_ahead():
    requests, portal = held("x" * 1000, 16)
    assert requests == 3
    assert max(portal.lengths) == 50


def test_a_range_that_grew_is_read_on_only_when_it_is_its_turn():
    """Rows come into being in a range behind the first: what they fill is not read ahead of the others."""
    portal, feed = LongList(set(range(1, 60_001, 2))), Feed([])
    feed.script = portal.script
    reader = Reader(Call(DEALS), feed.session, LOG, 2)
    for _ in range(3):
        for job in list(reader.jobs(2)):
            job.take(feed.drive(job.exchange))
            reader.next_page()
    portal.add(set(range(2, 60_001, 2)))
    while jobs := list(reader.jobs(2)):
        for job in jobs:
            job.take(feed.drive(job.exchange))
    assert len(portal.requests) == 3 + 2
