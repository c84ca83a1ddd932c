"""A lake in Parquet: each run writes what changed in the CRM, and an asset tells others that it is there.

The watermark is kept with the asset, which takes Airflow 3.3. On an older one, give ``since`` instead of
``incremental`` and ``asset``. The ids of all deals are written beside them: what is in the lake and not among
these is gone from the CRM.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, Param, dag, task

from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator

DEALS = Asset("crm_deals")


@dag(
    schedule="@hourly",
    max_active_runs=1,
    catchup=False,
    tags=["bitrix24"],
    params={"lake": Param("lake", type="string", description="a folder, or s3://conn@bucket")},
)
def bitrix24_lake() -> None:
    Bitrix24ToFileOperator(
        task_id="deals",
        dataset="deal",
        path="{{ params.lake }}/deals/{{ ts_nodash }}.parquet",
        incremental=True,
        asset=DEALS,
    )
    Bitrix24ToFileOperator(
        task_id="deal_ids", dataset="deal", fields=["id"], path="{{ params.lake }}/deal_ids.parquet"
    )


@dag(schedule=[DEALS], catchup=False, tags=["bitrix24"])
def bitrix24_lake_readers() -> None:
    @task
    def count(triggering_asset_events: Any = None) -> int:
        return sum(event.extra["rows"] for events in triggering_asset_events.values() for event in events)

    count()


bitrix24_lake()
bitrix24_lake_readers()
