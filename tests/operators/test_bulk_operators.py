"""Work on many items in real task runs: progress that outlives a try, deferring, one try after another."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk import DAG

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.rest import Bitrix24BatchOperator, Bitrix24CallOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    BindTimelineRecordOperator,
)

BIND = "crm.timeline.bindings.bind"
ADD = "crm.timeline.comment.add"
NO_DELAY = {"retries": 1, "retry_delay": timedelta(0)}


def rows_for(count):
    return [{"item": ("deal", 1 + number % 2), "comment": f"Row {number}"} for number in range(count)]


def texts(portal):
    return sorted(comment.text for deal in (1, 2) for comment in portal.comments("deal", deal))


def test_many_comments(portal, run_dag):
    with DAG("many_comments") as dag:
        AddTimelineCommentsOperator(task_id="all", rows=rows_for(120))
        AddTimelineCommentsOperator(task_id="empty", rows=[])
        AddTimelineCommentsOperator(
            task_id="some",
            rows=[
                {"entity_type": "deal", "entity_id": 1, "comment": "Last"},
                {"item": ("dynamic_1042", 1), "comment": "No"},
            ],
            fail_on="all",
        )
    before = texts(portal)
    run = run_dag(dag)
    assert run.states == {"all": "success", "empty": "success", "some": "success"}
    assert texts(portal) == sorted([*before, *(row["comment"] for row in rows_for(120)), "Last"])
    result = run.xcom("all")
    by_id = {comment.record_id: comment.text for deal in (1, 2) for comment in portal.comments("deal", deal)}
    assert [by_id[row["ID"]] for row in result] == [row["comment"] for row in rows_for(120)]
    assert {row["STATUS"] for row in result} == {"added"}
    assert "120 comments: 120 added." in run.log("all")
    assert run.xcom("empty") == []
    assert [row["STATUS"] for row in run.xcom("some")] == ["added", "failed"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("Hello", "rows: the text is not a list of comments"),
        ([{"item": "D_1", "comment": " "}], r"rows\[0\]\.comment: ' ' is not a text"),
        ([{"item": "D_1", "comment": "x"}, {"item": "D_x", "comment": "x"}], r"rows\[1\]\.item"),
        ([{"item": "D_1", "comment": "x", "files": []}], r"rows\[0\].*files"),
        ([7], r"rows\[0\]"),
    ],
)
def test_bad_rows_are_refused_before_anything_is_sent(portal, rows, message):
    operator = AddTimelineCommentsOperator(task_id="t", rows="{{ rows }}")
    operator.rows = rows
    with pytest.raises(InvalidInputError, match=message):
        operator.execute({})
    assert portal.requests == []


@pytest.mark.slow
def test_another_try_goes_on_where_the_first_ended(portal, run_dag):
    """Three batches of five fail in the first try, after which nothing that is done is done again."""
    record = portal.add_comment("deal", 1, "Hello")
    portal.add_items("contact", [{"NAME": f"Contact {number}"} for number in range(250)])
    bindings = [(record, "contact", number) for number in range(1, 251)]
    portal.inject("error", BIND, code="", description="Locked", times=150)
    with DAG("second_try") as dag:
        BindTimelineRecordOperator(
            task_id="bind", bindings=bindings, check_record=False, max_in_flight=1, **NO_DELAY
        )
    run = run_dag(dag)
    assert run.states == {"bind": "success"}
    assert [row["STATUS"] for row in run.xcom("bind")] == ["bound"] * 250
    assert len(portal.bindings(record)) == 251
    assert len(portal.calls(BIND)) == (250 if AIRFLOW_V_3_3_PLUS else 350)


class QuickComments(AddTimelineCommentsOperator):
    """On a portal that cuts requests off after a second."""

    @cached_property
    def hook(self):
        return Bitrix24Hook(self.bitrix24_conn_id, request_cut=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["refused", "lost"])
def test_comments_that_are_added_are_not_added_again(portal, run_dag, fault):
    """A part of the first try is refused, or added with the answer lost; in the end each is there once."""
    if fault == "refused":
        portal.inject("error", ADD, code="", description="Locked", times=20)
    else:
        portal.inject("drop_after", "batch")
    before = texts(portal)
    with DAG(f"comments_{fault}") as dag:
        QuickComments(task_id="add", rows=rows_for(60), max_in_flight=1, **NO_DELAY)
    run = run_dag(dag)
    assert run.states == {"add": "success"}
    assert texts(portal) == sorted([*before, *(row["comment"] for row in rows_for(60))])
    assert [row["STATUS"] for row in run.xcom("add")] == ["added"] * 60
    assert len({row["ID"] for row in run.xcom("add")}) == 60


@pytest.mark.slow
@pytest.mark.parametrize(
    "operator",
    [
        lambda: BindTimelineRecordOperator(
            task_id="t",
            bindings=[(1, "contact", 1)],
            check_record=False,
            deferrable=True,
            max_wait_in_worker=0.5,
        ),
        lambda: Bitrix24BatchOperator(
            task_id="t",
            calls=[{"method": "crm.deal.get", "params": {"id": 1}}] * 2,
            deferrable=True,
            max_wait_in_worker=0.5,
        ),
        lambda: Bitrix24CallOperator(
            task_id="t", method="crm.deal.get", api_params={"id": 1}, deferrable=True, max_wait_in_worker=0.5
        ),
    ],
    ids=["bind", "batch", "call"],
)
def test_the_wait_for_a_limit_holds_no_worker(portal, connection, run_dag, request, operator):
    """The pace is one request in three seconds, and somebody has just used it."""
    record = portal.add_comment("deal", 1, "Hello")
    assert record
    connection(portal.connection(requests_per_second=0.34, burst=1, pacing="process"))
    with DAG(f"deferred_{request.node.callspec.id}") as dag:
        operator()
    first = run_dag(dag)
    assert first.states == {"t": "success"}
    second = run_dag(dag)
    assert second.states == {"t": "success"}
    assert "holds no worker until then" in first.output + second.output


@pytest.mark.slow
def test_a_comment_that_waits_to_be_bound_is_added_once(portal, connection, run_dag):
    connection(portal.connection(requests_per_second=0.34, burst=1, pacing="process"))
    with DAG("deferred_comment") as dag:
        AddTimelineCommentOperator(
            task_id="add",
            item=("deal", 1),
            comment="Waited for",
            bind_to=["C_1"],
            deferrable=True,
            max_wait_in_worker=0.5,
        )
    run = run_dag(dag)
    assert run.states == {"add": "success"}
    assert "holds no worker until then" in run.output
    added = [comment.record_id for comment in portal.comments("deal", 1) if comment.text == "Waited for"]
    assert added == [run.xcom("add")]
    assert portal.bindings(added[0]) == [("contact", 1), ("deal", 1)]


def test_arguments_are_checked_when_the_dag_is_read():
    with pytest.raises(InvalidInputError, match="max_wait_in_worker"):
        Bitrix24CallOperator(task_id="t", method="profile", max_wait_in_worker="soon")
