"""What sensors for items and comments make of their arguments: nothing, odd types, in worker and trigger."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import numpy
import pytest
from airflow.sdk import DAG, task

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    DeleteTimelineCommentOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineCommentSensor
from airflow_provider_bitrix24.triggers.crm import CrmItemTrigger
from airflow_provider_bitrix24.triggers.timeline import TimelineCommentTrigger

GET = "crm.item.get"
COMMENTS = "crm.timeline.comment.list"
QUICK = {"poke_interval": 0.05, "timeout": 60}
MODES = {"poke": {}, "deferrable": {"deferrable": True}}


@pytest.mark.slow
def test_an_argument_that_becomes_nothing_is_not_left_out(portal, run_dag):
    """Without it more would fit than was meant: any comment, any stage, a comment without its file."""
    portal.clear_journal()
    nothing_given = {}
    with DAG("become_nothing", render_template_as_native_obj=True, params={"x": None}) as dag:

        @task
        def nothing():
            return None

        def add(operator, name, argument, **arguments):
            value = "{{ params.x }}" if len(nothing_given) % 2 else nothing.override(task_id=f"none_{name}")()
            operator(task_id=name, **arguments, **{argument: value})
            nothing_given[name] = argument

        for mode, options in MODES.items():
            rest = {**QUICK, **options, "item": "D_1"}
            for argument in ("pattern", "author_id", "since"):
                add(TimelineCommentSensor, f"{mode}_{argument}", argument, **rest)
            add(CrmItemSensor, f"{mode}_conditions", "conditions", stage_semantic="process", **rest)
            add(CrmItemSensor, f"{mode}_stage", "stage_semantic", conditions={"stageId": "NEW"}, **rest)
        for argument in ("files", "bind_to"):
            add(AddTimelineCommentOperator, f"add_{argument}", argument, item="D_1", comment="Text")
        for argument in ("files", "item"):
            add(UpdateTimelineCommentOperator, f"update_{argument}", argument, record_id=2, comment="Text")
        add(DeleteTimelineCommentOperator, "delete_item", "item", record_id=2)
    run = run_dag(dag)
    assert {run.states[name] for name in nothing_given} == {"failed"}
    for name, argument in nothing_given.items():
        assert f"{argument}: it was given, but is None now" in run.log(name), name
    assert portal.journal == []


@pytest.mark.parametrize(
    ("trigger", "arguments"),
    [
        (TimelineCommentTrigger, {"pattern": "{{ params.x }}"}),
        (TimelineCommentTrigger, {"author_id": "{{ params.x }}"}),
        (TimelineCommentTrigger, {"since": "{{ params.x }}"}),
        (CrmItemTrigger, {"conditions": "{{ params.x }}", "stage_semantic": "process"}),
        (CrmItemTrigger, {"stage_semantic": "{{ params.x }}", "conditions": {"stageId": "NEW"}}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_argument_that_becomes_nothing_in_the_triggerer(portal, trigger, arguments):
    """A task that starts there gets its templates rendered on the trigger."""
    portal.clear_journal()
    made = trigger(item="D_1", bitrix24_conn_id="bitrix24_default", poke_interval=0.05, **arguments)
    argument = next(iter(arguments))
    setattr(made, argument, None)

    async def first_event():
        return await anext(made.run())

    event = asyncio.run(first_event()).payload
    assert event["status"] == "failed"
    assert f"{argument}: it was given, but is None now" in str(event["error"])
    assert portal.journal == []


def test_a_pattern_that_is_the_text_none(portal, run_dag):
    with DAG("pattern_none") as dag:
        TimelineCommentSensor(
            task_id="wait", item="D_1", pattern="{{ ti.xcom_pull(task_ids='none') }}", **QUICK
        )
    run = run_dag(dag)
    assert run.states == {"wait": "failed"}
    assert "pattern: the text is 'None'" in run.log("wait")


ITEM_ARGUMENTS = {
    "an_item": lambda deal: {"item": CrmItem("deal", deal), "stage_semantic": "success"},
    "numpy_id": lambda deal: {"item": ("deal", numpy.int64(deal)), "stage_semantic": "success"},
    "decimal_id": lambda deal: {"item": ["deal", Decimal(deal)], "stage_semantic": "success"},
    "decimal": lambda deal: {"item": f"D_{deal}", "conditions": {">opportunity": Decimal("3.5")}},
    "numpy": lambda deal: {"item": f"D_{deal}", "conditions": {">opportunity": numpy.int64(3)}},
    "set": lambda deal: {"item": f"D_{deal}", "conditions": {"@stageId": {"WON", "LOSE"}}},
    "moment": lambda deal: {
        "item": f"D_{deal}",
        "conditions": {">createdTime": datetime(2001, 1, 1, tzinfo=UTC)},
    },
}


@pytest.mark.slow
def test_odd_types_reach_the_trigger(portal, run_dag):
    """Each sensor looks once in the worker, in vain, and then with what its trigger took along."""
    looks = {}
    with DAG("odd_types") as dag:
        for name, arguments in ITEM_ARGUMENTS.items():
            deal = looks[name] = portal.add_item("deal", {"STAGE_ID": "WON", "OPPORTUNITY": 5})
            before = {"id": deal, "stageId": "NEW", "categoryId": 0, "opportunity": 1}
            before["createdTime"] = "2000-01-01T00:00:00+00:00"
            portal.inject("result", GET, params={"id": deal}, result={"item": before})
            CrmItemSensor(task_id=name, deferrable=True, **QUICK, **arguments(deal))
        written = portal.add_comment("deal", 2, "Since")
        portal.inject("result", COMMENTS, params={"filter": {"ENTITY_ID": 2}}, result=[])
        TimelineCommentSensor(
            task_id="comment",
            item=CrmItem("deal", 2),
            pattern="^Since$",
            since=datetime(2001, 1, 1, tzinfo=UTC),
            deferrable=True,
            **QUICK,
        )
    run = run_dag(dag)
    assert set(run.states.values()) == {"success"}, run.states
    assert run.xcom("comment", "ID") == written
    for name, deal in looks.items():
        asked = [call for call in portal.calls(GET, executed=None) if str(call.params["id"]) == str(deal)]
        assert len(asked) == 2, name
