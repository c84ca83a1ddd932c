"""Lists that change while they are read: what was there all the time comes, and nothing is called missing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from rest_long_list import LongList

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.reply import Reply

DEALS = 300
ORDERS = pytest.mark.parametrize("order", ["ASC", "DESC"])


def busy_portal(choice: random.Random, changes: int) -> LongList:
    """Return a list of deals, to which some are added, and from which some go, before each page."""
    ids = set(range(1, DEALS + 1))
    newest = DEALS
    portal = LongList(set(ids))
    for page in range(14):
        count = choice.randint(0, changes)
        portal.added[page] = set(range(newest + 1, newest + 1 + count))
        newest += count
        portal.removed[page] = set(choice.sample(range(1, newest + 1), choice.randint(0, changes)))
    return portal


@pytest.mark.slow
@given(some.randoms(use_true_random=False), some.integers(1, 20), some.sampled_from(["ASC", "DESC"]))
@settings(max_examples=80, deadline=None)
def test_new_and_deleted_rows_are_no_missing_ones(choice, changes, order):
    portal = busy_portal(choice, changes)
    before = set(portal.ids)
    gone: set[int] = set().union(*portal.removed.values())
    new: set[int] = set().union(*portal.added.values())
    found = portal.read(order)
    assert found == sorted(set(found), reverse=order == "DESC"), "in order, none twice"
    assert before - gone <= set(found) <= before | new


def read(order: str, *replies: Reply) -> tuple[list[int], list[Call]]:
    """Read a list whose pages are answered like this; return the ids and the calls."""
    pager = pager_for(Call("crm.deal.list", {"order": {"ID": order}}))
    waiting, found, asked = list(replies), [], []
    while (call := pager.next_call()) is not None:
        asked.append(call)
        found += [int(row["ID"]) for row in pager.take(waiting.pop(0))]
    assert not waiting
    return found, asked


def deals(*ids: int) -> list[dict[str, str]]:
    return [{"ID": str(number)} for number in ids]


def test_a_recount_that_finds_more_reads_on_past_the_last_id():
    """Ten deals went before their page was read, and twelve were added after the last page."""
    found, asked = read(
        "ASC",
        Reply(deals(*range(1, 51)), 70, 50),
        Reply(deals(*range(51, 61)), 10),
        Reply(deals(1), 72),
        Reply(deals(*range(71, 83)), 12),
    )
    assert found == [*range(1, 61), *range(71, 83)]
    assert asked[3].params == {"order": {"ID": "ASC"}, "filter": {">ID": 60}}


def test_a_recount_leaves_out_what_was_added_before_the_first_row():
    found, asked = read(
        "DESC",
        Reply(deals(*range(70, 20, -1)), 70, 50),
        Reply(deals(*range(20, 10, -1)), 10),
        Reply(deals(70), 60),
    )
    assert found == [*range(70, 10, -1)]
    assert asked[2].params == {"order": {"ID": "DESC"}, "filter": {"<ID": 71}}


@ORDERS
def test_rows_that_are_counted_twice_but_never_come_are_an_error(order):
    ids = list(range(1, 61))
    if order == "DESC":
        ids.reverse()
    pages = [Reply(deals(*ids[:50]), 70, 50), Reply(deals(*ids[50:]), 10)]
    with pytest.raises(e.IncompleteListError, match="the portal counts 70 rows but showed 60"):
        read(order, *pages, Reply(deals(ids[0]), 70), Reply([], 0), Reply(deals(ids[0]), 70))


def test_a_recount_that_found_more_may_find_no_more_the_second_time():
    pages = [Reply(deals(*range(1, 51)), 70, 50), Reply(deals(*range(51, 61)), 10)]
    found, _ = read("ASC", *pages, Reply(deals(1), 61), Reply([], 0), Reply(deals(1), 60))
    assert found == [*range(1, 61)]
