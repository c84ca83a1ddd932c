"""NUL and lone surrogates in a portal's answers: nothing that goes to Airflow's database holds them."""

from __future__ import annotations

import asyncio
import json

import pytest
from operator_alone import Store, context_of, fails, run
from trigger_helpers import LIST, events_of, trigger_for

from airflow_provider_bitrix24.hooks.errors import Bitrix24Error, InvalidInputError, RejectedError
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import AddTimelineCommentOperator

BAD = "a\x00b"
GOOD = "a\ufffdb"


def holds_bad(value):
    """Tell whether something as JSON holds what PostgreSQL refuses."""
    return "\\u0000" in json.dumps(value)


def test_a_result(portal, written):
    portal.inject("result", "crm.deal.get", result={"TITLE": BAD, BAD: [BAD]})
    _, result, _ = run(Bitrix24CallOperator, method="crm.deal.get", api_params={"id": 1})
    assert result == {"TITLE": GOOD, GOOD: [GOOD]}
    assert "The answer to crm.deal.get holds NUL or half characters, which became U+FFFD." in written()


def test_half_a_character_in_a_result(portal):
    portal.inject("raw", "crm.deal.get", raw=b'{"result": {"TITLE": "a\\ud83db \\ud83d\\ude00"}}')
    _, result, _ = run(Bitrix24CallOperator, method="crm.deal.get", api_params={"id": 1})
    assert result == {"TITLE": "a\ufffdb \U0001f600"}


def test_rows_and_their_file(portal, tmp_path):
    number = portal.add_item("deal", {"TITLE": BAD})
    arguments = {"method": "crm.deal.list", "api_params": {"filter": {"ID": number}, "select": ["TITLE"]}}
    _, [row], _ = run(Bitrix24ListOperator, **arguments)
    path = tmp_path / "deals.jsonl"
    run(Bitrix24ListOperator, **arguments, output_path=str(path))
    assert row["TITLE"] == json.loads(path.read_text(encoding="utf-8"))["TITLE"] == GOOD


def test_an_error_and_the_outcomes_pushed_with_it(portal):
    portal.inject("error", "crm.deal.get", params={"id": 1}, description=f"Broken {BAD}")
    calls = [{"method": "crm.deal.get", "params": {"id": number}} for number in (1, 2)]
    error, pushed = fails(Bitrix24BatchOperator, RejectedError, calls=calls)
    assert GOOD in str(error)
    assert not holds_bad([error.to_json(), pushed])


def test_kept_progress(portal):
    add = {"method": "crm.item.add", "params": {"entityTypeId": 2, "fields": {"title": "one"}}}
    portal.inject("result", "crm.item.add", result={"item": {"id": 1, "title": BAD}})
    portal.inject("error", "user.get", description="Busy")
    store = Store()
    context = context_of(1, 1, task_state_store=store)
    calls = [add, {"method": "user.get", "params": {"start": 0}}]
    fails(Bitrix24BatchOperator, Bitrix24Error, context, calls=calls, retries=1)
    assert GOOD in json.dumps(store, ensure_ascii=False)
    assert not holds_bad(store)


def test_an_event(portal):
    portal.inject("error", LIST, code="ACCESS_DENIED", description=BAD, times=None)
    [event] = asyncio.run(events_of(trigger_for(1)))
    assert GOOD in event["error"]["description"]
    assert not holds_bad(event)


@pytest.mark.parametrize(
    ("text", "what"), [("a\x00b", "a NUL character"), ("a\ud83d", "half a character (a lone surrogate)")]
)
def test_in_input_they_are_refused_by_name(portal, text, what):
    error, _ = fails(AddTimelineCommentOperator, InvalidInputError, item="D_1", comment=text)
    assert error.description == f"comment: the text holds {what}"
    params = {"fields": {"title": text}}
    error, _ = fails(Bitrix24CallOperator, InvalidInputError, method="x.add", api_params=params)
    assert error.description == f"api_params.fields.title: the text holds {what}"
    assert not portal.calls()
