"""What each client does in its own way: threads there, an event loop here."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest_drivers import QUICK, AsyncDriver, Keeper, SyncDriver, application_of, session_of, webhook_of
from rest_sockets import http

from airflow_provider_bitrix24.rest.aio import AsyncClient
from airflow_provider_bitrix24.rest.announcing import announced
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.errors import InvalidConnectionError, RedirectRefusedError
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Limits
from airflow_provider_bitrix24.rest.steps import Pause
from airflow_provider_bitrix24.rest.wire import Wire

TIME = Call("server.time")


def test_closing_twice_and_going_on(driver):
    for _ in range(2):
        result = driver.client.close()
        if result is not None:
            driver.run(result)
    assert driver.call("server.time")


def test_ten_threads_renew_once(box):
    session, ledger, keeper = session_of(application_of(box)), ProcessLedger(), Keeper()
    box.expire_access_tokens()

    def call(_: int) -> Any:
        client = Client(session, ledger, Wire(), keeper)
        try:
            return client.call_reply(TIME).result
        finally:
            client.close()

    with ThreadPoolExecutor(10) as pool:
        assert all(pool.map(call, range(10)))
    assert box.renew_count == 1


def test_many_coroutines_renew_once(box):
    driver = AsyncDriver(session_of(application_of(box)), keeper=Keeper())
    box.expire_access_tokens()

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(driver.client.call_reply(TIME) for _ in range(20)))

    assert len(driver.run(all_at_once())) == 20
    assert box.renew_count == 1
    driver.close()


def test_coroutines_share_their_idle_connections(raw_server):
    """Many calls that start at once use one pool, so that nothing is left open at the end."""
    server = raw_server(http(b'{"result": 1}'), keep_alive=True)
    driver = AsyncDriver(session_of(Webhook(server.origin, "1", "code"), limits=Limits(None)))

    async def twice() -> None:
        for _ in range(2):
            await asyncio.gather(*(driver.client.call_reply(Call("x.get")) for _ in range(5)))

    driver.run(twice())
    assert server.connections <= 5
    driver.close()


def test_a_cancelled_caller_does_not_lose_the_renewed_pair(box):
    """The refresh token is used up, so the new pair is kept although nobody waits for it any more."""
    keeper = Keeper()
    driver = AsyncDriver(session_of(application_of(box)), keeper=keeper)
    box.expire_access_tokens()
    box.inject("delay", "oauth.token", seconds=0.2, executed=True)

    async def cancel() -> None:
        task = asyncio.ensure_future(driver.client.call_reply(TIME))
        while not box.renew_count:  # noqa: ASYNC110 - the portal runs in a thread
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await driver.client.close()

    driver.run(asyncio.wait_for(cancel(), 5))
    assert len(keeper.saved) == 1
    assert driver.call("server.time")
    assert box.renew_count == 1
    driver.close()


def test_a_cancelled_wait_for_the_renewal_leaves_nothing_locked(box):
    application = application_of(box)
    ledger = ProcessLedger()
    client = AsyncClient(session_of(application), ledger, Wire(), Keeper())
    lock = ledger.renewal(application.identity)
    box.expire_access_tokens()

    async def wait() -> None:
        with lock:
            task = asyncio.ensure_future(client.call_reply(TIME))
            await asyncio.sleep(0.15)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await client.call_reply(TIME)).result
        await client.close()

    asyncio.run(wait())
    assert lock.acquire(blocking=False)
    assert box.renew_count == 1


def test_nothing_that_may_block_runs_on_the_loop(box):
    """The ledger, the kept tokens and the certificates are reached in threads."""
    here = threading.get_ident()
    used: dict[str, set[int]] = {}

    def note(name: str) -> None:
        used.setdefault(name, set()).add(threading.get_ident())

    class Noting(ProcessLedger):
        def reserve(self, *args: Any, **kwargs: Any) -> Any:
            note("reserve")
            return super().reserve(*args, **kwargs)

        def settle(self, *args: Any, **kwargs: Any) -> Any:
            note("settle")
            return super().settle(*args, **kwargs)

        def blocked(self, *args: Any, **kwargs: Any) -> Any:
            note("blocked")
            return super().blocked(*args, **kwargs)

        def is_current(self, *args: Any, **kwargs: Any) -> Any:
            note("is_current")
            return super().is_current(*args, **kwargs)

    class NotingKeeper(Keeper):
        def load(self, **_: Any) -> Any:
            note("load")
            return super().load()

        def save(self, tokens: Any) -> None:
            note("save")
            super().save(tokens)

    session = Session(application_of(box), Limits(20.0, 1), QUICK)
    box.expire_access_tokens()

    async def call() -> None:
        client = AsyncClient(session, Noting(), Wire(), NotingKeeper())
        for _ in range(3):
            await client.call_reply(TIME)
        await client.close()

    asyncio.run(call())
    assert used.keys() == {"reserve", "settle", "blocked", "is_current", "load", "save"}
    assert all(here not in threads for threads in used.values())


def test_what_cannot_be_sent_takes_no_slot_in_an_event_loop():
    """All that sending needs is made ready before the slot is taken."""
    slots = []

    class Noting(ProcessLedger):
        def reserve(self, *args: Any, **kwargs: Any) -> Any:
            slots.append(args)
            return super().reserve(*args, **kwargs)

    session = session_of(Webhook("http://127.0.0.1:9", "1", "code"))
    client = AsyncClient(session, Noting(), Wire(proxy="nowhere://127.0.0.1"))
    with pytest.raises(InvalidConnectionError, match="not the address of a proxy"):
        asyncio.run(client.call_reply(TIME))
    assert slots == []


def test_a_loop_stays_responsive_while_a_call_waits(box):
    box.inject("delay", seconds=0.2)

    async def both() -> int:
        client = AsyncClient(session_of(webhook_of(box)), ProcessLedger(), Wire())
        call = asyncio.ensure_future(client.call_reply(TIME))
        turns = 0
        while not call.done():
            turns += 1
            await asyncio.sleep(0.005)
        await client.close()
        return turns

    assert asyncio.run(both()) > 10


@pytest.mark.parametrize(("notable", "level"), [(True, logging.INFO), (False, logging.DEBUG)])
def test_waits_are_announced(caplog, notable, level):
    log = logging.getLogger("airflow_provider_bitrix24.test")
    with caplog.at_level(logging.DEBUG, log.name):
        assert list(announced(log, Pause(12.34, "crm.deal.get: request limit of p", notable))) == [12.34]
    [record] = caplog.records
    assert record.levelno == level
    assert record.getMessage().startswith("crm.deal.get: request limit of p; waiting 12.3 s, until 20")


def test_a_long_wait_says_once_a_minute_what_is_left(caplog):
    log = logging.getLogger("airflow_provider_bitrix24.test")
    with caplog.at_level(logging.DEBUG, log.name):
        assert list(announced(log, Pause(150.0, "crm.deal.list: operating time limit"))) == [60.0, 60.0, 30.0]
    messages = [record.getMessage() for record in caplog.records]
    assert messages[1:] == [f"crm.deal.list: operating time limit; {left} s left" for left in (90, 30)]


def test_a_notable_wait_says_why_in_the_log(box, caplog):
    box.inject("status", status=502, body="html")
    driver = SyncDriver(session_of(webhook_of(box)))
    with caplog.at_level(logging.INFO, "airflow_provider_bitrix24"):
        driver.call("server.time")
    assert "attempt 1 of 4 failed: server.time at 127.0.0.1" in caplog.text
    driver.close()


_FIRST_CALL = """
import asyncio, sys
from airflow_provider_bitrix24.rest.aio import AsyncClient
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.wire import Wire

library, url, code = sys.argv[1:]

wire = Wire()

class Ledger(ProcessLedger):
    def reserve(self, *args):
        print(library in sys.modules, "tls" in vars(wire))
        return super().reserve(*args)

assert library not in sys.modules
client = {"requests": Client, "httpx2": AsyncClient}[library]
answer = client(Session(Webhook(url, "1", code)), Ledger(), wire).call_reply(Call("server.time"))
if library == "httpx2":
    asyncio.run(answer)
"""


@pytest.mark.parametrize("library", ["requests", "httpx2"])
def test_library_and_certificates_are_loaded_before_a_slot_is_taken(box, library):
    command = [sys.executable, "-c", _FIRST_CALL, library, box.url, box.webhook_code()]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "True True\n"


def test_a_fork_opens_connections_of_its_own(box):
    """Else parent and child would read each other's answers from one socket."""
    client = SyncDriver(session_of(webhook_of(box))).client
    client.call_reply(TIME)
    before = client._kept_http()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if client._kept_http() is not before else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert client._kept_http() is before


@pytest.mark.parametrize("location", ["http://[::1", "https://[x]/"])
def test_a_location_that_is_no_address_is_refused(open_driver, raw_server, location):
    server = raw_server(http(b"", "302 Found", f"Location: {location}"))
    driver = open_driver(session_of(Webhook(server.origin, "1", "s3cr3tcode")))
    with pytest.raises(RedirectRefusedError):
        driver.call("profile")
