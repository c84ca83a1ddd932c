"""Many calls: which of them travel together, and none where there is no use in going on."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from rest_feed import CODE, STEADY, WEBHOOK, Feed, lost, maps, moved, ok, refusal

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.batches import BATCH_BYTES, Many, groups, is_fatal_for_all
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.session import Policy, Session

ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})
ODD = Call("crm.deal.update", {"id": 1, "fields": {"X": None}})


def get(number: int) -> Call:
    return Call("crm.deal.get", {"id": number})


# ---------------------------------------------------------------- groups


def update(length: int) -> Call:
    """Return a call whose command has so many bytes."""
    empty = len(Call("x.update", {"t": ""}).command())
    return Call("x.update", {"t": "x" * (length - empty)})


@pytest.mark.parametrize(("over", "sizes"), [(0, [2]), (1, [1, 1])])
def test_a_batch_takes_as_many_bytes_as_it_may_and_not_one_more(over, sizes):
    calls = [update(BATCH_BYTES - 1000), update(1000 + over)]
    assert [len(group) for group in groups(calls)] == sizes


def test_every_batch_is_measured_anew():
    half, most = update(BATCH_BYTES // 2), update(BATCH_BYTES - 100)
    small = update(50)
    assert [len(group) for group in groups([half, most, small, ODD, half, half])] == [1, 2, 1, 2]
    assert [len(group) for group in groups([half, half, half, half, half])] == [2, 2, 1]


def test_the_groups_know_where_they_begin():
    many = Many([get(1), get(2), ODD, get(3)], Session(WEBHOOK))
    assert many.groups == [(0, [get(1), get(2)]), (2, [ODD]), (3, [get(3)])]


# ---------------------------------------------------------------- all of them


def in_turn(feed: Feed, *calls: Call) -> list[Outcome]:
    return feed.drive(Many(calls, feed.session).in_turn())


def test_all_groups_are_carried_out_in_turn():
    feed = Feed([maps(result={"c0": {"ID": "1"}, "c1": {"ID": "2"}}), ok(True), ok({"ID": "3"})])
    outcomes = in_turn(feed, get(1), get(2), ODD, get(3))
    assert [outcome.call for outcome in outcomes] == [get(1), get(2), ODD, get(3)]
    assert [outcome.result for outcome in outcomes] == [{"ID": "1"}, {"ID": "2"}, True, {"ID": "3"}]


@pytest.mark.parametrize(
    "answer",
    [refusal("NO_AUTH_FOUND", "", 401), moved(f"https://evil.example/rest/1/{CODE}/crm.deal.update")],
    ids=["revoked", "moved-away"],
)
def test_trouble_of_the_connection_that_does_not_pass_ends_the_rest(answer):
    feed = Feed([answer])
    outcomes = in_turn(feed, ODD, get(1), ODD)
    assert len(feed.sent) == 1
    assert [outcome.call for outcome in outcomes] == [ODD, get(1), ODD]
    assert outcomes[0].error is not None
    assert all(outcome.error is outcomes[0].error for outcome in outcomes)


def test_the_end_is_remembered_where_groups_go_out_in_any_order():
    feed = Feed([ok(True), refusal("NO_AUTH_FOUND", "", 401)])
    many = Many([ODD, ODD], feed.session)
    assert feed.drive(many.exchange([ODD]))[0].ok
    assert type(feed.drive(many.exchange([ODD]))[0].error) is e.AuthenticationError
    assert type(feed.drive(many.exchange([ADD]))[0].error) is e.AuthenticationError
    assert len(feed.sent) == 2


def test_an_exchange_that_was_under_way_does_not_take_the_end_back():
    feed = Feed([refusal("NO_AUTH_FOUND", "", 401)])
    many = Many([ODD, ODD], feed.session)
    late = many.exchange([ODD])
    step = next(late)
    feed.drive(many.exchange([ODD]))
    feed.script = [ok(True)]
    rest = _continued(late, feed, step)
    assert feed.drive(rest)[0].ok
    assert type(feed.drive(many.exchange([ADD]))[0].error) is e.AuthenticationError


def _continued(generator: Any, feed: Feed, step: Any) -> Any:
    """Go on with an exchange whose first step is known."""
    answer = yield step
    while True:
        try:
            answer = yield generator.send(answer)
        except StopIteration as stop:
            return stop.value


@pytest.mark.parametrize(
    "answers",
    [[refusal("NOT_FOUND", "", 400)], [refusal("ACCESS_DENIED", "", 403)], [lost()] * 6],
    ids=["not-found", "denied", "lost"],
)
def test_trouble_of_a_call_does_not_end_the_others(answers):
    feed = Feed([*answers, ok(True)])
    assert [outcome.ok for outcome in in_turn(feed, ODD, ODD)] == [False, True]


def test_a_wait_for_the_request_limit_that_is_too_long_ends_the_rest():
    feed = Feed([], session=Session(WEBHOOK, policy=Policy(jitter=STEADY.jitter, max_wait=1.0)))
    for _ in range(100):
        feed.ledger.reserve(WEBHOOK.portal, feed.session.limits)
    first, second = in_turn(feed, ODD, ADD)
    assert type(first.error) is e.RequestLimitError
    assert second.error is first.error
    assert second.call == ADD


@cases(
    ("error", "ends"),
    [
        (None, False),
        (e.AuthenticationError(), True),
        (e.NotAPortalError(), True),
        (e.AuthorizationServerError(), False),
        (e.AccessDeniedError(), False),
        (e.ServerError(), False),
        (e.RequestLimitError(), False),
        (e.RequestLimitError(retry_after=0.0), True),
        (e.OperationTimeLimitError(retry_after=9.0), False),
    ],
)
def test_what_ends_all(error, ends):
    assert is_fatal_for_all(Outcome(ADD, error=error)) is ends
