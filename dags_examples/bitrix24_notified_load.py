"""A load that tells in Bitrix24 what became of it: who is on call hears of failures, retries and delays.

The webhook needs the scope ``im``. ``{{ exception }}`` of this package's operators holds no values of rows.
That of a task of your own may, and everybody who is notified would read it: write
``{{ exception.__class__.__name__ }}`` there.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

# airflow.sdk has the three from Airflow 3.3 up.
from airflow.sdk.definitions.deadline import (  # type: ignore[attr-defined]
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
)

from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

ON_CALL = [1]
WHERE = "[b]{{ ti.dag_id }}[/b]: {{ ti.task_id }}"
LOG = "\n[url={{ ti.log_url }}]Open the log[/url]"

failed = Bitrix24Notifier(user_ids=ON_CALL, message=WHERE + " failed. {{ exception }}" + LOG)
retried = Bitrix24Notifier(user_ids=ON_CALL, message=WHERE + " is tried again. {{ exception }}" + LOG)
# Airflow calls this one also if the task's process was killed, which cannot tell by itself.
run_failed = Bitrix24Notifier(user_ids=ON_CALL, message="[b]{{ dag.dag_id }}[/b] failed: {{ run_id }}")
late = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(hours=1),
    # It runs in the triggerer, where a context holds the run and the deadline only.
    callback=AsyncCallback(
        Bitrix24Notifier,
        kwargs={"user_ids": ON_CALL, "message": "{{ dag_run.dag_id }} has not ended after an hour."},
    ),
)


@dag(
    schedule="0 4 * * *",
    max_active_runs=1,
    catchup=False,
    deadline=late,
    on_failure_callback=run_failed,
    default_args={"on_failure_callback": failed, "on_retry_callback": retried},
    tags=["bitrix24"],
)
def bitrix24_notified_load() -> None:
    Bitrix24ToSqlOperator(
        task_id="load",
        dataset="company",
        table="crm_company",
        sql_conn_id="warehouse",
        mode="replace",
        retries=1,
        retry_delay=timedelta(minutes=5),
    )


bitrix24_notified_load()
