"""What both clients make of the protocol's steps: for the ledger, for the authorisation server, in time."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import Any

import pytest
from rest_drivers import QUICK, Keeper, application_of, session_of, webhook_of
from rest_sockets import http

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Limits, Slot

TIME, GET = "server.time", "crm.deal.get"


class WatchedLock:
    """A lock that writes down what is done with it."""

    def __init__(self, seen: list[Any]) -> None:
        self._lock, self._seen = threading.Lock(), seen

    def acquire(self, blocking: bool = True) -> bool:
        self._seen.append("acquire")
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._seen.append("release")
        self._lock.release()


class WatchedLedger(ProcessLedger):
    """A ledger that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.reserved: list[Any] = []
        self.settled: list[Any] = []
        self.current: list[Any] = []
        self.asked: list[Any] = []
        self.renewals: list[Any] = []

    def reserve(self, portal: str, limits: Limits, at_most: Any = None) -> Slot:
        self.reserved.append((portal, limits, at_most))
        return super().reserve(portal, limits, at_most)

    def settle(self, portal: str, limits: Limits, slot: Slot, *, passed: Any, readings: Any) -> None:
        self.settled.append((portal, limits, slot, passed, [reading.meter for reading in readings]))
        super().settle(portal, limits, slot, passed=passed, readings=readings)

    def is_current(self, portal: str, slot: Slot) -> bool:
        self.current.append((portal, slot))
        return super().is_current(portal, slot)

    def blocked(self, meters: Any) -> Any:
        self.asked.append(list(meters))
        return super().blocked(meters)

    def renewal(self, identity: str) -> Any:
        self.renewals.append(identity)
        return WatchedLock(self.renewals)


@pytest.fixture
def ledger() -> WatchedLedger:
    return WatchedLedger()


def test_what_the_ledger_is_told(box, open_driver, ledger):
    session = session_of(webhook_of(box), limits=Limits(1.0, 3.0))
    driver = open_driver(session, ledger=ledger)
    portal, limits = session.credentials.portal, session.limits
    deal = box.add_item("deal", {"TITLE": "x"})
    driver.call(GET, {"id": deal})
    assert ledger.reserved == [(portal, limits, QUICK.max_wait)]
    [meter] = ledger.asked[0]
    assert meter.endswith("crm.deal.get")
    [told] = ledger.settled
    assert (told[:2], told[3:]) == ((portal, limits), (True, [meter]))


def test_the_ledger_is_told_that_no_answer_came(box, open_driver, ledger):
    driver = open_driver(session_of(webhook_of(box)), ledger=ledger)
    box.inject("drop_before", TIME)
    box.inject("error", TIME, code="QUERY_LIMIT_EXCEEDED", status=503)
    driver.call(TIME)
    assert [told[3] for told in ledger.settled] == [None, False, True]
    portal = driver.session.credentials.portal
    assert {told[0] for told in ledger.settled} == {portal}


def test_a_slot_waited_for_is_asked_about(box, open_driver, ledger):
    """A refusal that somebody else met in the meantime makes it void."""
    driver = open_driver(session_of(webhook_of(box), limits=Limits(20.0, 1.0)), ledger=ledger)
    for _ in range(3):
        driver.call(TIME)
    assert ledger.current
    assert {portal for portal, _ in ledger.current} == {driver.session.credentials.portal}


def test_a_wait_that_is_too_long_takes_no_slot(box, open_driver, ledger):
    session = session_of(webhook_of(box), limits=Limits(0.01, 1.0))
    driver = open_driver(session, ledger=ledger)
    driver.call(TIME)
    for _ in range(2):
        with pytest.raises(e.RequestLimitError) as caught:
            driver.call(TIME)
        assert caught.value.retry_after < 101, "the one before took no slot"
    assert len(box.requests) == 1


# ---------------------------------------------------------------- renewal


@pytest.mark.parametrize("revoked", [False, True])
def test_tokens_are_renewed_under_the_applications_lock(box, open_driver, ledger, revoked):
    application = application_of(box)
    driver = open_driver(session_of(application), keeper=Keeper(), ledger=ledger)
    box.expire_access_tokens()
    if revoked:
        box.revoke_refresh_token()
    with pytest.raises(e.TokenRenewalError) if revoked else contextlib.nullcontext():
        driver.call(TIME)
    assert ledger.renewals == [application.identity, "acquire", "release"]


def test_what_the_authorisation_server_is_sent(box, open_driver, raw_server):
    """The pair is asked for with a form, each time on a connection of its own that is closed afterwards."""
    server = raw_server(http(b"<html>", "502 Bad Gateway"), keep_alive=True)
    application = replace(application_of(box), server=server.origin)
    box.expire_access_tokens()
    driver = open_driver(session_of(application), keeper=Keeper())
    with pytest.raises(e.AuthorizationServerError):
        driver.call(TIME)
    assert server.came_on == [1, 2, 3, 4]
    head = server.heads[0].decode().lower() + "\r\n"
    assert head.startswith("post /oauth/token/ http/1.1\r\n")
    assert "content-type: application/x-www-form-urlencoded\r\n" in head
    assert "accept: application/json\r\n" in head
    assert "user-agent: airflow-provider-bitrix24/" in head
    assert f"refresh_token={application.tokens.refresh}".encode() in server.bodies[0]


# ---------------------------------------------------------------- seconds


@pytest.mark.parametrize("end", ["status", "drop_after"])
def test_a_batch_that_came_near_the_cut_is_halved(box, open_driver, end):
    """The portal cuts a request off after a minute; here, as if after some tenths of a second."""
    deals = [box.add_item("deal", {"TITLE": "x"}) for _ in range(4)]
    box.inject("delay", "batch", seconds=0.15)
    box.inject(end, "batch", status=502)
    driver = open_driver(session_of(webhook_of(box), policy=replace(QUICK, cut=0.15)))
    outcomes = driver.batch([Call(GET, {"id": deal}) for deal in deals])
    assert [outcome.unwrap()["ID"] for outcome in outcomes] == [str(deal) for deal in deals]
    assert [entry.n_commands for entry in box.requests] == [4, 2, 2]


def test_an_answer_that_came_at_once_leaves_the_batch_whole(box, open_driver):
    deals = [box.add_item("deal", {"TITLE": "x"}) for _ in range(4)]
    box.inject("status", "batch", status=502)
    open_driver(session_of(webhook_of(box))).batch([Call(GET, {"id": deal}) for deal in deals])
    assert [entry.n_commands for entry in box.requests] == [4, 4]
