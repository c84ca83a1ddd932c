"""Unbind, move, set and list, each run twice in a row."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from airflow.sdk import DAG, task
from cases import cases
from operator_alone import given_late

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.timeline import (
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    UnbindTimelineRecordOperator,
)

BIND, UNBIND = "crm.timeline.bindings.bind", "crm.timeline.bindings.unbind"
GONE = 999_999


def row(record, kind, item, status):
    return {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": item, "STATUS": status}


def statuses(rows):
    return [entry["STATUS"] for entry in rows]


@pytest.fixture
def record(portal):
    """A comment on deal 1 and contacts 1 to 3."""
    number = portal.add_comment("deal", 1, "Hello")
    for contact in (1, 2, 3):
        portal.bind(number, "contact", contact)
    return number


def twice(run_dag, portal, dag):
    """Run a DAG twice, and return both runs with the writes of each."""
    runs = []
    for _ in range(2):
        portal.clear_journal()
        run = run_dag(dag)
        runs.append((run, [(call.method, call.params["fields"]) for call in writes(portal)]))
    return runs


def writes(portal):
    return [call for call in portal.journal if call.method in (BIND, UNBIND)]


@pytest.mark.slow
def test_unbind_one_and_many(portal, record, run_dag):
    other = portal.add_comment("deal", 2, "Alone")
    with DAG("unbind") as dag:

        @task
        def give(value):
            return value

        one = UnbindTimelineRecordOperator(
            task_id="one", record_id=give(record), entity_type="CONTACT", entity_id="{{ 1 }}"
        )
        many = UnbindTimelineRecordOperator(
            task_id="many",
            bindings=[[record, "contact", 2], [record, "contact", 2], [record, "company", 7]],
            fail_on="never",
        )
        last = UnbindTimelineRecordOperator(
            task_id="last",
            bindings=[[other, "deal", 2], [record, "contact", 3]],
            fail_on="all",
        )
        one >> many >> last
        UnbindTimelineRecordOperator.partial(task_id="mapped").expand_kwargs(
            [{"bindings": [[record, "lead", 1]]}, {"record_id": GONE, "entity_type": "deal", "entity_id": 1}]
        )
        UnbindTimelineRecordOperator(task_id="nothing", bindings=give.override(task_id="empty")([]))
    (first, sent), (second, sent_again) = twice(run_dag, portal, dag)
    assert first.state == second.state == "success", first.states
    assert first.xcom("one") == [row(record, "contact", 1, "unbound")]
    assert statuses(first.xcom("many")) == ["unbound", "unbound", "not_bound"]
    failed, unbound = first.xcom("last")
    assert unbound == row(record, "contact", 3, "unbound")
    assert failed["ERROR"] == "LAST_BINDING"
    assert (
        f"record {other} on deal 2 was not unbound: the record would be left without any binding"
        in (failed["ERROR_DESCRIPTION"])
    )
    assert "give keep_last=False" in failed["ERROR_DESCRIPTION"]
    assert statuses(first.xcom("mapped", map_index=1)) == ["not_bound"]
    assert first.xcom("nothing") == []
    assert f"Timeline record {record} no longer shows on contact 2; it was not on company 7." in first.log(
        "many"
    )
    assert portal.bindings(record) == [("deal", 1)]
    assert portal.bindings(other) == [("deal", 2)]
    assert [fields["ENTITY_ID"] for _, fields in sent] == [1, 2, 3]
    assert statuses(second.xcom("one")) == ["not_bound"]
    assert statuses(second.xcom("many")) == ["not_bound"] * 3
    assert sent_again == []


@pytest.mark.slow
def test_unbind_that_fails(portal, record, connection, run_dag):
    lonely = portal.add_comment("deal", 3, "Alone")
    with DAG("unbind_fails") as dag:
        UnbindTimelineRecordOperator(
            task_id="missing",
            record_id=record,
            entity_type="lead",
            entity_id=1,
            missing_ok=False,
            retries=1,
            retry_delay=timedelta(0),
        )
        UnbindTimelineRecordOperator(
            task_id="missing_unread",
            bindings=[[record, "lead", 1]],
            missing_ok=False,
            keep_last=False,
        )
        given_late(
            UnbindTimelineRecordOperator,
            task_id="bad",
            bindings=[[record, "contact", 1], [record, "contact", 1.0]],
        )
        UnbindTimelineRecordOperator(
            task_id="last", bindings=[[lonely, "deal", 3]], keep_last=False, missing_ok=False
        )
    run = run_dag(dag)
    assert run.states == {"missing": "failed", "missing_unread": "failed", "bad": "failed", "last": "success"}
    assert "NotFoundError" in run.log("missing")
    assert statuses(run.xcom("missing", "outcomes")) == ["failed"]
    assert statuses(run.xcom("missing_unread", "outcomes")) == ["failed"]
    assert "bindings[1].entity_id: 1.0 is not an id" in run.log("bad")
    assert portal.bindings(record) == [("contact", 1), ("contact", 2), ("contact", 3), ("deal", 1)]
    assert portal.bindings(lonely) == []


@pytest.mark.slow
def test_more_bindings_than_a_page_shows(portal, run_dag):
    contacts = portal.add_items("contact", [{"NAME": "C"}] * 120)
    record = portal.add_comment("deal", 1, "Everywhere")
    for contact in contacts:
        portal.bind(record, "contact", contact)
    with DAG("many_bindings") as dag:
        bindings = ListTimelineBindingsOperator(task_id="list", record_id=record)
        UnbindTimelineRecordOperator(task_id="unbind", bindings=[[record, "contact", contacts[-1]]])
        (
            SetTimelineBindingsOperator(task_id="set", record_id=record, items=["D_1", "D_2"])
            << dag.task_dict["unbind"]
        )
        bindings >> dag.task_dict["unbind"]
    run = run_dag(dag)
    assert run.state == "success", run.states
    assert len(run.xcom("list")) == 121
    assert statuses(run.xcom("unbind")) == ["unbound"]
    assert statuses(run.xcom("set")) == ["already_bound", "bound"] + ["unbound"] * 119
    assert portal.bindings(record) == [("deal", 1), ("deal", 2)]


def test_move_across_types(portal, record, run_dag):
    with DAG("move") as dag:
        MoveTimelineRecordOperator(
            task_id="move",
            record_id=record,
            source="D_1",
            target="{{ {'entity_type': 'lead', 'entity_id': 1} | tojson }}",
        )
    (first, sent), (second, sent_again) = twice(run_dag, portal, dag)
    assert first.xcom("move") == row(record, "lead", 1, "moved")
    assert second.xcom("move") == row(record, "lead", 1, "already_moved")
    assert [method for method, _ in sent] == [BIND, UNBIND], "it is bound before it is unbound"
    assert sent_again == []
    assert ("lead", 1) in portal.bindings(record)
    assert ("deal", 1) not in portal.bindings(record)
    assert first.xcom("move", "_link_CrmCardLink").endswith("/crm/lead/details/1/")


@pytest.mark.slow
def test_move_that_fails_leaves_the_record_where_it_is(portal, record, connection, run_dag):
    connection(portal.connection(user_id=3), "bitrix24_guest")
    with DAG("move_fails") as dag:
        for name, arguments in {
            "not_there": {"source": "C_4", "target": "L_1"},
            "no_record": {"record_id": GONE},
            "no_target": {"target": "L_999"},
            "same": {"target": "D_1"},
            "bad": {"source": ("deal", "x")},
            "no_rights": {"bitrix24_conn_id": "bitrix24_guest", "target": "L_1"},
        }.items():
            kwargs = {"record_id": record, "source": "D_1", "target": "L_2", **arguments}
            more = {"retries": 2, "retry_delay": timedelta(0)}
            given_late(MoveTimelineRecordOperator, task_id=name, **more, **kwargs)
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    assert "it is not on contact 4" in run.log("not_there")
    assert f"timeline record {GONE} does not exist" in run.log("no_record")
    assert "target: lead 999 does not exist" in run.log("no_target"), "nobody could see it there"
    assert "target: deal 1 is the source itself" in run.log("same")
    assert "source.entity_id: 'x' is not an id" in run.log("bad")
    assert run.xcom("no_rights", "outcomes")[0]["ERROR"] == "ACCESS_DENIED"
    assert all(call.result is False for call in writes(portal)), (
        "nothing but what the guest may not do was sent"
    )
    assert ("deal", 1) in portal.bindings(record)


def test_set_bindings(portal, record, run_dag):
    with DAG("set") as dag:

        @task
        def items():
            return [["deal", 1], {"entity_type": "company", "entity_id": 1}, "C_1", "C_1"]

        SetTimelineBindingsOperator(task_id="set", record_id=record, items=items())
    (first, sent), (second, sent_again) = twice(run_dag, portal, dag)
    assert first.xcom("set") == [
        row(record, "deal", 1, "already_bound"),
        row(record, "company", 1, "bound"),
        row(record, "contact", 1, "already_bound"),
        row(record, "contact", 2, "unbound"),
        row(record, "contact", 3, "unbound"),
    ]
    assert [method for method, _ in sent] == [BIND, UNBIND, UNBIND]
    assert statuses(second.xcom("set")) == ["already_bound"] * 3
    assert sent_again == []
    assert sorted(portal.bindings(record)) == [("company", 1), ("contact", 1), ("deal", 1)]


@pytest.mark.slow
def test_set_that_fails_takes_nothing_away(portal, record, run_dag):
    before = portal.bindings(record)
    portal.inject(
        "error",
        BIND,
        code="",
        status=400,
        description="Access denied.",
        params={"fields": {"ENTITY_ID": 2}},
        times=None,
    )
    with DAG("set_fails") as dag:
        SetTimelineBindingsOperator(task_id="denied", record_id=record, items=["D_2", "D_3"])
        given_late(SetTimelineBindingsOperator, task_id="empty", record_id=record, items=[])
        SetTimelineBindingsOperator(task_id="no_record", record_id=GONE, items=["D_1"])
        SetTimelineBindingsOperator(task_id="no_item", record_id=record, items=["D_1", f"L_{GONE}"])
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    assert statuses(run.xcom("denied", "outcomes")) == ["failed", "bound"]
    assert "items: the list is empty" in run.log("empty")
    assert f"record {GONE} on deal 1 was not bound: timeline record {GONE} does not exist" in run.log(
        "no_record"
    )
    assert f"items[1]: lead {GONE} does not exist" in run.log("no_item"), "nobody could see it there"
    assert set(before) < set(portal.bindings(record))


def test_an_item_that_does_not_exist_is_none_though_the_record_is_bound_to_it(portal, run_dag):
    """An administrator can bind to any number."""
    record = portal.add_comment("deal", 1, "Bound to a number")
    portal.bind(record, "deal", GONE)
    with DAG("bound_to_nothing") as dag:
        SetTimelineBindingsOperator(task_id="set", record_id=record, items=[("deal", GONE)])
        MoveTimelineRecordOperator(task_id="move", record_id=record, source="D_1", target=("deal", GONE))
    run = run_dag(dag)
    assert run.states == {"set": "failed", "move": "failed"}
    assert f"items[0]: deal {GONE} does not exist" in run.log("set")
    assert f"target: deal {GONE} does not exist" in run.log("move")
    assert portal.bindings(record) == [("deal", 1), ("deal", GONE)]


def test_list_bindings_of_what_the_portal_has_no_word_for(portal, record, run_dag):
    """So it answers for smart processes that were removed."""
    rows = [{"OWNER_ID": str(record), "ENTITY_ID": "1", "ENTITY_TYPE": None}]
    portal.inject("result", "crm.timeline.bindings.list", result=rows)
    with DAG("list_removed") as dag:
        ListTimelineBindingsOperator(task_id="list", record_id=record)
    assert run_dag(dag).xcom("list") == [{"OWNER_ID": record, "ENTITY_TYPE": None, "ENTITY_ID": 1}]


def test_list_bindings(portal, record, run_dag):
    orphan = portal.add_comment("deal", 1, "Nowhere")
    portal.unbind(orphan, "deal", 1)
    with DAG("list") as dag:
        ListTimelineBindingsOperator(task_id="list", record_id=str(record))
        ListTimelineBindingsOperator(task_id="orphan", record_id=orphan)
        ListTimelineBindingsOperator(task_id="gone", record_id=GONE)
        ListTimelineBindingsOperator(task_id="gone_unchecked", record_id=GONE, check_record=False)
    run = run_dag(dag)
    assert run.states == {
        "list": "success",
        "orphan": "success",
        "gone": "failed",
        "gone_unchecked": "success",
    }
    assert {(entry["ENTITY_TYPE"], int(entry["ENTITY_ID"])) for entry in run.xcom("list")} == set(
        portal.bindings(record)
    )
    assert run.xcom("orphan") == run.xcom("gone_unchecked") == []
    assert f"timeline record {GONE} does not exist" in run.log("gone")


@cases(
    ("operator", "arguments", "problem"),
    [
        (UnbindTimelineRecordOperator, {}, "record_id: it is not given"),
        (
            UnbindTimelineRecordOperator,
            {"record_id": 1, "bindings": []},
            "bindings and record_id: both are given",
        ),
        (
            UnbindTimelineRecordOperator,
            {"bindings": [], "keep_last": 1},
            "keep_last: 1 is neither True nor False",
        ),
        (UnbindTimelineRecordOperator, {"bindings": [], "missing_ok": "no"}, "missing_ok: 'no' is neither"),
        (ListTimelineBindingsOperator, {"record_id": 1, "check_record": 0}, "check_record: 0 is neither"),
    ],
)
def test_mistakes_in_the_dag_file_of_unbind_and_list(operator, arguments, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        operator(task_id="x", **arguments)
