"""What all triggers share: their own arguments, what is kept of them, what looks."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.sdk.module_loading import import_string

from airflow_provider_bitrix24.crm.watching.binding_watch import BindingWatch
from airflow_provider_bitrix24.crm.watching.comment_watch import CommentWatch
from airflow_provider_bitrix24.crm.watching.item_watch import ItemWatch
from airflow_provider_bitrix24.crm.watching.items_watch import ItemsWatch
from airflow_provider_bitrix24.triggers.crm import CrmItemsTrigger, CrmItemTrigger
from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger, TimelineCommentTrigger

NO_PARTS = {"entity_type": None, "entity_id": None}
#: class, what looks, its own arguments with their defaults, and others
TRIGGERS = {
    "binding": (
        TimelineBindingTrigger,
        BindingWatch,
        {"record_id": 7, "item": None, "entity_type": "deal", "entity_id": "8", "bound": True},
        {"record_id": "9", "item": "L_1", "entity_type": None, "entity_id": None, "bound": False},
    ),
    "comment": (
        TimelineCommentTrigger,
        CommentWatch,
        {"item": "D_1", **NO_PARTS, "pattern": None, "author_id": None, "since": None},
        {
            "item": ["deal", 1],
            **NO_PARTS,
            "pattern": "x",
            "author_id": 2,
            "since": "2026-05-04T10:00:00+02:00",
        },
    ),
    "items": (
        CrmItemsTrigger,
        ItemsWatch,
        {"entity_type": "deal", "where": {"stageId": "WON"}, "min_count": 1, "max_ids": 100},
        {"entity_type": "lead", "where": '{"title": "x"}', "min_count": 2, "max_ids": "50"},
    ),
    "item": (
        CrmItemTrigger,
        ItemWatch,
        {"item": "D_1", **NO_PARTS, "conditions": None, "stage_semantic": None},
        {
            "item": None,
            "entity_type": "deal",
            "entity_id": 1,
            "conditions": {"stageId": ["WON"]},
            "stage_semantic": "success",
        },
    ),
}


@pytest.mark.parametrize(("cls", "watch", "defaults", "others"), TRIGGERS.values(), ids=TRIGGERS)
def test_what_is_kept_of_it(cls, watch, defaults, others):
    given = {name: value for name, value in defaults.items() if value is not None and value is not True}
    small = cls(bitrix24_conn_id="b", **given)
    assert small.arguments() == defaults
    assert small.serialize()[1] == {**defaults, "bitrix24_conn_id": "b", "poke_interval": 60.0}
    trigger = cls(bitrix24_conn_id="b", poke_interval=5.0, **others)
    path, kwargs = trigger.serialize()
    assert path == f"{cls.__module__}.{cls.__name__}"
    assert kwargs == {**others, "bitrix24_conn_id": "b", "poke_interval": 5.0}
    again = import_string(path)(**json.loads(json.dumps(kwargs)))
    assert type(again) is cls
    assert again.serialize() == (path, kwargs)


@pytest.mark.parametrize(("cls", "watch", "defaults", "others"), TRIGGERS.values(), ids=TRIGGERS)
def test_its_arguments_are_those_of_what_looks(cls, watch, defaults, others):
    assert cls.watch_class is watch
    assert cls.watch_class(**cls(bitrix24_conn_id="b", **others).arguments()).goal


@pytest.mark.parametrize(("cls", "watch", "defaults", "others"), TRIGGERS.values(), ids=TRIGGERS)
def test_arguments_are_attributes_that_airflow_can_render(cls, watch, defaults, others):
    """A task that starts in the triggerer has its templates rendered on the trigger."""
    trigger = cls(bitrix24_conn_id="b", **others)
    for name in others:
        setattr(trigger, name, f"rendered {name}")
    assert trigger.arguments() == {name: f"rendered {name}" for name in others}


def test_it_fires_once(portal):
    record = portal.add_comment("deal", 1, "Hello")
    trigger = TimelineBindingTrigger(
        record_id=record,
        entity_type="deal",
        entity_id=1,
        bitrix24_conn_id="bitrix24_default",
        poke_interval=1.0,
    )

    async def events():
        return [event.payload async for event in trigger.run()]

    row = {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 1, "STATUS": "bound"}
    assert asyncio.run(events()) == [{"status": "met", "found": row}]
