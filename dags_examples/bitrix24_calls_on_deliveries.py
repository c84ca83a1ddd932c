"""The calls of a deal show on its deliveries as well: items of a smart process that belong to the deal."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators.activity import BindActivityOperator

DEAL = 2  # the number of the type "deal"; in crm.activity.* and crm.item.* types are numbers
CALL = "2"  # TYPE_ID of a call


@dag(
    schedule=None,
    catchup=False,
    tags=["bitrix24"],
    params={
        "deal_id": Param(1, type="integer", minimum=1),
        "smart_process": Param(128, type="integer", description="the smart process's entityTypeId"),
    },
)
def bitrix24_calls_on_deliveries() -> None:
    @task
    def wanted_bindings(params: Any = None) -> list[tuple[int, str, int]]:
        hook = Bitrix24Hook()
        deal, process = params["deal_id"], params["smart_process"]
        activities = hook.records(
            "crm.activity.list",
            {"filter": {"OWNER_TYPE_ID": DEAL, "OWNER_ID": deal}, "select": ["ID", "TYPE_ID"]},
        )
        calls = [int(activity["ID"]) for activity in activities if str(activity["TYPE_ID"]) == CALL]
        deliveries = hook.records(
            "crm.item.list",
            {"entityTypeId": process, "filter": {f"parentId{DEAL}": deal}, "select": ["id"]},
        )
        items = [int(item["id"]) for item in deliveries]
        return [(call, f"dynamic_{process}", item) for call in calls for item in items]

    # Activities have ids of their own. BindTimelineRecordOperator would take them for other records'.
    BindActivityOperator(task_id="show_calls", bindings=wanted_bindings())


bitrix24_calls_on_deliveries()
