"""Runs DAGs with Airflow's provider of OpenLineage at work, in a process of its own: its listener forks.

The environment has the connections, OpenLineage's transport and the values that no event may hold.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

from dag_runs import make_database, store

FOLDER = Path(sys.argv[1])
CANARY = os.environ["CANARY"]


def failing() -> Any:
    """Return a DAG that neither reads nor writes anything before it fails."""
    from airflow.sdk import DAG

    from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator

    gone = {"id": 999_999, "fields": {"TITLE": CANARY}}
    with DAG("failing") as dag:
        Bitrix24CallOperator(task_id="bad_call", method="crm.deal.update", api_params=gone)
    return dag


def reading() -> Any:
    """Return a DAG whose tasks are functions."""
    from airflow.sdk import DAG, task

    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    with DAG("reading") as dag:

        @task
        def read() -> int:
            rows = list(Bitrix24Hook().crm_rows("contact"))
            Bitrix24Hook().update_crm_items("lead", [{"id": 1, "title": CANARY}])
            return len(rows)

        read()
    return dag


def moving() -> Any:
    """Return a DAG of operators, some of which fail."""
    from airflow.sdk import DAG

    from airflow_provider_bitrix24.operators.items import UpsertCrmItemsOperator
    from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
    from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator
    from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
    from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

    query = "SELECT id, title || '!' AS title FROM deals WHERE title <> "
    (FOLDER / "rows.jsonl").write_text(json.dumps({"id": 2, "title": CANARY}) + "\n")
    with DAG("moving", default_args={"trigger_rule": "all_done"}) as dag:
        tasks = [
            Bitrix24ToFileOperator(task_id="to_file", dataset="deal", path=str(FOLDER / "deals.parquet")),
            Bitrix24ToSqlOperator(
                task_id="to_sql", dataset="deal", table="deals", sql_conn_id="warehouse", fields=["title"]
            ),
            SqlToBitrix24Operator(
                task_id="from_sql",
                entity_type="deal",
                operation="update",
                sql=query + os.environ["PLACEHOLDER"],
                parameters=["{{ dag.description or '' }}" + CANARY],
                sql_conn_id="warehouse",
                outcomes_path=str(FOLDER / "outcomes.jsonl"),
            ),
            FileToBitrix24Operator(
                task_id="from_file", entity_type="deal", operation="update", path=str(FOLDER / "rows.jsonl")
            ),
            UpsertCrmItemsOperator(
                task_id="upsert",
                entity_type="company",
                rows=[{"origin_id": CANARY, "title": CANARY}],
                key="origin_id",
            ),
            Bitrix24ToFileOperator.partial(task_id="each").expand_kwargs(
                [
                    {"dataset": "users", "path": str(FOLDER / "users.csv")},
                    {"dataset": "deal.stage_history", "path": str(FOLDER / "history.csv")},
                ]
            ),
            SqlToBitrix24Operator(
                task_id="bad_value",
                entity_type="deal",
                operation="update",
                sql=f"SELECT id, '{CANARY}' AS opportunity FROM deals",
                sql_conn_id="warehouse",
            ),
            SqlToBitrix24Operator(
                task_id="bad_query",
                entity_type="deal",
                operation="update",
                sql=f"SELECT id FROM deals WHERE no_such = '{CANARY}'",
                sql_conn_id="warehouse",
            ),
        ]
        for before, after in itertools.pairwise(tasks):
            before.set_downstream(after)
    return dag


if __name__ == "__main__":
    make_database()
    states = {}
    # in this order, because a process has one collector for all
    for dag in (failing(), reading(), moving()):
        store(dag)
        run = dag.test()
        states |= {f"{ti.task_id} {ti.map_index}": str(ti.state) for ti in run.get_task_instances()}
    (FOLDER / "states.json").write_text(json.dumps(states))
