"""A connection that cannot be read for a while: nobody who waits fails for it."""

from __future__ import annotations

import asyncio

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseSensorOperator
from hiccups import denial
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


@pytest.fixture(params=["bitrix24_conn_id", "redis_conn_id"])
def denied(request, box, vault, redis_box):
    """Airflow denies a connection, which belongs to another team: the portal's, or the one to Redis."""
    denial()
    vault.connections |= {
        "bitrix24_default": box.connection(pacing="redis", redis_conn_id="pacing"),
        "pacing": {"conn_type": "redis", "host": "127.0.0.1", "port": redis_box.port, "password": PASSWORD},
    }
    vault.denied = {"bitrix24_default" if request.param == "bitrix24_conn_id" else "pacing"}
    return f"{request.param}: Airflow denies this task the connection"


def _call():
    Bitrix24Hook().call("profile")


def _acall():
    asyncio.run(Bitrix24Hook().acall("profile"))


def _operator():
    Bitrix24CallOperator(task_id="t", method="profile").execute({})


def _sensor(**arguments):
    return TimelineBindingSensor(task_id="t", record_id=1, entity_type="contact", entity_id=1, **arguments)


def _trigger():
    async def scenario():
        [event] = await running(trigger_for(1))
        _sensor(deferrable=True).execute_complete({}, event)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "use",
    [
        _call,
        _acall,
        _operator,
        lambda: _sensor().poke({}),
        lambda: _sensor(deferrable=True).execute({}),
        _trigger,
    ],
    ids=["call", "acall", "operator", "sensor", "deferrable sensor", "trigger"],
)
def test_a_denied_connection_is_said_at_once_and_for_good(denied, use):
    with pytest.raises(InvalidConnectionError, match=denied) as caught:
        use()
    assert isinstance(caught.value, AirflowFailException)
    assert "team" in caught.value.remedy


def test_the_test_button_says_that_a_connection_is_denied(denied):
    ok, text = Bitrix24Hook().test_connection()
    assert not ok
    assert text.startswith(denied)


def test_a_link_fails_no_task_for_a_connection_that_is_denied(denied):
    sensor = _sensor(deferrable=True)
    assert sensor.execute_complete({}, {"status": "met", "found": 7}) == 7
    assert sensor.card_address == ""


@pytest.mark.parametrize("kind", ["hook", "sensor", "test button"])
def test_a_connection_to_redis_that_cannot_be_read_fails_nothing_for_good(box, vault, redis_box, kind):
    vault.connections["bitrix24_default"] = box.connection(pacing="redis", redis_conn_id="never_read")
    if kind == "hook":
        with pytest.raises(ConnectionUnreadableError, match="redis_conn_id: Airflow does not find"):
            _call()
    elif kind == "sensor":
        assert not _sensor().poke({})
    else:
        ok, text = Bitrix24Hook().test_connection()
        assert not ok
        assert text.startswith("redis_conn_id: Airflow does not find")


def test_the_connection_to_redis_is_believed_when_it_was_read_before(box, vault, redis_box):
    vault.connections |= {
        "bitrix24_default": box.connection(pacing="redis", redis_conn_id="pacing"),
        "pacing": {"conn_type": "redis", "host": "127.0.0.1", "port": redis_box.port, "password": PASSWORD},
    }
    assert Bitrix24Hook().call("profile")["ID"] == "1"
    del vault.connections["pacing"]
    assert Bitrix24Hook().call("profile")["ID"] == "1"
