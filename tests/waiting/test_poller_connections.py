from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from airflow.sdk import BaseHook
from trigger_helpers import LIST, MET, events_of, running, trigger_for, until

from airflow_provider_bitrix24.hooks.errors import from_json
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.waiting.poller import polling


@pytest.fixture
def records(portal):
    """120 records that show on deal 1."""
    return [portal.add_comment("deal", 1, f"Comment {number}") for number in range(120)]


async def looked_at(portal, count):
    await until(lambda: len(portal.calls(LIST)) >= count)


def bind(portal, records):
    for record in records:
        portal.bind(record, "contact", 1)


def errors(events):
    return Counter(type(from_json(event["error"])).__name__ for [event] in events)


def test_a_revoked_webhook_fails_all_of_its_sensors(portal, records):
    async def scenario():
        tasks = [running(trigger_for(record, poke_interval=0.2)) for record in records]
        await looked_at(portal, 120)
        portal.revoke_webhook(1)
        portal.clear_journal()
        return await asyncio.gather(*tasks)

    assert errors(asyncio.run(scenario())) == {"AuthenticationError": 120}
    assert len(portal.requests) <= 12, "those that wait need not ask"


def test_a_connection_that_is_no_good_fails_all_of_its_sensors(portal, connection, records):
    connection({"conn_type": "bitrix24", "host": "127.0.0.1"}, "bitrix24_other")

    async def scenario():
        options = {"bitrix24_conn_id": "bitrix24_other", "poke_interval": 1.0}
        return await asyncio.gather(*(events_of(trigger_for(record, **options)) for record in records))

    assert errors(asyncio.run(scenario())) == {"InvalidConnectionError": 120}
    assert portal.requests == []


def test_a_connection_that_was_edited_meanwhile(portal, connection, records):
    async def scenario():
        tasks = [running(trigger_for(record, poke_interval=0.2)) for record in records]
        await looked_at(portal, 120)
        connection(portal.connection(user_id=2, plan="self-hosted"))
        portal.revoke_webhook(1)
        bind(portal, records)
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == [[MET]] * 120
    assert {call.user_id for call in portal.calls(LIST)} == {1, 2}


def test_a_token_that_expires_for_all_is_renewed_once(portal, connection, records):
    connection(portal.oauth_connection(token_store=f"{__name__}.Store", plan="self-hosted"))

    async def scenario():
        tasks = [running(trigger_for(record, poke_interval=0.2)) for record in records]
        await looked_at(portal, 120)
        portal.expire_access_tokens()
        bind(portal, records)
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == [[MET]] * 120
    assert portal.renew_count == 1


def test_two_connections_are_two_streams(portal, connection, records):
    connection(portal.connection(user_id=2, plan="self-hosted"), "bitrix24_other")

    async def scenario():
        mine = [running(trigger_for(record)) for record in records[:10]]
        others = [
            running(trigger_for(record, bitrix24_conn_id="bitrix24_other")) for record in records[10:20]
        ]
        await looked_at(portal, 60)
        portal.revoke_webhook(2)
        ended = await asyncio.gather(*others)
        assert not any(task.done() for task in mine)
        bind(portal, records)
        return ended, await asyncio.gather(*mine)

    ended, met = asyncio.run(scenario())
    assert errors(ended) == {"AuthenticationError": 10}
    assert met == [[MET]] * 10
    asked_by = {
        (call.user_id, int(call.params["filter"]["OWNER_ID"]) in records[:10]) for call in portal.calls(LIST)
    }
    assert asked_by == {(1, True), (2, False)}


def test_trouble_of_another_kind_reaches_all_of_them(portal, records, monkeypatch):
    for door in ("get_connection", "aget_connection"):
        monkeypatch.setattr(BaseHook, door, broken_airflow)

    async def scenario():
        tasks = [running(trigger_for(record)) for record in records[:10]]
        await asyncio.wait(tasks)
        return {type(task.exception()) for task in tasks}

    assert asyncio.run(scenario()) == {RuntimeError}


def test_a_record_with_many_bindings(portal, records):
    for number in range(2, 70):
        portal.bind(records[0], "contact", number)

    async def scenario():
        tasks = [running(trigger_for(records[0], entity_id=number)) for number in (69, 70)]
        [event] = await tasks[0]
        assert not tasks[1].done()
        portal.bind(records[0], "contact", 70)
        return event, await tasks[1]

    assert asyncio.run(scenario()) == (MET, [MET])


def test_what_a_batch_would_change_travels_alone(portal, records):
    odd = Call("crm.timeline.bindings.list", {"filter": {"OWNER_ID": records[0]}, "odd": True})
    plain = Call("crm.deal.get", {"id": 1})

    async def scenario():
        async with polling("bitrix24_default", 1.0) as portal:
            return await asyncio.gather(*(portal.call(call) for call in (plain, odd, plain, odd, plain)))

    outcomes = asyncio.run(scenario())
    assert [outcome.call for outcome in outcomes] == [plain, odd, plain, odd, plain]
    assert all(outcome.ok for outcome in outcomes)
    assert sorted(request.n_commands for request in portal.requests) == [0, 0, 3]


def test_a_call_that_fails_is_an_outcome(portal, records):
    calls = [Call("crm.deal.get", {"id": number}) for number in (1, 999)]

    async def scenario():
        async with polling("bitrix24_default", 1.0) as portal:
            return await asyncio.gather(*(portal.call(call) for call in calls))

    good, bad = asyncio.run(scenario())
    assert good.result["ID"] == "1"
    assert type(bad.error).__name__ == "NotFoundError"


class Store:
    """Keeps tokens in memory."""

    kept = {}  # noqa: RUF012

    def load(self, key):
        return self.kept.get(key)

    def save(self, key, value):
        self.kept[key] = value


def broken_airflow(*_, **__):
    raise RuntimeError("a mistake in Airflow")
