"""Soon after somebody changed a contact, and at night in any case: what changed goes into a database.

A triggerer looks for changes once a minute. It only says that something changed. The task reads what that is
by itself, from where the last run ended, so that an event too many or too few costs no data. ``portal`` is
the host of your own portal.
"""

from __future__ import annotations

from airflow.sdk import dag
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_bitrix24.assets.bitrix24 import crm_asset
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

contacts = crm_asset("contact", portal="portal.bitrix24.com", watch=True)
every_night = CronTriggerTimetable("0 3 * * *", timezone="UTC")


@dag(
    # airflow.sdk has the two classes of the schedule from Airflow 3.3 up, with types that fit.
    schedule=AssetOrTimeSchedule(timetable=every_night, assets=[contacts]),  # type: ignore[list-item]
    max_active_runs=1,
    catchup=False,
    tags=["bitrix24"],
)
def bitrix24_on_changes() -> None:
    Bitrix24ToSqlOperator(
        task_id="contact",
        dataset="contact",
        table="crm_contact",
        sql_conn_id="warehouse",
        incremental=True,
    )


bitrix24_on_changes()
