"""How many pages of a list are asked for at once, and what long lists say of themselves."""

from __future__ import annotations

import logging

import pytest
from cases import cases
from rest_feed import Feed, lost, maps, ok, refusal
from rest_long_list import DEALS, LOG, LongList

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.chains import Pace, PageReader
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.session import Session


def ids(count: int) -> set[int]:
    return set(range(1, count + 1))


def reader_of(session: Session) -> PageReader:
    return PageReader(pager_for(Call(DEALS)), session, LOG, Pace())


@pytest.mark.parametrize(("seconds", "lengths"), [(40.0, [1, 50, 29]), (40.1, [1, 50, 25, 4])])
def test_a_batch_of_more_than_forty_seconds_halves_the_next(seconds, lengths):
    portal = LongList(ids(4000), slow=seconds)
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == lengths


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "ACCESS_DENIED"])
def test_a_batch_of_which_nothing_came_halves_the_next(code):
    portal = LongList(ids(1000), errors=dict.fromkeys(range(1, 20), code))
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 19, 1, 9, 9]


def test_a_batch_of_three_pages_of_which_nothing_came_is_read_page_by_page():
    portal = LongList(ids(200), errors=dict.fromkeys(range(1, 4), "INTERNAL_SERVER_ERROR"))
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 3, 1, 1, 1]


@cases(
    "times",
    [
        {"start": 1.0},
        {"finish": 99.0},
        {"start": "1", "finish": 99.0},
        {"start": 1.0, "finish": "99"},
        {"start": False, "finish": 99.0},
        "99",
        [99.0],
    ],
)
def test_a_time_that_is_none_halves_nothing(times):
    portal = LongList(ids(4000), times=times)
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 50, 29]


def test_one_page_that_failed_shortens_nothing():
    portal = LongList(ids(1000), errors={19: "INTERNAL_SERVER_ERROR"})
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 19, 1]


@pytest.mark.parametrize("taken", [1, 18])
def test_the_next_batch_has_as_many_commands_as_the_portal_took(taken):
    surplus = dict.fromkeys(range(1 + taken, 20), "ERROR_BATCH_LENGTH_EXCEEDED")
    portal = LongList(ids(1000), errors=surplus)
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths[:3] == [1, 19, 1]
    assert max(portal.lengths[2:]) <= taken


def test_a_chain_after_good_ones_is_not_given_up_early():
    """Only chains in vain in a row count."""
    portal = LongList(ids(1000), wrong=dict.fromkeys((1, 9), False))
    assert portal.read() == sorted(portal.ids)
    assert sum(length > 1 for length in portal.lengths) >= 2


def test_good_chains_go_on_to_the_end():
    portal = LongList(ids(12_550))
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths == [1, 50, 50, 50, 50, 50]


def test_only_the_third_chain_in_vain_in_a_row_is_the_last():
    """The pages are numbered as they are served: after a chain in vain comes one page by itself."""
    portal = LongList(ids(20_000), wrong=dict.fromkeys((51, 102, 153), False))
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths[:8] == [1, 50, 50, 1, 50, 1, 50, 1]
    assert set(portal.lengths[8:]) == {1}


def test_a_chain_with_two_good_pages_is_not_in_vain():
    portal = LongList(ids(20_000), wrong=dict.fromkeys((3, 54, 105, 156), False))
    assert portal.read() == sorted(portal.ids)
    assert portal.lengths[:9] == [1, 50, 1, 50, 1, 50, 1, 50, 1]
    assert max(portal.lengths[9:]) > 1


@pytest.mark.parametrize(
    ("answer", "cls"),
    [
        (refusal("NO_AUTH_FOUND", "", 401), e.AuthenticationError),
        (refusal("OVERLOAD_LIMIT", "", 503), e.OverloadError),
    ],
)
def test_trouble_that_hits_every_call_is_not_asked_for_again(answer, cls):
    reader = reader_of(Feed([]).session)
    first = [{"ID": str(number)} for number in range(1, 51)]
    feed = Feed([ok(first, total=400, next=50), answer], session=reader._session)
    assert [len(rows) for rows in reader.take(feed.drive(reader.next_request()))] == [50]
    with pytest.raises(cls):
        list(reader.take(feed.drive(reader.next_request())))
    assert len(feed.sent) == 2


def test_a_page_that_cannot_be_read_by_itself_is_an_error():
    reader = reader_of(Feed([]).session)
    feed = Feed([lost()] * 6, session=reader._session)
    with pytest.raises(e.ConnectionLostError):
        list(reader.take(feed.drive(reader.next_request())))


def test_the_outcomes_are_used_up():
    reader = reader_of(Feed([]).session)
    pages = [[{"ID": str(number)} for number in range(first, first + 50)] for first in (1, 51, 101, 151)]
    broken = maps(result={"c0": pages[1], "c1": pages[2][:20], "c2": pages[3]})
    feed = Feed([ok(pages[0], total=200, next=50), broken], session=reader._session)
    for _ in range(2):
        outcomes = feed.drive(reader.next_request())
        lengths = [len(rows) for rows in reader.take(outcomes)]
        assert outcomes == []
    assert lengths == [50, 20]


def test_a_page_that_has_to_be_read_again_is_told_in_the_debug_log(caplog):
    caplog.set_level(logging.DEBUG, LOG.name)
    portal = LongList(ids(400), errors={2: "ACCESS_DENIED"})
    portal.read()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        "page 2 of 7 in a batch has to be read again: crm.deal.list at portal.bitrix24.com: ACCESS_DENIED"
    )


@pytest.mark.parametrize("start", [50, "50"])
def test_a_page_in_the_middle_is_refused(start):
    with pytest.raises(e.InvalidInputError):
        pager_for(Call(DEALS, {"start": start}))
