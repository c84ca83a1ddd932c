"""Waiting for CRM items that match a filter."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from operator_alone import context_of, given_late
from trigger_helpers import MET, until

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.sensors.crm import CrmItemsSensor
from airflow_provider_bitrix24.triggers.crm import CrmItemsTrigger

LIST, FIELDS = "crm.item.list", "crm.item.fields"


def sensor(entity_type="deal", where=None, **options):
    given = {"title": "wanted"} if where is None else where
    return CrmItemsSensor(task_id="t", entity_type=entity_type, where=given, **options)


def add(portal, count, **fields):
    return [portal.add_item("deal", {"TITLE": "wanted", **fields}) for _ in range(count)]


def test_it_waits_until_enough_items_match_and_returns_their_ids(portal):
    waiting = sensor(min_count=3)
    ids = add(portal, 2)
    assert not waiting.poke(context_of()).is_done
    ids += add(portal, 1)
    found = waiting.poke(context_of())
    assert found.is_done
    assert found.xcom_value == {"entity_type": "deal", "count": 3, "ids": ids, "truncated": False}
    assert len(portal.calls(FIELDS)) == 1, "the fields are read once"
    assert waiting.card_address.endswith("/crm/deal/list/")


def test_it_returns_the_lowest_ids_and_says_that_there_are_more(portal):
    ids = add(portal, 120)
    found = sensor(max_ids=70).poke(context_of()).xcom_value
    assert found == {"entity_type": "deal", "count": 120, "ids": ids[:70], "truncated": True}
    found = sensor(max_ids="120").poke(context_of()).xcom_value
    assert (found["ids"], found["truncated"]) == (ids, False)


def test_until_enough_items_match_a_look_is_one_call(portal):
    add(portal, 60)
    sensor(min_count=61).poke(context_of())
    assert len(portal.calls(LIST)) == 1


@pytest.mark.parametrize("options", [{}, {"deferrable": True}], ids=["poke", "deferrable"])
def test_it_takes_names_in_both_spellings_and_values_by_type(portal, options):
    [deal] = add(portal, 1, OPPORTUNITY="1777", STAGE_ID="WON")
    since = datetime(2020, 1, 1, tzinfo=UTC)
    for where in (
        {"stage_id": "WON", ">=opportunity": Decimal("1600.50"), ">=updated_time": since, "%title": "want"},
        {"stageId": {"WON"}, "<OPPORTUNITY": 2000.5, ">opportunity": 1776, "title": "wanted"},
        '{"@stageId": ["WON", "LOSE"], "title": "wanted"}',
    ):
        waiting = sensor(where=where, **options)
        assert waiting.execute(context_of())["ids"] == [deal], where
        assert json.dumps(waiting.trigger().serialize()), "it travels to the triggerer as plain JSON"


def test_a_filter_with_which_everything_would_come_is_refused(portal):
    add(portal, 1)
    for late in (
        None,
        {},
        "{}",
        "None",
        {">id": None},
        {"@stageId": []},
        {"nmae": 1},
        {">=opportunity": "x"},
    ):
        waiting = given_late(CrmItemsSensor, "t", entity_type="deal", where=late)
        with pytest.raises(InvalidInputError, match="where"):
            waiting.poke(context_of())
    assert not portal.calls(LIST)


def test_what_the_dag_file_says_is_checked_when_it_is_parsed():
    for field, wrong in (
        ("entity_type", {"entity_type": "dael"}),
        ("entity_type", {"entity_type": "activity"}),
        ("where", {"where": {}}),
        ("where", {"where": "stage"}),
        ("min_count", {"min_count": 0}),
        ("max_ids", {"max_ids": 1001}),
    ):
        with pytest.raises(InvalidInputError, match=f"^{field}: "):
            sensor(**wrong)


def test_a_type_that_the_portal_does_not_have_is_named(portal):
    with pytest.raises(InvalidInputError, match=r"^entity_type: the portal has no dynamic_1042"):
        sensor("dynamic_1042").poke(context_of())


def test_fifty_deferred_sensors_share_a_request(portal):
    triggers = [
        CrmItemsTrigger(
            entity_type="deal",
            where={"title": f"wanted {n}"},
            bitrix24_conn_id="bitrix24_default",
            poke_interval=1,
        )
        for n in range(50)
    ]

    async def first(trigger):
        return (await anext(aiter(trigger.run()))).payload

    async def scenario():
        tasks = [asyncio.create_task(first(trigger)) for trigger in triggers]
        await until(lambda: len(portal.calls(LIST)) >= 50)
        requests = len(portal.requests)
        for n in range(50):
            portal.add_item("deal", {"TITLE": f"wanted {n}"})
        events = await asyncio.gather(*tasks)
        return requests, events

    requests, events = asyncio.run(scenario())
    assert requests == 2, "the fields are asked for once, the items by all together"
    assert len(portal.requests) == 3
    assert all(event == MET for event in events)


def test_it_starts_in_the_triggerer_where_airflow_can_render_its_filter_there():
    plain = sensor(where={"stage_id": ["NEW", "WON"]}, deferrable=True)
    templated = sensor(where={"title": "{{ ti.task_id }}"}, deferrable=True)
    assert (plain.start_from_trigger, templated.start_from_trigger) == (AIRFLOW_V_3_3_PLUS, False)
