"""Comments, log messages and bindings on items that do not exist: the API stores an administrator's."""

from __future__ import annotations

import pytest
from operator_alone import GONE, fails, row, run

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import NotFoundError
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
)

COMMENT = {"comment": "Hello"}
MESSAGE = {"title": "Hello", "text": "World"}


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [(AddTimelineCommentOperator, COMMENT), (AddTimelineLogMessageOperator, MESSAGE)],
)
def test_nothing_is_added_to_an_item_that_does_not_exist(portal, cls, arguments):
    error, _ = fails(cls, NotFoundError, item=("deal", GONE), **arguments)
    assert error.description == f"item: deal {GONE} does not exist"
    assert portal.records("deal", GONE) == []
    run(cls, item=("deal", GONE), check_item=False, **arguments)
    assert len(portal.records("deal", GONE)) == 1


def test_comment_is_not_added_where_a_further_item_does_not_exist(portal):
    before = len(portal.records())
    error, _ = fails(
        AddTimelineCommentOperator,
        NotFoundError,
        item="D_1",
        bind_to=["C_1", ("contact", GONE)],
        **COMMENT,
    )
    assert error.description == f"bind_to[1]: contact {GONE} does not exist"
    assert len(portal.records()) == before


def test_comments_on_items_that_do_not_exist_fail_and_the_others_are_added(portal):
    rows = [{"item": item, "comment": "Hello"} for item in ("D_1", ("deal", GONE), "C_1", ("deal", GONE))]
    _, result, _ = run(AddTimelineCommentsOperator, rows=rows, fail_on="never")
    assert [entry["STATUS"] for entry in result] == ["added", "failed", "added", "failed"]
    told = f"the comment on deal {GONE} was not added: deal {GONE} does not exist"
    assert told in result[1]["ERROR_DESCRIPTION"]
    assert result[1]["ERROR"] == "NOT_FOUND"
    assert portal.records("deal", GONE) == []
    run(AddTimelineCommentsOperator, rows=rows, check_item=False)
    assert len(portal.records("deal", GONE)) == 2


@pytest.mark.slow
def test_thousand_comments_cost_one_request_more(portal):
    deals = portal.add_items("deal", [{"TITLE": "x"}] * 1000)
    rows = [{"item": ("deal", deal), "comment": "Hello"} for deal in deals]
    counts = []
    for check in (False, True):
        portal.clear_journal()
        run(AddTimelineCommentsOperator, rows=rows, check_item=check)
        counts.append(len(portal.requests))
    assert counts[1] - counts[0] == 1


def test_bindings_to_items_that_do_not_exist_fail_and_the_others_are_made(portal, record):
    bindings = [(record, "company", 1), (record, "company", GONE), (record, "order", 5)]
    _, result, _ = run(BindTimelineRecordOperator, bindings=bindings, fail_on="never")
    assert [entry["STATUS"] for entry in result] == ["bound", "failed", "bound"]
    told = f"record {record} on company {GONE} was not bound: company {GONE} does not exist"
    assert told in result[1]["ERROR_DESCRIPTION"]
    assert ("company", GONE) not in portal.bindings(record)
    _, result, _ = run(BindTimelineRecordOperator, bindings=bindings, check_item=False)
    assert result[1] == row(record, "company", GONE, "bound")


def test_items_and_records_are_looked_for_in_one_request(portal, record):
    bind = {"record_id": record, "entity_type": "company", "entity_id": 1}
    assert run(BindTimelineRecordOperator, **bind)[1][0]["STATUS"] == "bound"
    assert len(portal.requests) == 2
    assert len(portal.calls("crm.item.get")) == 1


def test_user_who_may_not_read_an_item_is_refused_by_the_portal(portal, record, connection):
    portal.add_user(9, "Writer", may_read=[("contact", 2), ("deal", 1)], may_update=True)
    connection(portal.connection(user_id=9), "writer")
    bindings = [(record, "company", 1), (record, "company", 2), (record, "company", 3)]
    _, result, _ = run(
        BindTimelineRecordOperator, bindings=bindings, bitrix24_conn_id="writer", fail_on="never"
    )
    assert {entry["STATUS"] for entry in result} == {"bound"}


def test_hook_checks_items_where_it_is_asked_to(portal, record):
    hook = Bitrix24Hook()
    item = ("deal", GONE)
    for ask in (
        lambda: hook.add_timeline_comment(item, "x", check_item=True),
        lambda: hook.add_timeline_comments([{"item": item, "comment": "x"}], check_item=True),
        lambda: hook.add_timeline_log_message(item, "x", "y", check_item=True),
        lambda: hook.bind_timeline_records([(record, *item)], check_item=True),
    ):
        with pytest.raises(NotFoundError, match=f"deal {GONE} does not exist"):
            ask()
    assert hook.add_timeline_comment(item, "x") > 0
