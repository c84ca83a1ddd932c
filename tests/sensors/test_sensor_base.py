"""What all sensors share: their own arguments, the trigger that waits for the same, what looks."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.watching.binding_watch import BindingWatch
from airflow_provider_bitrix24.crm.watching.comment_watch import CommentWatch
from airflow_provider_bitrix24.crm.watching.item_watch import ItemWatch
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor, TimelineCommentSensor
from airflow_provider_bitrix24.triggers.crm import CrmItemTrigger
from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger, TimelineCommentTrigger

SINCE = datetime(2026, 5, 4, 10, tzinfo=UTC)
#: class, its trigger and what looks, arguments, and how they travel to the triggerer
SENSORS = {
    "binding": (
        TimelineBindingSensor,
        (TimelineBindingTrigger, BindingWatch),
        {"record_id": 7, "entity_type": "deal", "entity_id": "1"},
        {"record_id": 7, "item": None, "entity_type": "deal", "entity_id": "1", "bound": True},
    ),
    "no binding": (
        TimelineBindingSensor,
        (TimelineBindingTrigger, BindingWatch),
        {"record_id": 7, "item": "D_1", "bound": False},
        {"record_id": 7, "item": "D_1", "entity_type": None, "entity_id": None, "bound": False},
    ),
    "comment": (
        TimelineCommentSensor,
        (TimelineCommentTrigger, CommentWatch),
        {"item": "D_1", "since": SINCE, "author_id": None},
        {
            "item": "D_1", "entity_type": None, "entity_id": None,
            "pattern": None, "author_id": None, "since": "2026-05-04T10:00:00+00:00",
        },
    ),
    "item": (
        CrmItemSensor,
        (CrmItemTrigger, ItemWatch),
        {"item": CrmItem("deal", 1), "conditions": {"stageId": ["WON"]}},
        {
            "item": ["deal", 1], "entity_type": None, "entity_id": None,
            "conditions": {"stageId": ["WON"]}, "stage_semantic": None,
        },
    ),
    "item by its parts": (
        CrmItemSensor,
        (CrmItemTrigger, ItemWatch),
        {"entity_type": "deal", "entity_id": "1", "stage_semantic": "success"},
        {
            "item": None, "entity_type": "deal", "entity_id": "1",
            "conditions": None, "stage_semantic": "success",
        },
    ),
}  # fmt: skip


@cases(("cls", "classes", "arguments", "travelling"), SENSORS.values(), ids=SENSORS)
def test_its_trigger_waits_for_the_same(cls, classes, arguments, travelling):
    sensor = cls(task_id="t", bitrix24_conn_id="mine", poke_interval=7, **arguments)
    trigger = sensor.trigger()
    assert type(trigger) is cls.trigger_class is classes[0]
    assert trigger.arguments() == travelling
    assert (trigger.bitrix24_conn_id, trigger.poke_interval) == ("mine", 7)
    assert json.loads(json.dumps(trigger.serialize()[1])) == trigger.serialize()[1]


@cases(("cls", "classes", "arguments", "travelling"), SENSORS.values(), ids=SENSORS)
def test_what_looks_is_made_once(cls, classes, arguments, travelling):
    """It counts its looks: not at each of them is asked whether the thing is still there."""
    sensor = cls(task_id="t", **arguments)
    assert "watch" not in vars(sensor), "its arguments may still be templates"
    assert type(sensor.watch) is classes[1]
    assert sensor.watch is sensor.watch
    assert sensor.watch.item == CrmItem("deal", 1)


@cases(("cls", "classes", "arguments", "travelling"), SENSORS.values(), ids=SENSORS)
def test_arguments_are_kept_as_they_were_given(cls, classes, arguments, travelling):
    sensor = cls(task_id="t", **arguments)
    assert {name: getattr(sensor, name) for name in arguments} == arguments
    left_out = set(travelling) - set(arguments) - {"bound"}
    assert {name: getattr(sensor, name) for name in left_out} == dict.fromkeys(left_out)
    assert set(cls.template_fields) == set(travelling) - {"bound"} | {"bitrix24_conn_id"}
    assert all(sensor.arguments.has(name) for name in arguments)
    assert not any(sensor.arguments.has(name) for name in left_out)


def test_what_is_lost_on_the_way_is_not_looked_for():
    sensor = TimelineCommentSensor(task_id="t", item="D_1", pattern="{{ params.x }}")
    sensor.pattern = None
    with pytest.raises(rest.InvalidInputError, match=r"^pattern: it was given, but is None now"):
        assert sensor.watch


def test_its_hook_repeats_no_look_at_once(portal):
    sensor = TimelineBindingSensor(task_id="t", record_id=1, entity_type="deal", entity_id=1)
    portal.inject("status", "crm.timeline.bindings.list", status=503, times=None)
    assert not sensor.poke({})
    assert len(portal.requests) == 1


def test_a_bad_value_names_its_argument(portal):
    sensor = CrmItemSensor(task_id="t", item="D_{{ 'x' }}", stage_semantic="success")
    sensor.item = "D_x"
    with pytest.raises(InvalidInputError, match=r"^item"):
        sensor.poke({})
    assert portal.requests == []
