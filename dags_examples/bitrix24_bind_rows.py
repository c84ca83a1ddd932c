"""The rows of a query become bindings: each shows a comment on the customer's card.

Some rows of a query are always out of date. Every row is tried; those that failed are reported, and only
where none could be bound the run fails.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_bitrix24.operators.timeline import BindTimelineRecordOperator

ROWS = [
    {"comment_id": 2, "customer": "contact", "customer_id": 1},
    {"comment_id": 3, "customer": "company", "customer_id": 2},
    {"comment_id": 3, "customer": "contact", "customer_id": None},
    {"comment_id": 900000, "customer": "company", "customer_id": 1},
]


@dag(
    schedule=None,
    catchup=False,
    tags=["bitrix24"],
    params={"rows": Param(ROWS, type="array", description="stands for what the query returns")},
)
def bitrix24_bind_rows() -> None:
    @task
    def query(params: Any = None) -> list[dict[str, Any]]:
        # In your DAG: the rows of SQLExecuteQueryOperator, or of any hook for your warehouse.
        return list(params["rows"])

    @task
    def wanted_bindings(rows: Any) -> list[tuple[int, str, int]]:
        # One None among the ids would be refused together with all other rows, before anything is sent.
        return [
            (row["comment_id"], row["customer"], row["customer_id"])
            for row in rows
            if row["customer_id"] is not None
        ]

    bind = BindTimelineRecordOperator(
        task_id="bind",
        bindings=wanted_bindings(query()),
        # "any" (the default) would fail the task for one row, "never" not even for all of them.
        fail_on="all",
    )

    @task(trigger_rule="all_done")
    def report(ti: Any = None) -> list[dict[str, Any]]:
        # A task that fails returns nothing, so what became of each row then stands under "outcomes".
        rows = ti.xcom_pull(task_ids="bind") or ti.xcom_pull(task_ids="bind", key="outcomes") or []
        failed = [row for row in rows if row["STATUS"] == "failed"]
        for row in failed:
            logging.getLogger(__name__).warning("%(ERROR)s: %(ERROR_DESCRIPTION)s", row)
        # The last task decides how a run ends, and this one runs also after a failure.
        if not rows or len(failed) == len(rows):
            raise RuntimeError("not one row could be bound")
        return failed

    bind >> report()


bitrix24_bind_rows()
