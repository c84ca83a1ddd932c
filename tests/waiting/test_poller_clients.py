"""The poller keeps its connections to the portal as long as somebody waits."""

from __future__ import annotations

import asyncio

import pytest
from relay import relay_to
from trigger_helpers import asked, running, stop, trigger_for, until

from airflow_provider_bitrix24.waiting import poller


@pytest.fixture
def record(portal):
    return portal.add_comment("deal", 1, "Hello")


def through(relay, fields):
    return {**fields, "port": relay.port}


def test_looks_after_one_another_use_one_connection(portal, connection, record):
    async def scenario():
        async with relay_to(int(portal.connection()["port"])) as relay:
            connection(through(relay, portal.connection(plan="self-hosted")))
            task = running(trigger_for(record))
            await asked(portal, 6)
            assert relay.connections == 1
            await stop([task])
            await until(lambda: relay.open == 0)

    asyncio.run(scenario())


def test_a_connection_that_is_read_anew_and_says_the_same_keeps_the_client(
    portal, connection, record, monkeypatch
):
    monkeypatch.setattr(poller, "_TRUSTED_SECONDS", 0.01)

    async def scenario():
        async with relay_to(int(portal.connection()["port"])) as relay:
            connection(through(relay, portal.connection(plan="self-hosted")))
            task = running(trigger_for(record))
            await asked(portal, 6)
            assert relay.connections == 1
            await stop([task])

    asyncio.run(scenario())


def test_a_connection_that_changed_gets_a_client_of_its_own(portal, connection, record, monkeypatch):
    monkeypatch.setattr(poller, "_TRUSTED_SECONDS", 0.01)

    async def scenario():
        async with relay_to(int(portal.connection()["port"])) as relay:
            connection(through(relay, portal.connection(plan="self-hosted")))
            task = running(trigger_for(record))
            await asked(portal, 3)
            connection(through(relay, portal.connection(user_id=2, plan="self-hosted")))
            await until(lambda: {call.user_id for call in portal.calls()} >= {1, 2})
            await until(lambda: relay.open == 1)
            assert relay.connections == 2
            await stop([task])

    asyncio.run(scenario())
