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
    {"record_id": 2, "entity_type": "contact", "entity_id": 1, "invoice": "INV-1"},
    {"record_id": 3, "entity_type": "company", "entity_id": 2, "invoice": "INV-2"},
    {"record_id": 3, "entity_type": "contact", "entity_id": None, "invoice": "INV-3"},
    {"record_id": 900000, "entity_type": "company", "entity_id": 1, "invoice": "INV-4"},
]


@dag(
    schedule=None,
    catchup=False,
    tags=["bitrix24"],
    params={"rows": Param(ROWS, type="array", description="stands for what the query returns")},
)
def bitrix24_bind_rows() -> None:
    @task
    def query(params: Any = None) -> Any:
        # In your DAG: the rows of a query that names its columns so, as mappings.
        return list(params["rows"])

    bind = BindTimelineRecordOperator(
        task_id="bind",
        bindings=query(),
        # "any" (the default) would fail the task for one row, "never" not even for all of them.
        fail_on="all",
        pass_through=["invoice"],
    )

    @task(trigger_rule="all_done")
    def report(ti: Any = None) -> list[dict[str, Any]]:
        rows = ti.xcom_pull(task_ids="bind")
        if rows is None:  # a task that fails returns nothing; what became of each row stands here then
            rows = ti.xcom_pull(task_ids="bind", key="outcomes")
        # The last task decides how a run ends, and this one runs also after a failure.
        if rows is None:
            raise RuntimeError("not one row was tried: see the logs of the tasks before")
        failed = [row for row in rows if row["STATUS"] == "failed"]
        for row in failed:
            logging.getLogger(__name__).warning("%(invoice)s: %(ERROR)s: %(ERROR_DESCRIPTION)s", row)
        if rows and len(failed) == len(rows):
            raise RuntimeError("not one row could be bound")
        return failed

    bind >> report()


bitrix24_bind_rows()
