"""The ledger that all hooks of a process share."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from rest_feed import WEBHOOK, Clock

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.ledgers.process import PROCESS_LEDGER, ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Limits, Reading
from airflow_provider_bitrix24.rest.wire import Wire
from airflow_provider_bitrix24.testing import Bitrix24Portal
from airflow_provider_bitrix24.testing import Limits as PortalLimits

PORTAL, LIMITS = WEBHOOK.portal, Limits()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(clock):
    return ProcessLedger(clock, clock)


def test_slots_come_in_the_order_they_were_asked_for(ledger):
    waits = [ledger.reserve(PORTAL, LIMITS).wait for _ in range(60)]
    assert waits == sorted(waits)
    assert len(set(waits[48:])) == 12


def test_portals_are_independent(ledger):
    for _ in range(100):
        ledger.reserve(PORTAL, LIMITS)
    assert ledger.reserve("other.bitrix24.com", LIMITS).wait == 0.0


def test_every_thread_gets_a_slot_of_its_own(ledger):
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: ledger.reserve(PORTAL, LIMITS).wait, range(400)))
    assert sorted(waits)[48:] == pytest.approx([0.5 / 0.999 * n for n in range(1, 353)])


def test_a_refusal_voids_the_slots_of_all(ledger, clock):
    first, second = ledger.reserve(PORTAL, LIMITS), ledger.reserve(PORTAL, LIMITS)
    ledger.settle(PORTAL, LIMITS, first, passed=False, readings=())
    assert not ledger.is_current(PORTAL, second)
    again = ledger.reserve(PORTAL, LIMITS)
    assert ledger.is_current(PORTAL, again)
    assert again.wait == pytest.approx(1.0)
    clock.now += 5
    ledger.settle(PORTAL, LIMITS, again, passed=True, readings=())
    assert ledger.is_current(PORTAL, again)


def test_blocked_methods(ledger, clock):
    slot = ledger.reserve(PORTAL, LIMITS)
    ledger.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("a", True), Reading("b", False, 5.0)])
    assert ledger.blocked(["a", "b", "c"]) == {"a": 10.0}
    clock.now += 10
    assert ledger.blocked(["a"]) == {}


def test_one_renewal_lock_for_one_application(ledger):
    lock = ledger.renewal("x")
    assert ledger.renewal("x") is lock
    assert lock.acquire(blocking=False)
    assert not lock.acquire(blocking=False)
    assert ledger.renewal("y").acquire(blocking=False)
    lock.release()


@pytest.mark.parametrize("held", ["ledger", "renewal"])
def test_a_fork_leaves_no_lock_behind(ledger, held):
    """A process forked while another thread held a lock can still reserve and renew, and knows the state."""
    for _ in range(60):
        ledger.reserve(PORTAL, LIMITS)
    lock = ledger._lock if held == "ledger" else ledger.renewal("x")
    done = threading.Event()
    inside = threading.Event()

    def hold() -> None:
        with lock:
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    child = os.fork()
    if child == 0:  # the child must not run anything of pytest
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)  # ends it should it wait for ever
        code = 1
        try:
            free = ledger.renewal("x").acquire(timeout=5)
            code = 0 if free and ledger.reserve(PORTAL, LIMITS).wait > 5 else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


def test_there_is_one_for_the_process():
    assert isinstance(PROCESS_LEDGER, ProcessLedger)


@pytest.mark.slow
def test_a_portal_refuses_none_of_many_quick_calls():
    """Six threads, the documented figures; six calls more than the burst."""
    with Bitrix24Portal() as portal:
        session = Session(Webhook(portal.url, "1", portal.webhook_code()))
        ledger = ProcessLedger()

        def work(_: int) -> None:
            client = Client(session, ledger, Wire())
            for _ in range(9):
                client.call_reply(Call("server.time"))
            client.close()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
        assert portal.refusals == 0
        assert len(portal.calls("server.time")) == 54


def test_another_program_behind_the_same_address():
    """It has filled the bucket: our calls are refused once, wait, and are all carried out exactly once."""
    begun = time.monotonic()
    clock = lambda: 1000.0 + time.monotonic() - begun  # noqa: E731 - its seconds begin with the test
    with Bitrix24Portal(limits=PortalLimits(bucket=50, drain=40.0), clock=clock) as portal:
        session = Session(Webhook(portal.url, "1", portal.webhook_code()), Limits(40.0, 50))
        client = Client(session, ProcessLedger(), Wire())
        portal.fill_bucket(50)
        for _ in range(5):
            client.call_reply(Call("crm.deal.add", {"fields": {"TITLE": "x"}}))
        client.close()
        assert len(portal.calls("crm.deal.add")) == 5
        assert portal.refusals == 1


def test_a_ledger_that_nobody_uses_any_more_is_forgotten():
    """A connection with pacing off has one of its own for each hook, and a triggerer has many hooks."""
    ledger = weakref.ref(ProcessLedger())
    gc.collect()
    assert ledger() is None
