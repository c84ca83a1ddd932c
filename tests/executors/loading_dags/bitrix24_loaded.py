"""Loads what changed into a table, whenever deals change."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider_bitrix24.assets.bitrix24 import crm_asset
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

deals = crm_asset("deal", portal="portal.bitrix24.com", watch=True, poke_interval=3)


@dag(schedule=[deals], max_active_runs=1, catchup=False, is_paused_upon_creation=False)
def bitrix24_loaded():
    Bitrix24ToSqlOperator(
        task_id="load", dataset="deal", table="deal", sql_conn_id="warehouse", incremental=True
    )


bitrix24_loaded()
