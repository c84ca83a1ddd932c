"""Literal arguments are checked when the DAG file is parsed, templates when they are rendered."""

from __future__ import annotations

import re

import pytest
from airflow.sdk import DAG, task
from cases import cases
from operator_alone import context_of

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.arguments import is_literal
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor, TimelineCommentSensor

ITEM = {"item": ("deal", 1), "stage_semantic": "success"}
COMMENT = {"item": ("deal", 1)}
BINDING = {"record_id": 1, "item": ("deal", 1)}
TEMPLATE = "D_{{ params.deal }}"
#: class, arguments that are valid, one that is not, and what is said of it
WRONG = {
    "semantic": (CrmItemSensor, ITEM, {"stage_semantic": "won"}, "stage_semantic: 'won' is none of success"),
    "item": (CrmItemSensor, ITEM, {"item": ("dael", 1)}, "item.entity_type: 'dael' is not a type"),
    "item's id": (CrmItemSensor, ITEM, {"item": ("deal", 0)}, "item.entity_id: 0 is not an id"),
    "operator": (CrmItemSensor, ITEM, {"conditions": {"~title": 1}}, "conditions: '~title' is not a field's"),
    "no conditions": (CrmItemSensor, ITEM, {"conditions": {}}, "conditions: {} is not a mapping"),
    "pattern": (TimelineCommentSensor, COMMENT, {"pattern": "("}, "pattern: '(' is not a regular expression"),
    "author": (TimelineCommentSensor, COMMENT, {"author_id": "x"}, "author_id: 'x' is not an id"),
    "since": (TimelineCommentSensor, COMMENT, {"since": "today"}, "since: 'today' is not a moment"),
    "record": (TimelineBindingSensor, BINDING, {"record_id": "12abc"}, "record_id: '12abc' is not an id"),
    "no record": (TimelineBindingSensor, BINDING, {"record_id": None}, "record_id: None is not an id"),
    "binding's item": (TimelineBindingSensor, BINDING, {"item": "X_1"}, "item: 'X_1' is not a CRM item"),
}


@cases("deferrable", [False, True], ids=["worker", "triggerer"])
@cases(("cls", "valid", "wrong", "problem"), WRONG.values(), ids=WRONG)
def test_a_literal_that_is_not_valid_is_refused(cls, valid, wrong, problem, deferrable):
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}"):
        cls(task_id="t", deferrable=deferrable, **{**valid, **wrong})


@cases(
    ("cls", "valid", "wrong", "problem"), [case for case in WRONG.values() if None not in case[2].values()]
)
def test_a_literal_is_checked_beside_a_template(cls, valid, wrong, problem):
    others = {"author_id": "{{ 1 }}"} if cls is TimelineCommentSensor else {"item": TEMPLATE}
    if "item" in wrong:
        others = {"stage_semantic": "{{ 1 }}"} if cls is CrmItemSensor else {"record_id": "{{ 1 }}"}
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}"):
        cls(task_id="t", **{**valid, **others, **wrong})


@pytest.mark.parametrize(("cls", "valid", "wrong", "problem"), WRONG.values(), ids=WRONG)
def test_what_comes_by_template_is_checked_when_it_is_rendered(portal, cls, valid, wrong, problem):
    [(name, value)] = wrong.items()
    if value is None:
        problem = f"{name}: it was given, but is None now"
    sensor = cls(task_id="t", **{**valid, name: "{{ ti.xcom_pull('upstream') }}"})
    setattr(sensor, name, value)
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}"):
        sensor.execute(context_of())
    assert portal.requests == []


@pytest.mark.parametrize(
    "arguments",
    [{"item": "D_1"}, {"item": TEMPLATE}, {"item": "D_1", "conditions": None}],
    ids=str,
)
def test_a_sensor_without_a_condition_is_refused(arguments):
    with pytest.raises(InvalidInputError, match=r"^conditions: neither they nor stage_semantic are given"):
        CrmItemSensor(task_id="t", **arguments)


@pytest.mark.parametrize("item", ["C_1", "O_1"])
def test_literals_that_do_not_fit_together_are_refused(item):
    with pytest.raises(InvalidInputError, match=r"^(stage_semantic|item): "):
        CrmItemSensor(task_id="t", item=item, stage_semantic="success")


@pytest.mark.parametrize(
    ("cls", "others"),
    [
        (CrmItemSensor, {"stage_semantic": "success"}),
        (TimelineCommentSensor, {}),
        (TimelineBindingSensor, {"record_id": 1}),
    ],
)
def test_an_item_is_given_whole_or_by_its_parts(cls, others):
    whole = cls(task_id="t", item="D_1", **others)
    parts = cls(task_id="t", entity_type="deal", entity_id="1", **others)
    assert whole.watch.item == parts.watch.item
    assert {"item", "entity_type", "entity_id"} <= set(cls.template_fields)
    for wrong in ({"item": "D_1", "entity_id": 1}, {"entity_type": "deal"}, {}):
        with pytest.raises(InvalidInputError, match="Give entity_type and entity_id, or item"):
            cls(task_id="t", **others, **wrong)


def test_what_a_task_returns_is_not_literal():
    with DAG("literals"):

        @task
        def give():
            return 1

        value = give()
        for argument in (value, ["deal", value], {"entity_type": "deal", "entity_id": value}):
            assert not is_literal(argument)
            CrmItemSensor(task_id=f"t{id(argument)}", item=argument, stage_semantic="success")
        mapped = CrmItemSensor.partial(task_id="mapped", stage_semantic="success").expand(item=["D_1", "X_1"])
        assert mapped.task_id == "mapped"


@cases("value", ["{{ x }}", "{% if x %}1{% endif %}", ["{{ x }}"], {"a": ["{{ x }}"]}])
def test_a_template_is_not_literal(value):
    assert not is_literal(value)


@cases("value", ["D_1", 1, None, ("deal", 1), {"a{2}": ["}}"]}, 7.5])
def test_what_is_no_template_is_literal(value):
    assert is_literal(value)
