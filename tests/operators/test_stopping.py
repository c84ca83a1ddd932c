"""A task that is stopped, such as by marking it as failed, sends nothing more than what is under way."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager

import pytest
from operator_alone import Store, context_of

from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator, Bitrix24ListOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentsOperator,
    BindTimelineRecordOperator,
)
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor

ADD = "crm.timeline.comment.add"


@contextmanager
def stopped_after(portal, operator, requests):
    """Stop an operator as Airflow does, by a signal to its process, when some requests have arrived."""

    def watch():
        while len(portal.requests) < requests:
            time.sleep(0.005)
        signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        threading.Thread(target=watch, daemon=True).start()
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def act(operator):
    """Let an operator or a sensor, which looks again and again, do its work."""
    while True:
        operator.poke(context_of()) if hasattr(operator, "poke") else operator.execute(context_of())


@pytest.mark.slow
@pytest.mark.parametrize("in_flight", [1, 3])
def test_comments_end_with_the_requests_under_way_and_what_they_did_is_known(portal, in_flight):
    rows = [{"item": "D_1", "comment": f"Comment {number}"} for number in range(600)]
    portal.inject("delay", "batch", seconds=0.2, times=None)
    store = Store()
    operator = AddTimelineCommentsOperator(task_id="t", rows=rows, max_in_flight=in_flight)
    with stopped_after(portal, operator, 2 + in_flight), pytest.raises(InterruptedError):
        operator.execute(context_of(1, 1, task_state_store=store))
    done = len(portal.requests)
    assert done <= 2 + 2 * in_flight
    time.sleep(0.4)
    assert len(portal.requests) == done
    portal.faults.clear()
    again = AddTimelineCommentsOperator(task_id="t", rows=rows)
    result = again.execute(context_of(2, 1, task_state_store=store))
    texts = sorted(comment.text for comment in portal.comments("deal", 1) if "Comment " in comment.text)
    assert texts == sorted(row["comment"] for row in rows)
    assert [row["STATUS"] for row in result] == ["added"] * 600


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bitrix24CallOperator(task_id="t", method="crm.deal.get", api_params={"id": 1}),
        lambda: Bitrix24ListOperator(task_id="t", method="crm.deal.list"),
        lambda: BindTimelineRecordOperator(task_id="t", record_id=1, entity_type="deal", entity_id=1),
        lambda: TimelineBindingSensor(task_id="t", record_id=999, entity_type="deal", entity_id=1),
    ],
    ids=["call", "list", "bind", "sensor"],
)
def test_a_pause_before_the_next_attempt_is_given_up(portal, make):
    portal.inject("status", status=500, times=None)
    operator = make()
    began = time.monotonic()
    with stopped_after(portal, operator, 1), pytest.raises(InterruptedError):
        act(operator)
    done = len(portal.requests)
    assert done <= 2
    assert time.monotonic() - began < 10
    time.sleep(0.1)
    assert len(portal.requests) == done


def test_a_task_that_is_stopped_before_it_begins_sends_nothing(portal):
    operator = Bitrix24CallOperator(task_id="t", method="crm.deal.get", api_params={"id": 1})
    operator.on_kill()
    with pytest.raises(InterruptedError):
        operator.execute(context_of())
    assert portal.requests == []
