"""Which calls travel together."""

from __future__ import annotations

import signal
from contextlib import closing

import pytest
from cases import cases
from rest_drivers import SyncDriver, session_of, webhook_of

from airflow_provider_bitrix24.rest.batches import groups
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.errors import AuthenticationError, RequestLimitError
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Limits
from airflow_provider_bitrix24.rest.session import Policy
from airflow_provider_bitrix24.rest.wire import Wire


def sizes(calls: list[Call]) -> list[int]:
    found = list(groups(iter(calls)))
    assert [call for group in found for call in group] == calls, "all of them, in order"
    return [len(group) for group in found]


def small(number: int) -> Call:
    return Call("crm.deal.get", {"id": number})


ODD = Call("crm.deal.update", {"id": 1, "fields": {"X": None}})


@cases(("count", "expected"), [(0, []), (1, [1]), (50, [50]), (51, [50, 1]), (120, [50, 50, 20])])
def test_fifty_at_a_time(count, expected):
    assert sizes([small(number) for number in range(1, count + 1)]) == expected


@cases(
    ("calls", "expected"),
    [
        ([ODD], [1]),
        ([small(1), ODD, small(2)], [1, 1, 1]),
        ([small(1), small(2), ODD, ODD, small(3), small(4)], [2, 1, 1, 2]),
        ([Call("batch", {"cmd": {"a": "profile"}}), small(1)], [1, 1]),
    ],
    ids=["alone", "between", "two", "batch"],
)
def test_what_a_batch_would_change_travels_alone(calls, expected):
    assert sizes(calls) == expected


def test_batches_are_bounded_in_bytes():
    big = [Call("crm.deal.update", {"id": n, "fields": {"T": "x" * 100_000}}) for n in range(7)]
    assert sizes(big) == [3, 3, 1]


def test_bytes_are_counted_as_encoded():
    text = [Call("crm.deal.update", {"id": n, "fields": {"T": "ж" * 25_000}}) for n in range(4)]
    assert sizes(text) == [2, 2]


def test_what_fills_a_batch_by_itself_travels_alone():
    huge = Call("crm.deal.update", {"id": 1, "fields": {"T": "x" * 500_000}})
    assert sizes([small(1), huge, small(2)]) == [1, 1, 1]


def test_a_revoked_webhook_ends_many_calls_with_one_request(driver, box):
    box.revoke_webhook()
    outcomes = driver.batch([small(number) for number in range(1, 121)])
    assert [type(outcome.error) for outcome in outcomes] == [AuthenticationError] * 120
    assert [outcome.call.params["id"] for outcome in outcomes] == list(range(1, 121))
    assert len(box.requests) == 1


def test_a_batch_that_fails_for_itself_does_not_end_the_others(driver, box):
    deal = box.add_item("deal", {"TITLE": "Grinders"})
    box.inject("drop_before", "batch", times=4)
    outcomes = driver.batch([Call("crm.deal.get", {"id": deal})] * 120)
    assert [outcome.ok for outcome in outcomes] == [False] * 50 + [True] * 70


@pytest.fixture
def client(box):
    with closing(SyncDriver(session_of(webhook_of(box)))) as opened:
        yield opened.client


def test_several_requests_in_flight_keep_the_order_of_the_outcomes(client, box):
    deals = box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(400)])
    box.inject("delay", "batch", seconds=0.2, times=1)  # the first to be sent is the last to be answered
    outcomes = client.batch([Call("crm.deal.get", {"id": deal}) for deal in deals], in_flight=4)
    assert [outcome.result["ID"] for outcome in outcomes] == [str(deal) for deal in deals]
    assert len(box.requests) == 8


def test_requests_in_flight_survive_a_burst_of_trouble(box):
    box.inject("status", times=6, status=502, body="html")
    session = session_of(webhook_of(box), policy=Policy(attempts=7))  # all of it may strike one request
    with closing(SyncDriver(session)) as driver:
        outcomes = driver.client.batch([small(number) for number in range(1, 501)], in_flight=8)
    assert [outcome.call for outcome in outcomes] == [small(number) for number in range(1, 501)]
    assert len(box.requests) == 16


def test_a_wait_that_is_too_long_ends_what_is_not_in_flight_yet(box):
    """A slot that is reserved and given up is lost, so no more of them are."""
    session = session_of(webhook_of(box), limits=Limits(0.1, 1), policy=Policy(max_wait=5.0))
    with closing(SyncDriver(session)) as driver:
        outcomes = driver.client.batch([small(number) for number in range(1, 501)], in_flight=1)
    assert [type(outcome.error) for outcome in outcomes[50:]] == [RequestLimitError] * 450
    assert outcomes[-1].error.retry_after < 15.0
    assert len(box.requests) == 1


def test_a_revoked_webhook_ends_what_is_not_in_flight_yet(client, box):
    box.revoke_webhook()
    outcomes = client.batch([small(number) for number in range(1, 1001)], in_flight=2)
    assert {type(outcome.error) for outcome in outcomes} == {AuthenticationError}
    assert len(outcomes) == 1000
    assert len(box.requests) < 5


@pytest.mark.slow
def test_an_interrupted_task_sends_nothing_more(box):
    """What is under way ends; what waits, for the limits as well, is not sent."""
    client = Client(session_of(webhook_of(box), limits=Limits(1.0, 2)), ProcessLedger(), Wire())
    box.inject("delay", "batch", seconds=0.3, times=None)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            client.batch([small(number) for number in range(1, 1001)], in_flight=4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    sent = len(box.requests)
    assert sent <= 4
    assert client.batch([small(1)])[0].error is not None, "and the client can be used again"
