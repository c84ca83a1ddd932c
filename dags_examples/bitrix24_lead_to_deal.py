"""What was said about a lead goes on in the deal it became: its comments and activities move there.

They keep their dates and authors, because nothing is copied. Running it again moves what has come since.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators.timeline import TransferTimelineOperator


@dag(
    schedule=None,
    catchup=False,
    tags=["bitrix24"],
    params={"lead_id": Param(3, type="integer", minimum=1, description="a lead that was converted")},
)
def bitrix24_lead_to_deal() -> None:
    @task
    def deal_of_lead(params: Any = None) -> int:
        # records() reads every page; the first deal is the one that the lead was converted to.
        deals = Bitrix24Hook().records(
            "crm.deal.list", {"filter": {"LEAD_ID": params["lead_id"]}, "select": ["ID"]}
        )
        ids = sorted(int(deal["ID"]) for deal in deals)
        if not ids:
            raise ValueError(f"lead {params['lead_id']} has not become a deal")
        return ids[0]

    TransferTimelineOperator(
        task_id="move_timeline",
        source=("lead", "{{ params.lead_id }}"),
        target=("deal", deal_of_lead()),
        # "share" would leave everything on the lead as well.
        mode="move",
    )


bitrix24_lead_to_deal()
