"""What a sensor's log says: for what it waits, what it saw last, and what the triggerer does not heed."""

from __future__ import annotations

import asyncio
import logging

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from operator_alone import Log, context_of, logging_to
from trigger_helpers import asked, running, stop, until

from airflow_provider_bitrix24.sensors.crm import CrmItemSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor, TimelineCommentSensor
from airflow_provider_bitrix24.triggers.crm import CrmItemTrigger

WAITING = "Deal 1 is in stage New (NEW), waiting for: stage semantic success."
LAST = "Timed out while waiting for: stage semantic success. Last seen: deal 1 is in stage New (NEW)."


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def wait(portal, log):
    """Return a sensor for a deal that is not won."""

    def make(**options):
        given = {
            "item": "D_1",
            "stage_semantic": "success",
            "poke_interval": 0.01,
            "timeout": 0.03,
            **options,
        }
        return logging_to(log, CrmItemSensor(task_id="t", **given))

    return make


def lines(log, level=logging.INFO):
    return [line for at, line in log.lines if at >= level]


@pytest.mark.parametrize(
    ("options", "error"),
    [({}, AirflowSensorTimeout), ({"soft_fail": True}, AirflowSkipException)],
    ids=["hard", "soft"],
)
def test_a_sensor_that_times_out_says_what_it_saw_last(wait, log, options, error):
    with pytest.raises(error):
        wait(**options).execute(context_of())
    assert lines(log) == [WAITING, LAST]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, AirflowSensorTimeout),
        ({"soft_fail": True}, AirflowSkipException),
        ({"never_fail": True}, AirflowSkipException),
    ],
    ids=["hard", "soft", "never"],
)
def test_a_deferred_sensor_that_times_out_looks_once_more_and_says_what_it_sees(wait, log, options, error):
    with pytest.raises(error):
        wait(deferrable=True, **options).resume_execution("__fail__", {"error": "Trigger timeout"}, {})
    assert lines(log) == [LAST]


def test_a_deferred_sensor_that_times_out_while_the_portal_fails(wait, log, portal):
    portal.inject("status", status=503, times=None)
    with pytest.raises(AirflowSensorTimeout):
        wait(deferrable=True).resume_execution("__fail__", {"error": "Trigger timeout"}, {})
    [line] = lines(log)
    assert line.startswith("Timed out, and a last look failed: ")
    assert len(portal.requests) == 1


def test_a_sensor_that_fails_for_another_reason_speaks_of_no_timeout(wait, log):
    with pytest.raises(AirflowSkipException):
        wait(item="D_99999", soft_fail=True).execute(context_of())
    assert not [line for line in lines(log) if "Timed out" in line]


@pytest.mark.parametrize("options", [{}, {"deferrable": True}], ids=["poke", "deferrable"])
def test_a_condition_that_is_met_is_not_said_to_be_waited_for(wait, log, options):
    sensor = wait(conditions={"!TITLE": None}, **options)
    with pytest.raises((AirflowSensorTimeout, TaskDeferred)):
        sensor.execute(context_of())
    assert lines(log)[0] == WAITING
    if options:
        log.lines.clear()
        with pytest.raises(AirflowSensorTimeout):
            sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, {})
    assert lines(log)[-1] == LAST


def test_a_look_that_finds_something_says_it(wait, log):
    assert wait(stage_semantic="process").execute(context_of()) == {
        "id": 1, "categoryId": 0, "stageId": "NEW",
    }  # fmt: skip
    assert lines(log) == ["Deal 1 is in stage New (NEW).", "Success criteria met. Exiting."]


def test_a_sensor_that_defers_says_it_in_the_worker_and_in_the_triggerer(wait, log, portal, written):
    with pytest.raises(TaskDeferred):
        wait(deferrable=True).execute(context_of())
    assert lines(log)[0] == WAITING

    async def look_for_a_while():
        trigger = CrmItemTrigger(
            item="D_1",
            stage_semantic="success",
            bitrix24_conn_id="bitrix24_default",
            poke_interval=0.01,
        )
        task = running(trigger)
        await until(lambda: WAITING in written())
        await asked(portal, len(portal.requests) + 3)
        await stop([task])

    asyncio.run(look_for_a_while())
    assert written().count(WAITING) == 1


@pytest.mark.parametrize("name", ["exponential_backoff", "silent_fail", "max_wait"])
def test_a_deferrable_sensor_warns_of_arguments_that_the_triggerer_does_not_heed(wait, log, name):
    value = 30.0 if name == "max_wait" else True
    with pytest.raises(TaskDeferred):
        wait(deferrable=True, **{name: value}).execute(context_of())
    assert lines(log, logging.WARNING) == [f"The triggerer does not heed {name}."]


def test_a_sensor_that_waits_in_a_worker_warns_of_nothing(wait, log):
    wait(stage_semantic="process", silent_fail=True, max_wait=30.0).execute(context_of())
    assert lines(log, logging.WARNING) == []


@pytest.mark.parametrize("options", [{}, {"deferrable": True}], ids=["poke", "deferrable"])
def test_what_is_found_is_returned(portal, options):
    written = portal.add_comment("deal", 1, "Signed", author_id=2)
    bound = TimelineBindingSensor(task_id="b", record_id=written, entity_type="deal", entity_id=1, **options)
    assert bound.execute(context_of()) == {
        "OWNER_ID": written, "ENTITY_TYPE": "deal", "ENTITY_ID": 1, "STATUS": "bound",
    }  # fmt: skip
    comment = TimelineCommentSensor(
        task_id="c", entity_type="deal", entity_id=1, pattern="^Signed$", **options
    )
    found = comment.execute(context_of())
    assert {name: found[name] for name in ("ID", "ENTITY_TYPE", "ENTITY_ID", "AUTHOR_ID")} == {
        "ID": written, "ENTITY_TYPE": "deal", "ENTITY_ID": 1, "AUTHOR_ID": 2,
    }  # fmt: skip
    assert comment.multiple_outputs
