"""A connection that cannot be read for a while: nobody who waits fails for it."""

from __future__ import annotations

import asyncio

import pytest
from airflow.sdk import BaseSensorOperator
from redis_box import PASSWORD
from trigger_helpers import LIST, MET, running, trigger_for, until

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import ConnectionUnreadableError, InvalidConnectionError
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor
from airflow_provider_bitrix24.waiting import poller


@pytest.fixture
def records(box):
    deal = box.add_item("deal", {"TITLE": "Deal"})
    box.add_item("contact", {"NAME": "Ada"})
    return [box.add_comment("deal", deal, f"Comment {number}") for number in range(20)]


@pytest.fixture
def read_often(monkeypatch):
    """Let the poller read the connection again after an instant instead of five minutes."""
    monkeypatch.setattr(poller, "_TRUSTED_SECONDS", 0.01)
    monkeypatch.setattr(poller, "_UNREADABLE_SECONDS", 0.05)


def bind(box, records):
    for record in records:
        box.bind(record, "contact", 1)


def test_sensors_that_were_waiting_go_on_with_what_the_connection_said(box, vault, records, read_often):
    async def scenario():
        tasks = [running(trigger_for(record)) for record in records]
        await until(lambda: len(box.calls(LIST)) >= 2 * len(records))
        vault.sealed = True
        asked, looks = len(vault.asked), len(box.calls(LIST))
        await until(lambda: len(vault.asked) >= asked + 3)
        await until(lambda: len(box.calls(LIST)) >= looks + 3 * len(records))
        assert not any(task.done() for task in tasks)
        bind(box, records)
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == [[MET]] * len(records)


def test_sensors_that_begin_meanwhile_wait_until_it_can_be_read(box, vault, records):
    bind(box, records)
    vault.sealed = True

    async def scenario():
        tasks = [running(trigger_for(record)) for record in records[:5]]
        await until(lambda: len(vault.asked) >= 3)
        assert not any(task.done() for task in tasks)
        vault.sealed = False
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == [[MET]] * 5


def test_a_refused_webhook_is_no_verdict_while_the_connection_cannot_be_read(box, vault, records):
    """Somebody replaced the webhook and the connection; that one is only not readable yet."""

    async def scenario():
        task = running(trigger_for(records[0]))
        await until(lambda: box.calls(LIST))
        vault.sealed = True
        vault.connections["bitrix24_default"] = box.connection(user_id=2, plan="self-hosted")
        box.revoke_webhook(1)
        asked = len(vault.asked)
        await until(lambda: len(vault.asked) >= asked + 3)
        assert not task.done()
        vault.sealed = False
        bind(box, records)
        return await task

    assert asyncio.run(scenario()) == [MET]


def test_a_task_fails_with_an_error_that_is_tried_again(vault):
    vault.sealed = True
    operator = Bitrix24CallOperator(task_id="t", method="profile")
    with pytest.raises(ConnectionUnreadableError, match="or cannot read it now") as caught:
        operator.execute({})
    assert not caught.value.permanent
    assert caught.value.passes
    assert "the vault" not in str(caught.value), "what a backend says may hold what it was asked with"


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_look_of_a_sensor_counts_as_not_yet(box, vault, records, mode):
    sensor = TimelineBindingSensor(
        task_id="t", record_id=records[0], entity_type="contact", entity_id=1, mode=mode
    )
    assert isinstance(sensor, BaseSensorOperator)
    vault.sealed = True
    assert not sensor.poke({})
    vault.sealed = False
    bind(box, records[:1])
    assert sensor.poke({})


def test_a_condition_that_is_met_is_met_although_no_link_can_be_made(box, vault, records):
    sensor = TimelineBindingSensor(
        task_id="t", record_id=records[0], entity_type="contact", entity_id=1, deferrable=True
    )
    vault.sealed = True
    assert sensor.execute_complete({}, {"status": "met", "found": 7}) == 7
    assert sensor.card_address == ""


def test_the_test_button_says_so(vault):
    vault.sealed = True
    ok, text = Bitrix24Hook().test_connection()
    assert not ok
    assert "or cannot read it now" in text


def test_a_denied_connection_is_said_at_once_and_for_good(monkeypatch, vault):
    """From Airflow 3.3 up, a connection of another team is denied, which no other try cures."""

    def deny(*_, **__):
        raise PermissionError("denied")

    monkeypatch.setattr(vault, "get_connection", deny)
    monkeypatch.setattr("airflow.sdk.bases.hook.BaseHook.get_connection", deny)
    with pytest.raises(InvalidConnectionError, match="Airflow denies this task the connection"):
        Bitrix24Hook().call("profile")
    assert Bitrix24Hook().test_connection()[0] is False


def test_the_connection_to_redis_is_believed_when_it_was_read_before(box, vault, redis_box):
    vault.connections |= {
        "bitrix24_default": box.connection(pacing="redis", redis_conn_id="pacing"),
        "pacing": {"conn_type": "redis", "host": "127.0.0.1", "port": redis_box.port, "password": PASSWORD},
    }
    assert Bitrix24Hook().call("profile")["ID"] == "1"
    del vault.connections["pacing"]
    assert Bitrix24Hook().call("profile")["ID"] == "1"
