"""A comment on a deal that shows on the deal's contact and company as well.

The deal's id, the comment's id and the items to share it with all travel through XCom.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    BindTimelineRecordOperator,
)
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor


@dag(schedule=None, catchup=False, tags=["bitrix24"])
def bitrix24_share_comment() -> None:
    @task
    def newest_open_deal() -> dict[str, int]:
        deals = Bitrix24Hook().call(
            "crm.deal.list",
            {
                "filter": {"CLOSED": "N", ">CONTACT_ID": 0, ">COMPANY_ID": 0},
                "select": ["ID", "CONTACT_ID", "COMPANY_ID"],
                "order": {"ID": "DESC"},
                "start": 0,
            },
        )
        return {name: int(value) for name, value in deals[0].items()}

    deal: Any = newest_open_deal()
    comment = AddTimelineCommentOperator(
        task_id="add_comment",
        entity_type="deal",
        entity_id=deal["ID"],
        comment="Offer sent. [b]The contact and the company see this too.[/b]",
    )
    share = BindTimelineRecordOperator(
        task_id="share_comment",
        bindings=[
            (comment.output, "contact", deal["CONTACT_ID"]),
            (comment.output, "company", deal["COMPANY_ID"]),
        ],
    )
    seen = TimelineBindingSensor(
        task_id="wait_until_shared",
        record_id=comment.output,
        entity_type="company",
        entity_id=deal["COMPANY_ID"],
        poke_interval=5,
        timeout=300,
    )
    share >> seen


bitrix24_share_comment()
