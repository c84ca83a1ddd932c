"""A user's DAG as mypy sees it: what a type checker must let pass, and what it must refuse.

``make lint`` checks this file, and nobody runs it. An ``ignore`` that is not needed is an error, too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from airflow.sdk import task

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier
from airflow_provider_bitrix24.operators.activity import BindActivityOperator
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    BindTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor, CrmItemsSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor, TimelineCommentSensor


@task
def rows() -> list[tuple[int, str, int]]:
    return [(1, "deal", 2)]


# ---------------------------------------------------------------- what passes

comment = AddTimelineCommentOperator(
    task_id="comment",
    item=("deal", 10),
    comment="Paid.",
    files=[Path("a.pdf"), {"path": "b.pdf", "name": "c"}],
)
AddTimelineCommentOperator(task_id="t", item="D_{{ params.deal }}", comment="{{ ds }}", bind_to=["C_1"])
AddTimelineCommentOperator(task_id="t", entity_type="deal", entity_id=rows(), comment=rows(), retries=2)
BindTimelineRecordOperator(task_id="t", record_id=comment.output, entity_type="deal", entity_id="{{ 1 }}")
BindTimelineRecordOperator(task_id="t", bindings=[(comment.output, "deal", 1), {"record_id": 1}])
BindTimelineRecordOperator(task_id="t", bindings=rows())
BindTimelineRecordOperator(task_id="t", bindings="{{ ti.xcom_pull('rows') | tojson }}", fail_on="all")
BindTimelineRecordOperator(task_id="t", record_id=comment.output, related_to={"entity_type": "deal"})
BindTimelineRecordOperator.partial(task_id="t", entity_type="deal", entity_id=1).expand(record_id=[1, 2])
BindTimelineRecordOperator.partial(task_id="t").expand_kwargs(rows())
SetTimelineBindingsOperator(task_id="t", record_id=Decimal(4), items=[("deal", 1), "C_7"])
TransferTimelineOperator(task_id="t", source=("lead", comment.output), target="D_1", kinds=["comments"])
BindActivityOperator(task_id="t", bindings=[(1, "deal", 2)], deferrable=True)
AddTimelineCommentsOperator(task_id="t", rows=[{"item": "D_1", "comment": "x"}])
UpdateTimelineCommentOperator(task_id="t", record_id=comment.output, comment="New", item=None)
Bitrix24CallOperator(task_id="t", method="crm.deal.get", api_params={"id": comment.output})
Bitrix24CallOperator(task_id="t", method="profile", params={"mine": 1})
Bitrix24ListOperator(task_id="t", method="crm.deal.list", output_path=Path("deals.jsonl"))
Bitrix24BatchOperator(task_id="t", calls=[Call("profile"), {"method": "scope"}])
CrmItemSensor(task_id="t", item=("deal", 1), stage_semantic="success", timeout=60.0, mode="reschedule")
CrmItemSensor(task_id="t", item=comment.output, conditions={">=opportunity": 1000})
CrmItemsSensor(task_id="t", entity_type="deal", where={">=opportunity": 1000}, min_count=2, max_ids=50)
TimelineBindingSensor(task_id="t", record_id=comment.output, entity_type="deal", entity_id=1, bound=False)
TimelineCommentSensor(task_id="t", item="D_1", pattern="paid", since=datetime(2026, 5, 4, tzinfo=UTC))
Bitrix24Notifier(message="{{ ti.task_id }}", user_ids=[1, "2"], attach=[{"MESSAGE": "x"}])
Bitrix24Notifier(message="Done", dialog_id="chat5", system=True, max_wait=10)

hook = Bitrix24Hook("bitrix24_default")
bound: list[dict[str, object]] = hook.bind_timeline_records([(1, "deal", 2)], fail_on="never")
record: int = hook.add_timeline_comment(("deal", 10), "Paid.")

# ---------------------------------------------------------------- what does not

AddTimelineCommentOperator(task_id="t", item="D_1")  # type: ignore[call-arg]
AddTimelineCommentOperator(task_id="t", item="D_1", comment=5)  # type: ignore[arg-type]
AddTimelineCommentOperator(task_id="t", item=10, comment="x")  # type: ignore[arg-type]
BindTimelineRecordOperator(task_id="t", bindings=4)  # type: ignore[arg-type]
BindTimelineRecordOperator(task_id="t", record_id=1.5, related_to="D_1")  # type: ignore[arg-type]
BindTimelineRecordOperator(task_id="t", bindings=[], fail_on="some")  # type: ignore[arg-type]
Bitrix24CallOperator(task_id="t", method="crm.deal.get", api_params=[1])  # type: ignore[arg-type]
CrmItemSensor(task_id="t", item="D_1", conditions=["stageId"])  # type: ignore[arg-type]
Bitrix24Notifier(user_ids=[1])  # type: ignore[call-arg]
Bitrix24Notifier(message="x", user_ids=1.5)  # type: ignore[arg-type]
hook.bind_timeline_records(4)  # type: ignore[arg-type]
