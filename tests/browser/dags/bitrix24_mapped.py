"""Mapped tasks, one of which fails: a comment on a deal, shown on each of three items."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    BindTimelineRecordOperator,
)


@dag(schedule=None, catchup=False)
def bitrix24_mapped():
    comment = AddTimelineCommentOperator(task_id="comment", item=("deal", 1), comment="Seen by several.")
    BindTimelineRecordOperator.partial(task_id="bind", record_id=comment.output, retries=0).expand_kwargs(
        [
            {"entity_type": "contact", "entity_id": 1},
            {"entity_type": "company", "entity_id": 1},
            {"entity_type": "company", "entity_id": "none"},
        ]
    )


bitrix24_mapped()
