"""What stands in a DAG file as it is, is checked when the file is parsed; the rest when the task runs."""

from __future__ import annotations

import numpy
import pytest
from airflow.sdk import DAG, BaseOperator
from cases import cases

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.activity import BindActivityOperator
from airflow_provider_bitrix24.operators.arguments import is_literal
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
    DeleteTimelineCommentOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.rest.calls import Call

PARTS = {"record_id": 1, "entity_type": "deal", "entity_id": 1}
ITEM = {"item": "D_1"}
TEXTS = {"title": "a", "text": "b"}
ENDS = {"source": "D_1", "target": "D_2"}

BAD = [
    (BindTimelineRecordOperator, PARTS, "record_id", "12abc"),
    (BindTimelineRecordOperator, PARTS, "record_id", None),
    (UnbindTimelineRecordOperator, PARTS, "entity_type", "dael"),
    (BindTimelineRecordOperator, PARTS, "entity_id", 0),
    (BindTimelineRecordOperator, {}, "bindings", [(1, "dael", 1)]),
    (BindTimelineRecordOperator, {}, "bindings", '[[1, "deal", "x"]]'),
    (BindTimelineRecordOperator, {"record_id": 1}, "related_to", ("dael", 1)),
    (SetTimelineBindingsOperator, {"record_id": 1}, "items", ["D_1", ("dael", 1)]),
    (SetTimelineBindingsOperator, {"items": ["D_1"]}, "record_id", True),
    (MoveTimelineRecordOperator, {"record_id": 1, **ENDS}, "target", "deal"),
    (ListTimelineBindingsOperator, {}, "record_id", 7.0),
    (BindActivityOperator, {}, "bindings", [{"activity_id": 1, "entity_type": "deal"}]),
    (AddTimelineCommentOperator, {"comment": "x"}, "item", ("dael", 1)),
    (AddTimelineCommentOperator, {"comment": "x", "entity_id": 1}, "entity_type", "dael"),
    (AddTimelineCommentOperator, ITEM, "comment", " "),
    (AddTimelineCommentOperator, {**ITEM, "comment": "x"}, "bind_to", []),
    (AddTimelineCommentsOperator, {}, "rows", [{"item": "D_1", "comment": None}]),
    (UpdateTimelineCommentOperator, {"record_id": 1, "comment": "x"}, "item", "dael_1"),
    (DeleteTimelineCommentOperator, {}, "record_id", -1),
    (AddTimelineLogMessageOperator, {**ITEM, **TEXTS}, "title", ""),
    (TransferTimelineOperator, ENDS, "kinds", ["calls"]),
    (TransferTimelineOperator, ENDS, "mode", "copy"),
    (Bitrix24CallOperator, {}, "method", "crm deal"),
    (Bitrix24CallOperator, {"method": "crm.deal.get"}, "api_params", {"id": "x"}),
    (Bitrix24CallOperator, {"method": "crm.deal.get"}, "api_params", "no JSON"),
    (Bitrix24ListOperator, {"method": "crm.deal.list"}, "api_params", {"filter": {"@ID": []}}),
    (Bitrix24BatchOperator, {}, "calls", [{"method": "crm.deal.get", "params": {"id": None}}]),
]


@cases(("cls", "others", "name", "value"), BAD)
def test_what_is_not_valid_breaks_the_dag_file(cls, others, name, value):
    with pytest.raises(InvalidInputError) as caught:
        cls(task_id="t", **{**others, name: value})
    assert caught.value.description.startswith(name)


@cases(("cls", "others", "name", "value"), BAD)
def test_what_comes_by_template_from_a_task_or_by_mapping_waits_for_the_run(cls, others, name, value):
    with DAG("literals") as dag:
        source = BaseOperator(task_id="source")
        cls(task_id="template", **{**others, name: "{{ x }}"})
        cls(task_id="output", **{**others, name: source.output})
        partly = {key: other for key, other in others.items() if key != name}
        cls.partial(task_id="mapped", **partly).expand(**{name: source.output})
    assert dag.task_dict["mapped"].unmap({name: value}).task_id == "mapped"


@pytest.mark.parametrize("fail_on", ["all", "never"])
def test_literal_rows_that_may_fail_are_no_mistake(fail_on):
    assert BindTimelineRecordOperator(task_id="t", bindings=[(1, "dael", 1)], fail_on=fail_on)


def test_an_optional_argument_may_be_left_out_by_none():
    assert UpdateTimelineCommentOperator(task_id="t", record_id=1, comment="x", item=None, files=None)
    assert AddTimelineCommentOperator(task_id="t", item="D_1", comment="x", bind_to=None)


@cases("value", [None, 5, "x", "{# x #}", [1, ("a", {"b": 2})], {"a": [None]}, Call("x"), {1, 2}])
def test_literals(value):
    assert is_literal(value)


@cases(
    "value",
    [
        "{{ x }}",
        "a {% if b %}",
        ["{{ x }}"],
        {"a": {"b": "{{ x }}"}},
        {"{{ x }}": 1},
        object(),
        iter([1]),
        len,
        numpy.array([1]),
    ],
)
def test_what_is_no_literal(value):
    assert not is_literal(value)
