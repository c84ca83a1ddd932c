"""When a deal is won, the hand-over document is put on its card, as a comment with a file."""

from __future__ import annotations

from airflow.sdk import Param, dag

from airflow_provider_bitrix24.operators.timeline import AddTimelineCommentOperator
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor


@dag(
    schedule=None,
    catchup=False,
    tags=["bitrix24"],
    params={
        "deal_id": Param(1, type="integer", minimum=1),
        # A worker reads it, so it stands where every worker finds it: s3://conn@bucket/handover.pdf, say.
        "document": Param(type="string", description="path of the document, local or in object storage"),
    },
)
def bitrix24_deal_won() -> None:
    won = CrmItemSensor(
        task_id="wait_until_won",
        # One text with plain params in it: so the task can start in the triggerer (Airflow 3.3).
        item="D_{{ params.deal_id }}",
        # Whatever the won stage is called in the deal's pipeline.
        stage_semantic="success",
        deferrable=True,
        poke_interval=60,
        timeout=30 * 24 * 3600,
    )
    hand_over = AddTimelineCommentOperator(
        task_id="hand_over",
        item="D_{{ params.deal_id }}",
        comment="Won. [b]The hand-over document is attached.[/b]",
        files=["{{ params.document }}"],
    )
    won >> hand_over


bitrix24_deal_won()
