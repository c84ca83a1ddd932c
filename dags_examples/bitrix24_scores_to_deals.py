"""Every morning: the day's scores go from PostgreSQL into deals, and a task reports the rows that failed.

The connection ``warehouse`` is a database of any kind that Airflow has a provider for; PostgreSQL and SQLite
are tested. Only scores that differ are written, because every update of a deal starts its automation.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import dag, task

from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator


@dag(schedule="0 5 * * *", max_active_runs=1, catchup=False, tags=["bitrix24"])
def bitrix24_scores_to_deals() -> None:
    load = SqlToBitrix24Operator(
        task_id="load",
        entity_type="deal",
        operation="update",
        # A run that is tried again gets the same rows. In your DAG, a field of your own is uf_crm_...
        sql="""
            SELECT deal_id AS id, score AS probability, model
            FROM deal_scores
            WHERE day = '{{ dag_run.run_after | ds }}'
        """,
        sql_conn_id="warehouse",
        pass_through=["model"],
        # Some deals of the warehouse are gone from the CRM. "any" (the default) would fail the task for one.
        fail_on="all",
    )

    @task(trigger_rule="all_done")
    def report(ti: Any = None) -> list[dict[str, Any]]:
        # The outcomes are there also if the task failed. Of more than 1,000 rows, they are those that failed.
        outcomes = ti.xcom_pull(task_ids="load", key="outcomes")
        # The last task decides how a run ends, and this one runs also after a failure.
        if outcomes is None:
            raise RuntimeError("not one row was tried: see the log of the task before")
        failed = [row for row in outcomes if row["STATUS"] == "failed"]
        for row in failed:
            logging.getLogger(__name__).warning(
                "%(model)s: deal %(ENTITY_ID)s: %(ERROR)s: %(ERROR_DESCRIPTION)s", row
            )
        if outcomes and len(failed) == len(outcomes):
            raise RuntimeError("not one score could be written")
        return failed

    load >> report()


bitrix24_scores_to_deals()
