"""Operators that are mapped: each of the tasks is like one that is written out."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG
from cases import cases
from operator_alone import context_of

from airflow_provider_bitrix24.operators.items import (
    CreateCrmItemsOperator,
    DeleteCrmItemsOperator,
    SetProductRowsOperator,
    UpdateCrmItemsOperator,
    UpsertCrmItemsOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
)
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor, CrmItemsSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor, TimelineCommentSensor
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

DEALS = {"entity_type": "deal"}
LOAD = {**DEALS, "operation": "update"}
#: operators, what they are given as all tasks are, and what each task has of its own
MAPPED = [
    (CreateCrmItemsOperator, DEALS, {"rows": [{"title": "Fair"}]}),
    (UpdateCrmItemsOperator, DEALS, {"rows": [{"id": 1, "title": "Fair"}]}),
    (UpsertCrmItemsOperator, {**DEALS, "key": "origin_id"}, {"rows": [{"origin_id": "A1", "title": "Fair"}]}),
    (DeleteCrmItemsOperator, DEALS, {"ids": [1]}),
    (SetProductRowsOperator, DEALS, {"rows": [{"owner_id": 1, "product_id": 7, "price": 1, "quantity": 1}]}),
    (AddTimelineCommentOperator, {"item": "D_1"}, {"comment": "x"}),
    (AddTimelineLogMessageOperator, {"item": "D_1", "title": "T"}, {"text": "x"}),
    (BindTimelineRecordOperator, {"record_id": 1}, {"item": "D_1"}),
    (CrmItemSensor, {"conditions": {"title": "x"}}, {"item": "D_1"}),
    (CrmItemsSensor, DEALS, {"where": {"id": 1}}),
    (TimelineBindingSensor, {"record_id": 1}, {"item": "D_1"}),
    (TimelineCommentSensor, {}, {"item": "D_1"}),
    (Bitrix24ToFileOperator, {"dataset": "deal"}, {"path": "/nowhere/a.jsonl"}),
    (Bitrix24ToSqlOperator, {"dataset": "deal", "sql_conn_id": "warehouse"}, {"table": "deal"}),
    (FileToBitrix24Operator, LOAD, {"path": "/nowhere/a.jsonl"}),
    (SqlToBitrix24Operator, {**LOAD, "sql_conn_id": "warehouse"}, {"sql": "SELECT 1 AS id"}),
]


def mapped(cls, partly, own):
    """Return one of the tasks that a mapped operator becomes."""
    with DAG("mapped_operators") as dag:
        cls.partial(task_id="t", **partly).expand(**{name: [value] for name, value in own.items()})
    return dag.task_dict["t"].unmap(own)


@cases(("cls", "partly", "own"), MAPPED)
def test_nothing_counts_as_lost_that_was_not_given(cls, partly, own):
    operator = mapped(cls, partly, own)
    nothing = [name for name in cls.template_fields if getattr(operator, name) is None]
    operator.arguments.check_not_lost(operator, *nothing)


@pytest.mark.parametrize(("cls", "partly", "own"), MAPPED[:5], ids=lambda case: getattr(case, "__name__", ""))
def test_a_mapped_task_writes_items(portal, cls, partly, own):
    portal.add_item("deal", {"TITLE": "Espresso machines"})
    [outcome] = mapped(cls, partly, own).execute(context_of())
    assert outcome["STATUS"] in ("created", "updated", "deleted", "set")
