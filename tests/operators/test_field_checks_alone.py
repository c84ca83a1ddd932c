"""Operators for any method that compare the names of fields with the portal's metadata."""

from __future__ import annotations

import asyncio
import logging

import pytest
from operator_alone import Log, Store, context_of, fails, logging_to, run

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import AccessDeniedError, InvalidInputError
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.rest.calls import Call

UPDATE = {"method": "crm.deal.update", "api_params": {"id": 1, "fields": {"TITEL": "Renamed"}}}
ADD = {"method": "crm.item.add", "api_params": {"entityTypeId": 2, "fields": {"titel": "New"}}}
LIST = {"method": "crm.deal.list", "api_params": {"filter": {">=DATE_MODIFI": "2026-01-01"}}}


def calls_of(*operators):
    return {"calls": [{"method": one["method"], "params": one["api_params"]} for one in operators]}


def logged(cls, level, **arguments):
    """Execute an operator, and return its lines of a level."""
    log = Log()
    operator = logging_to(log, cls(task_id="t", **arguments))
    operator.hook.field_checks._log = log
    operator.execute(context_of())
    return [line for found, line in log.lines if found == level]


@pytest.mark.parametrize(
    ("cls", "arguments", "field"),
    [
        (Bitrix24CallOperator, UPDATE, "api_params.fields: 'TITEL'"),
        (Bitrix24CallOperator, ADD, "api_params.fields: 'titel'"),
        (Bitrix24ListOperator, LIST, "api_params.filter: 'DATE_MODIFI'"),
        (Bitrix24BatchOperator, calls_of(LIST, UPDATE), "calls[0].params.filter: 'DATE_MODIFI'"),
    ],
)
def test_misspelt_field_is_refused_before_anything_is_sent(portal, cls, arguments, field):
    error, _ = fails(cls, InvalidInputError, **arguments)
    assert error.description.startswith(f"{field} is not a field of ")
    assert {entry.method.removeprefix("crm.") for entry in portal.journal} <= {
        "deal.fields",
        "item.fields",
        "batch",
    }


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (Bitrix24CallOperator, UPDATE),
        (Bitrix24CallOperator, ADD),
        (Bitrix24ListOperator, LIST),
        (Bitrix24BatchOperator, calls_of(UPDATE)),
    ],
)
def test_without_the_check_nothing_but_the_call_is_sent(portal, cls, arguments):
    run(cls, check_fields=False, **arguments)
    assert not portal.calls("crm.deal.fields")
    assert not portal.calls("crm.item.fields")


def test_thousand_calls_read_the_metadata_once(portal):
    fields = {"method": "crm.deal.update", "params": {"id": 1, "fields": {"TITLE": "x"}}}
    run(Bitrix24BatchOperator, calls=[fields] * 1000)
    assert len(portal.calls("crm.deal.fields")) == 1
    assert len(portal.requests) == 21


def test_metadata_that_may_not_be_read_is_one_line(portal):
    portal.inject("error", "crm.deal.fields", status=400, description="Access denied.")
    lines = logged(Bitrix24ListOperator, logging.INFO, method="crm.deal.list", api_params={"select": ["ID"]})
    assert [line for line in lines if "not checked" in line] == [
        line for line in lines if line.startswith("The names of fields are not checked, because")
    ]
    assert len([line for line in lines if "not checked" in line]) == 1


NAIVE = {"method": "crm.deal.list", "api_params": {"filter": {">=DATE_CREATE": "2026-05-04 10:00:00"}}}


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (Bitrix24CallOperator, NAIVE),
        (Bitrix24ListOperator, NAIVE),
        (Bitrix24BatchOperator, calls_of(NAIVE, NAIVE, NAIVE)),
    ],
)
def test_time_without_an_offset_in_a_filter_is_one_warning(portal, cls, arguments):
    [line] = logged(cls, logging.WARNING, **arguments)
    assert line.startswith("crm.deal.list: the time in the filter '>=DATE_CREATE' has no offset from UTC")
    assert logged(cls, logging.WARNING, check_fields=False, **arguments) == []


def test_hook_warns_of_a_time_without_an_offset_once(portal):
    hook, log = Bitrix24Hook(), Log()
    hook.field_checks._log = log
    for _ in range(3):
        hook.call(NAIVE["method"], NAIVE["api_params"], check_fields=True)
    assert [level for level, _ in log.lines] == [logging.WARNING]


def test_portal_without_rights_is_the_calls_own_error(portal, connection):
    portal.add_user(9, "Nobody", may_read=False, may_update=False)
    connection(portal.connection(user_id=9), "nobody")
    fails(
        Bitrix24CallOperator,
        AccessDeniedError,
        method="crm.deal.update",
        api_params={"id": 1, "fields": {"TITLE": "x"}},
        bitrix24_conn_id="nobody",
    )


SILENT = {"entityTypeId": 2, "fields": {"title": "x", "createdTime": "2020-01-01T00:00:00+00:00"}}


@pytest.mark.parametrize(
    ("cls", "arguments", "count"),
    [
        (Bitrix24CallOperator, {"method": "crm.item.add", "api_params": SILENT}, ""),
        (Bitrix24CallOperator, {"method": "crm.item.update", "api_params": {**SILENT, "id": 1}}, ""),
        (
            Bitrix24BatchOperator,
            {"calls": [{"method": "crm.item.update", "params": {**SILENT, "id": 1}}] * 2},
            " (2 calls)",
        ),
    ],
)
def test_field_that_the_answer_does_not_show_as_sent_is_a_warning(portal, cls, arguments, count):
    [line] = logged(cls, logging.WARNING, **arguments)
    method = "crm.item.add" if "add" in str(arguments) else "crm.item.update"
    assert line == (
        f"{method}{count}: the answer does not show these fields as sent: createdTime. "
        "Bitrix24 ignores some names and values without an error."
    )
    assert logged(cls, logging.WARNING, check_fields=False, **arguments) == []


def test_second_try_of_a_call_that_must_not_be_repeated_reads_metadata_only(portal):
    store = Store()
    arguments = {"method": "crm.item.add", "api_params": {"entityTypeId": 2, "fields": {"title": "Once"}}}
    portal.inject("drop_after", "crm.item.add")
    for number in (1, 2):
        context = context_of(number, 1, task_state_store=store)
        fails(Bitrix24CallOperator, Exception, context, retries=1, **arguments)
    assert len(portal.calls("crm.item.add")) == 1


# --- the hook ---


def test_hook_checks_where_it_is_asked_to(portal):
    hook = Bitrix24Hook()
    method, params = UPDATE["method"], UPDATE["api_params"]
    assert hook.call(method, params) is True
    for ask in (
        lambda: hook.call(method, params, check_fields=True),
        lambda: hook.call_reply(method, params, check_fields=True),
        lambda: hook.batch([Call(method, params)], check_fields=True),
        lambda: list(hook.records(LIST["method"], LIST["api_params"], check_fields=True)),
    ):
        with pytest.raises(InvalidInputError, match="did you mean"):
            ask()
    assert len(portal.calls("crm.deal.fields")) == 1
    assert len(portal.calls(method)) == 1


def test_hook_checks_in_an_event_loop(portal):
    hook = Bitrix24Hook()
    method, params = UPDATE["method"], UPDATE["api_params"]

    async def ask():
        assert await hook.acall(method, params) is True
        for waits in (
            hook.acall(method, params, check_fields=True),
            hook.acall_reply(method, params, check_fields=True),
            hook.abatch([Call(method, params)], check_fields=True),
        ):
            with pytest.raises(InvalidInputError, match="did you mean"):
                await waits
        with pytest.raises(InvalidInputError, match="did you mean"):
            async for _ in hook.arecords(LIST["method"], LIST["api_params"], check_fields=True):
                pass

    asyncio.run(ask())
    assert len(portal.calls("crm.deal.fields")) == 1
    assert len(portal.calls(method)) == 1


@pytest.mark.parametrize("fail_on", ["all", "never"])
def test_misspelt_field_fails_its_call_only_where_others_may_be_done(portal, fail_on):
    right = {**UPDATE, "api_params": {"id": 1, "fields": {"TITLE": "Renamed"}}}
    _, rows, _ = run(Bitrix24BatchOperator, fail_on=fail_on, **calls_of(UPDATE, right))
    assert [row["STATUS"] for row in rows] == ["failed", "done"]
    assert rows[0]["ERROR"] == "INVALID_INPUT"
    assert "params.fields: 'TITEL' is not a field of " in rows[0]["ERROR_DESCRIPTION"]
    assert len(portal.calls("crm.deal.update")) == 1
