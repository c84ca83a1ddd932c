"""Every hour: what changed in the CRM goes into a database. Once a week: everything, with what is gone.

The connection ``warehouse`` is a database of any kind that Airflow has a provider for; PostgreSQL and SQLite
are tested. Labels of stages and names of users are in tables of their own, because both change without a
change of the deal.
"""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator


@dag(schedule="@hourly", max_active_runs=1, catchup=False, tags=["bitrix24"])
def bitrix24_deals_to_sql() -> None:
    for dataset in ("deal", "deal.stage_history"):
        Bitrix24ToSqlOperator(
            task_id=dataset.replace(".", "_"),
            dataset=dataset,
            table=f"crm_{dataset.replace('.', '_')}",
            sql_conn_id="warehouse",
            incremental=True,
        )
    for dataset in ("stages", "users"):
        Bitrix24ToSqlOperator(
            task_id=dataset,
            dataset=dataset,
            table=f"crm_{dataset}",
            sql_conn_id="warehouse",
            mode="replace",
        )


@dag(schedule="0 3 * * 0", max_active_runs=1, catchup=False, tags=["bitrix24"])
def bitrix24_deals_to_sql_weekly() -> None:
    # What does not move a deal's date, such as its contacts, comes with the whole table.
    Bitrix24ToSqlOperator(
        task_id="deal", dataset="deal", table="crm_deal", sql_conn_id="warehouse", deletions="mark"
    )


bitrix24_deals_to_sql()
bitrix24_deals_to_sql_weekly()
