"""Sensors that Airflow resumes before their trigger has fired: they look again, and keep their deadline."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor


@pytest.fixture
def record(portal):
    return portal.add_comment("deal", 1, "Hello")


@pytest.fixture
def sensor(record):
    """Return a deferrable sensor that waits for a minute and a half."""

    def make(**options):
        given = {"record_id": record, "item": "C_1", "timeout": 90, "deferrable": True, **options}
        return TimelineBindingSensor(task_id="wait", **given)

    return make


def deferred(ask):
    with pytest.raises(TaskDeferred) as caught:
        ask()
    assert caught.value.method_name == "execute_complete"
    return caught.value


def test_a_sensor_that_is_resumed_without_an_event_looks_again(sensor, portal, record):
    kwargs = deferred(lambda: sensor().execute({})).kwargs
    deferred(lambda: sensor().resume_execution("execute_complete", kwargs, {}))
    portal.bind(record, "contact", 1)
    assert sensor().resume_execution("execute_complete", kwargs, {})["ENTITY_ID"] == 1


def test_a_sensor_that_is_resumed_without_an_event_waits_for_what_is_left_of_its_time(sensor):
    first = deferred(lambda: sensor().execute({}))
    assert first.timeout == timedelta(seconds=90)
    assert 80 < first.kwargs["deadline"] - time.time() <= 90
    soon = time.time() + 30
    again = deferred(lambda: sensor().resume_execution("execute_complete", {"deadline": soon}, {}))
    assert 20 < again.timeout.total_seconds() <= 30
    assert again.kwargs["deadline"] == pytest.approx(soon)


@pytest.mark.parametrize("kwargs", [None, {}], ids=repr)
def test_a_sensor_that_started_in_the_triggerer_counts_from_the_start_of_its_task(sensor, kwargs):
    context = {"ti": SimpleNamespace(start_date=datetime.now(UTC) - timedelta(seconds=60))}
    again = deferred(lambda: sensor().resume_execution("execute_complete", kwargs, context))
    assert 20 < again.timeout.total_seconds() <= 30


def test_a_sensor_of_which_no_start_is_known_waits_anew(sensor):
    again = deferred(lambda: sensor().resume_execution("execute_complete", None, {}))
    assert again.timeout == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, AirflowSensorTimeout),
        ({"soft_fail": True}, AirflowSkipException),
        ({"never_fail": True}, AirflowSkipException),
    ],
    ids=["hard", "soft", "never"],
)
def test_a_sensor_that_is_resumed_after_its_deadline_times_out(sensor, options, error):
    over = {"deadline": time.time() - 1}
    with pytest.raises(error):
        sensor(**options).resume_execution("execute_complete", over, {})


def test_a_condition_that_is_met_after_the_deadline_counts(sensor, portal, record):
    portal.bind(record, "contact", 1)
    assert sensor().resume_execution("execute_complete", {"deadline": time.time() - 1}, {})["ENTITY_ID"] == 1


def test_an_event_ends_the_wait_whatever_the_deadline(sensor):
    kwargs = {"deadline": time.time() - 1, "event": {"status": "met", "found": {"ENTITY_ID": 1}}}
    assert sensor().resume_execution("execute_complete", kwargs, {}) == {"ENTITY_ID": 1}
