"""A log message on a deal that shows on everything the deal is connected with: contacts, company, lead."""

from __future__ import annotations

from airflow.sdk import Param, dag

from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
)


@dag(
    schedule=None,
    catchup=False,
    tags=["bitrix24"],
    params={"deal_id": Param(4, type="integer", minimum=1)},
)
def bitrix24_log_message() -> None:
    message = AddTimelineLogMessageOperator(
        task_id="log",
        item=("deal", "{{ params.deal_id }}"),
        title="Nightly check",
        text="All sums of {{ dag_run.run_after | ds }} agree.",
        icon_code="check",
    )
    BindTimelineRecordOperator(
        task_id="show_everywhere",
        record_id=message.output,
        # The item's connections are read when the task runs; the item itself has the message already.
        related_to=("deal", "{{ params.deal_id }}"),
    )


bitrix24_log_message()
