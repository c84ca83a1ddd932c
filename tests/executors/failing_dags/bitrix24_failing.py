"""Fails in many ways; each tells a user of the portal. The DAG's own end, and its delay, are told, too."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

from airflow.sdk import DAG, task
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier
from airflow_provider_bitrix24.operators.items import UpdateCrmItemsOperator
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator

FAILED = "failed: [b]{{ ti.task_id }}[/b]: {{ exception or 'its process is gone' }}"
LATE = {"user_ids": [1], "message": "late: {{ dag_run.dag_id }}"}


def told(message):
    return Bitrix24Notifier(user_ids=[1], message=message)


with DAG(
    "bitrix24_failing",
    is_paused_upon_creation=False,
    default_args={"on_failure_callback": told(FAILED)},
    on_failure_callback=told("run: [b]{{ dag.dag_id }}[/b]: {{ reason }}"),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=3),
        callback=AsyncCallback(Bitrix24Notifier, kwargs=LATE),
    ),
):
    rows = [{"id": 1, "opportunity": "Ann Smith of Acme"}]
    UpdateCrmItemsOperator(task_id="value", entity_type="deal", rows=rows)
    Bitrix24CallOperator(task_id="missing", method="crm.deal.get", api_params={"id": 999})
    Bitrix24CallOperator(task_id="template", method="crm.deal.get", api_params={"id": "{{ nothing.there }}"})

    @task
    def brackets():
        raise ValueError("[user=all]Hello[/user] rows[0] is [b]none[/b]")

    @task(
        retries=1, retry_delay=timedelta(seconds=1), on_retry_callback=told("again: [b]{{ ti.task_id }}[/b]")
    )
    def twice():
        raise OSError("no way")

    @task(execution_timeout=timedelta(seconds=1))
    def slow():
        time.sleep(60)

    @task(on_failure_callback=told("failed: [b]{{ ti.task_id }}[/b] {{ 1 / 0 }}"))
    def untold():
        raise ValueError("its notification cannot be rendered")

    @task
    def lost():
        """Die with what watches over it, as on a machine that fails."""
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    for each in (brackets, twice, slow, untold, lost):
        each()
