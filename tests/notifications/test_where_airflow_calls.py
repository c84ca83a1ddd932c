"""The places where Airflow calls notifiers, on both ends of its releases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog
from airflow.providers.standard.operators import hitl
from airflow.sdk import DAG
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from notifier_fixtures import context_of, texts

from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier

try:
    from airflow.triggers.callback import CallbackTrigger
except ImportError:  # Airflow 3.1
    from airflow.triggers.deadline import DeadlineCallbackTrigger as CallbackTrigger


def test_a_deadline_is_told_by_the_triggerer(told):
    callback = AsyncCallback(
        Bitrix24Notifier, kwargs={"user_ids": [1], "message": "{{ dag_run.dag_id }} is late"}
    )
    context = {"dag_run": {"dag_id": "nightly"}, "deadline": {"id": "1"}}

    async def run():
        trigger = CallbackTrigger(callback.path, {**callback.kwargs, "context": context})
        return [event.payload["state"] async for event in trigger.run()]

    assert asyncio.run(run())[-1] == "success"
    assert texts(told) == ["nightly is late"]


def test_a_deadline_is_told_by_an_executor(told):
    supervisor = pytest.importorskip("airflow.sdk.execution_time.callback_supervisor")
    kwargs = {
        "user_ids": 1,
        "message": "{{ dag_run.dag_id }} is late",
        "context": {"dag_run": {"dag_id": "n"}},
    }
    path = f"{Bitrix24Notifier.__module__}.{Bitrix24Notifier.__name__}"
    assert supervisor.execute_callback(path, kwargs, "", None, structlog.get_logger()) == (True, None)
    assert texts(told) == ["n is late"]


def test_a_dag_with_a_deadline_can_be_stored():
    kwargs = {"dialog_id": "chat5", "message": "late"}
    alert = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=1),
        callback=AsyncCallback(Bitrix24Notifier, kwargs=kwargs),
    )
    stored = LazyDeserializedDAG.from_dag(DAG("late", deadline=alert)).data
    assert "airflow_provider_bitrix24.notifications.bitrix24.Bitrix24Notifier" in repr(stored)


def test_an_approval_is_told(told, monkeypatch):
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **_: None)
    asks = Bitrix24Notifier(user_ids=1, message="{{ task.subject }} [b]{{ ti.dag_id }}[/b]")
    with DAG("close"):
        task = hitl.ApprovalOperator(task_id="approve", subject="Close?", notifiers=[asks])
    context = context_of("approve", task=task)
    context["task_instance"] = context["ti"]
    context["ti"].id = "1"
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - releases differ in how a task waits
        task.execute(context)
    assert type(caught.value).__name__ in ("TaskDeferred", "TaskAwaitingInput")
    assert texts(told) == ["Close? [b]nightly[/b]"]
