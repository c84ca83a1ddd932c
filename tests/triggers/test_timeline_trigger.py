from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
from contextlib import contextmanager

import pytest
from airflow.sdk.module_loading import import_string
from trigger_helpers import LIST, MET, asked, events_of, trigger_for, until

from airflow_provider_bitrix24.hooks.errors import from_json
from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger


@pytest.fixture
def record(portal):
    return portal.add_comment("deal", 1, "Hello")


def row(record, kind, item):
    return {"OWNER_ID": str(record), "ENTITY_TYPE": kind, "ENTITY_ID": str(item)}


@pytest.mark.parametrize("bound", [True, False])
def test_fires_when_the_binding_comes_or_goes(portal, record, bound):
    if not bound:
        portal.bind(record, "contact", 1)

    async def scenario():
        running = asyncio.create_task(events_of(trigger_for(record, bound=bound)))
        await asked(portal, 2)
        assert not running.done()
        (portal.bind if bound else portal.unbind)(record, "contact", 1)
        return await running

    assert asyncio.run(scenario()) == [MET]


def test_a_restart_of_the_triggerer_loses_nothing(portal, record):
    async def scenario():
        trigger = trigger_for(str(record), entity_id="1")
        first = asyncio.create_task(events_of(trigger))
        await asked(portal, 2)
        path, kwargs = trigger.serialize()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        rebuilt = import_string(path)(**json.loads(json.dumps(kwargs)))
        assert rebuilt.serialize() == (path, kwargs)
        portal.bind(record, "contact", 1)
        return await events_of(rebuilt)

    assert asyncio.run(scenario()) == [MET]


def test_what_is_kept_of_a_trigger(record):
    kwargs = {
        "record_id": 7, "item": None, "entity_type": "deal", "entity_id": "8", "bound": False,
        "bitrix24_conn_id": "b", "poke_interval": 5.0,
    }  # fmt: skip
    path = "airflow_provider_bitrix24.triggers.timeline.TimelineBindingTrigger"
    assert TimelineBindingTrigger(**kwargs).serialize() == (path, kwargs)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 500, "body": "empty"},
        {"kind": "status", "status": 502, "body": "html"},
        {"kind": "truncate"},
        {"kind": "drop_before"},
        {"kind": "drop_after", "reset": True},
    ],
    ids=lambda fault: " ".join(str(part) for part in fault.values()),
)
def test_trouble_that_passes(portal, record, written, fault):
    portal.inject(method=LIST, times=3, **fault)

    async def scenario():
        running = asyncio.create_task(events_of(trigger_for(record)))
        await asked(portal, 5)
        portal.bind(record, "contact", 1)
        return await running

    assert asyncio.run(scenario()) == [MET]
    assert written().count(" Waiting goes on; repeats are not logged.") == 1
    assert written().count("The portal answers again.") == 1


def test_a_portal_that_is_away_for_a_while(portal, record, written):
    portal.stop()

    async def scenario():
        running = asyncio.create_task(events_of(trigger_for(record)))
        await until(lambda: "Waiting goes on" in written())
        await asyncio.sleep(0.1)
        portal.bind(record, "contact", 1)
        await asyncio.to_thread(portal.start)
        return await running

    assert asyncio.run(scenario()) == [MET]
    assert written().count("Waiting goes on") == 1


def test_a_connection_that_cannot_be_found_for_a_while(portal, connection, record, written):
    portal.bind(record, "contact", 1)

    async def scenario():
        running = asyncio.create_task(events_of(trigger_for(record, bitrix24_conn_id="bitrix24_late")))
        await until(lambda: "Waiting goes on" in written())
        assert not running.done()
        connection(portal.connection(), "bitrix24_late")
        return await running

    assert asyncio.run(scenario()) == [MET]
    assert written().count("Airflow does not find the connection 'bitrix24_late'") == 1


@pytest.mark.parametrize("code", ["OPERATION_TIME_LIMIT", "QUERY_LIMIT_EXCEEDED"])
def test_limits_are_waited_for(portal, record, code):
    """A limit is either waited for within the look or makes it one that found nothing; it never ends it."""
    portal.inject("error", LIST, code=code, status=429, times=1)

    async def scenario():
        running = asyncio.create_task(events_of(trigger_for(record)))
        await asked(portal, 1)
        await asyncio.sleep(0.2)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())


PERMANENT = {
    "revoked": ("AuthenticationError", {"bitrix24_conn_id": "bitrix24_guest"}),
    "no rights": ("AccessDeniedError", {"bitrix24_conn_id": "bitrix24_stranger"}),
    "gone": ("NotFoundError", {"record_id": 999}),
    "gone and not waited for": ("NotFoundError", {"record_id": 999, "bound": False}),
    "bad record": ("InvalidInputError", {"record_id": "12abc"}),
    "bad type": ("InvalidInputError", {"entity_type": 2}),
    "bad connection": ("InvalidConnectionError", {"bitrix24_conn_id": "bitrix24_bad"}),
}


@pytest.mark.parametrize(("error", "wrong"), PERMANENT.values(), ids=PERMANENT)
def test_trouble_that_does_not_pass(portal, connection, record, error, wrong):
    portal.add_user(4, "Stranger", may_read=False)
    connection(portal.connection(user_id=3), "bitrix24_guest")
    connection(portal.connection(user_id=4), "bitrix24_stranger")
    connection({"conn_type": "bitrix24", "host": portal.host}, "bitrix24_bad")
    portal.revoke_webhook(3)
    [event] = asyncio.run(events_of(trigger_for(**{"record": record, **_renamed(wrong)})))
    event = json.loads(json.dumps(event))
    assert event["status"] == "failed"
    assert type(from_json(event["error"])).__name__ == error
    assert len(portal.requests) <= 2


def _renamed(wrong):
    return {"record" if name == "record_id" else name: value for name, value in wrong.items()}


def test_trouble_of_another_kind_is_not_swallowed(portal, record):
    with pytest.raises(TypeError):
        asyncio.run(events_of(trigger_for(record, poke_interval="soon")))


@pytest.mark.slow
def test_nothing_blocks_the_event_loop(portal, connection, record):
    connection(portal.oauth_connection(token_store=f"{__name__}.Store", plan="self-hosted"), "bitrix24_oauth")

    async def scenario():
        portal.bind(record, "contact", 1)
        for name in ("bitrix24_default", "bitrix24_oauth"):  # what is loaded on first use
            assert await events_of(trigger_for(record, bitrix24_conn_id=name)) == [MET]
        portal.unbind(record, "contact", 1)
        portal.expire_access_tokens()
        portal.inject("delay", times=None, seconds=1.0)
        portal.clear_journal()
        Store.threads.clear()
        with blocking_calls() as blocking:
            running = [
                asyncio.create_task(events_of(trigger_for(record, bitrix24_conn_id=name)))
                for name in ("bitrix24_default", "bitrix24_oauth")
            ]
            ticks = await until(lambda: len(portal.calls(LIST)) >= 4)
            portal.bind(record, "contact", 1)
            events = await asyncio.gather(*running)
        return ticks, events, blocking

    ticks, events, blocking = asyncio.run(scenario())
    assert events == [[MET]] * 2
    assert ticks > 10, "while the portal took its time, the loop went on"
    assert blocking == []
    assert portal.renew_count == 1
    assert Store.threads, "the renewed pair went to the store"
    assert threading.get_ident() not in Store.threads, "which may block, so not on the loop's thread"


def test_a_blocking_call_would_be_noticed(tmp_path):
    with blocking_calls() as blocking:
        sqlite3.connect(tmp_path / "any").close()
        threading.Thread(target=sqlite3.connect, args=[":memory:"]).start()
    assert blocking == ["sqlite3.connect"]


_watched: list[tuple[int, list[str]]] = []


def _note_blocking(event, arguments):
    if not _watched or threading.get_ident() != _watched[-1][0]:
        return
    blocks = event in ("sqlite3.connect", "fcntl.flock", "socket.getaddrinfo")
    if blocks or (event == "socket.connect" and arguments[0].gettimeout() != 0):
        _watched[-1][1].append(event)


sys.addaudithook(_note_blocking)


@contextmanager
def blocking_calls():
    """Collect what this thread does that may block it, whatever the machine's speed."""
    found = []
    _watched.append((threading.get_ident(), found))
    try:
        yield found
    finally:
        _watched.pop()


class Store:
    """Keeps tokens in memory, and notes which threads it is asked from."""

    kept = {}  # noqa: RUF012
    threads = set()  # noqa: RUF012

    def load(self, key):
        self.threads.add(threading.get_ident())
        return self.kept.get(key)

    def save(self, key, value):
        self.threads.add(threading.get_ident())
        self.kept[key] = value
