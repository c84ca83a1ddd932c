"""Fan-out, transfers and activities, each run twice in a row."""

from __future__ import annotations

import re

import pytest
from airflow.sdk import DAG, task
from operator_alone import given_late

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.timeline import TransferTimelineOperator

GONE = 999_999
WRITES = re.compile(r"crm\.(timeline|activity)\.bind.*\.(bind|unbind|add|delete)$")


def statuses(rows):
    return [entry["STATUS"] for entry in rows]


def writes(portal):
    return [call.method for call in portal.journal if WRITES.fullmatch(call.method)]


@pytest.fixture
def timeline(portal):
    """Comments and activities on lead 1, one of each on deal 2 already."""
    comments = [portal.add_comment("lead", 1, f"Comment {number}") for number in range(60)]
    activities = [portal.add_activity("lead", 1, subject=f"Call {number}") for number in range(3)]
    portal.bind(comments[0], "deal", 2)
    portal.bind_activity(activities[0], "deal", 2)
    return comments, activities


def test_what_was_shared_is_moved_on(portal, run_dag):
    """An activity that belongs to another item is on the source all the same."""
    call = portal.add_activity("lead", 1, subject="Call")
    with DAG("move_on") as dag:
        share = TransferTimelineOperator(task_id="share", source="L_1", target="D_1", kinds=["activities"])
        share >> TransferTimelineOperator(
            task_id="move", source="D_1", target="C_2", kinds=["activities"], mode="move"
        )
    run = run_dag(dag)
    assert ("activity", call, "moved") in [
        (row["KIND"], row["ID"], row["STATUS"]) for row in run.xcom("move")
    ]
    assert portal.activity_bindings(call) == [("contact", 2), ("lead", 1)]


def test_share(portal, timeline, run_dag):
    comments, activities = timeline
    with DAG("share") as dag:
        TransferTimelineOperator(task_id="share", source=("lead", 1), target="{{ 'D_2' }}")
    first = run_dag(dag)
    portal.clear_journal()
    second = run_dag(dag)
    rows = first.xcom("share")
    assert {(row["KIND"], row["ID"]) for row in rows} == {
        *(("comment", number) for number in comments),
        *(("activity", number) for number in activities),
    }
    assert {(row["ENTITY_TYPE"], row["ENTITY_ID"]) for row in rows} == {("deal", 2)}
    assert sorted(set(statuses(rows))) == ["already_shared", "shared"]
    assert statuses(rows).count("already_shared") == 2
    assert set(statuses(second.xcom("share"))) == {"already_shared"}
    assert writes(portal) == []
    for number in comments:
        assert portal.bindings(number) == [("deal", 2), ("lead", 1)]
    for number in activities:
        assert portal.activity_bindings(number) == [("deal", 2), ("lead", 1)]
    assert re.search(r"63 comments and activities: .*\b61 shared", first.log("share"))
    assert "2 already shared" in first.log("share")
    assert first.xcom("share", "_link_CrmCardLink").endswith("/crm/deal/details/2/")


def test_move_a_timeline(portal, timeline, run_dag):
    comments, activities = timeline
    authors = {record.record_id: (record.author_id, record.created) for record in portal.comments()}
    with DAG("move_timeline") as dag:
        TransferTimelineOperator(task_id="move", source="L_1", target="D_2", mode="move")
    first = run_dag(dag)
    portal.clear_journal()
    second = run_dag(dag)
    assert statuses(first.xcom("move")) == ["moved"] * 63
    assert second.xcom("move") == []
    assert "0 comments and activities." in second.log("move")
    assert writes(portal) == []
    for number in comments:
        assert portal.bindings(number) == [("deal", 2)]
    for number in activities:
        assert portal.activity_bindings(number) == [("deal", 2)]
    for record in portal.comments():
        assert authors[record.record_id] == (record.author_id, record.created)


@pytest.mark.slow
def test_one_kind_only(portal, timeline, run_dag):
    with DAG("one_kind") as dag:
        TransferTimelineOperator(
            task_id="share", source="L_1", target="D_2", kinds="{{ ['activities'] | tojson }}"
        )
    assert {row["KIND"] for row in run_dag(dag).xcom("share")} == {"activity"}


@pytest.mark.slow
def test_transfers_that_fail(portal, timeline, connection, run_dag):
    connection(portal.connection(user_id=3), "bitrix24_guest")
    denied = timeline[0][7]
    portal.inject(
        "false",
        "crm.timeline.bindings.bind",
        times=None,
        params={"fields": {"OWNER_ID": denied}},
    )
    wrong = {
        "same": ({"target": "L_1"}, "target: lead 1 is the source itself"),
        "kind": ({"kinds": ["notes"]}, "kinds: ['notes'] is not a list of kinds"),
        "no_kind": ({"kinds": []}, "kinds: [] is not a list of kinds"),
        "mode": ({"mode": "copy"}, "mode: 'copy' is neither 'share' nor 'move'"),
        "no_number": (
            {"target": ("shipment_document", 1)},
            "target.entity_type: shipment_document 1: no number of the type",
        ),
        "source": ({"source": "L_999"}, "source: lead 999 does not exist"),
        "target": ({"target": "D_999", "mode": "move"}, "target: deal 999 does not exist"),
        "type": ({"target": "dynamic_1042_1", "mode": "move"}, "crm.item.get"),
    }
    with DAG("transfer_fails") as dag:
        for name, (arguments, _) in wrong.items():
            given_late(
                TransferTimelineOperator, task_id=name, **{"source": "L_1", "target": "D_2", **arguments}
            )
        TransferTimelineOperator(task_id="denied", source="L_1", target="D_3", mode="move")
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    for name, (_, problem) in wrong.items():
        assert problem in run.log(name), name
    rows = {row["ID"]: row for row in run.xcom("denied", "outcomes") if row["KIND"] == "comment"}
    assert {number: row["STATUS"] for number, row in rows.items()} == {
        number: "failed" if number == denied else "moved" for number in timeline[0]
    }
    assert portal.bindings(denied) == [("lead", 1)], "what could not be bound stays where it is"


@pytest.mark.slow
def test_bind_and_unbind_activities(portal, run_dag):
    call, todo = (portal.add_activity("deal", 1, subject=text) for text in ("Call", "To do"))
    with DAG("activities") as dag:

        @task
        def give(value):
            return value

        one = BindActivityOperator(
            task_id="one", activity_id=give(call), entity_type="Contact", entity_id="{{ 1 }}"
        )
        many = BindActivityOperator(
            task_id="many",
            bindings=[[call, "company", 1], {"activity_id": todo, "entity_type": "contact", "entity_id": 1}],
        )
        unbind = UnbindActivityOperator(task_id="unbind", bindings=many.output)
        last = UnbindActivityOperator(
            task_id="last", bindings=[[todo, "deal", 1], [todo, "lead", 1]], fail_on="never"
        )
        one >> many >> unbind >> last
    for expected_one in ("bound", "already_bound"):
        run = run_dag(dag)
        assert run.state == "success", run.states
        [row] = run.xcom("one")
        assert row == {
            "ACTIVITY_ID": call,
            "ENTITY_TYPE": "contact",
            "ENTITY_ID": 1,
            "STATUS": expected_one,
        }
        assert statuses(run.xcom("many")) == ["bound", "bound"]
        assert statuses(run.xcom("unbind")) == ["unbound", "unbound"]
        failed, missing = run.xcom("last")
        assert missing["STATUS"] == "not_bound"
        assert failed["ERROR"] == "LAST_BINDING_CANNOT_BE_DELETED"
        assert "Bind the activity to another item first." in failed["ERROR_DESCRIPTION"]
        assert portal.activity_bindings(call) == [("contact", 1), ("deal", 1)]
        assert portal.activity_bindings(todo) == [("deal", 1)]


@pytest.mark.slow
def test_activities_that_fail(portal, run_dag):
    record = portal.add_comment("deal", 1, "No activity")
    call = portal.add_activity("deal", 1, subject="Call")
    with DAG("activities_fail") as dag:
        BindActivityOperator(task_id="gone", activity_id=record + 500, entity_type="contact", entity_id=1)
        UnbindActivityOperator(task_id="gone_unbind", bindings=[[GONE, "deal", 1]])
        UnbindActivityOperator(task_id="missing", bindings=[[call, "lead", 1]], missing_ok=False)
        given_late(BindActivityOperator, task_id="bad", bindings=[[call, "shipment_document", 1]])
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    assert "activities have other ids than timeline records and CRM items" in run.log("gone")
    assert run.xcom("gone_unbind", "outcomes")[0]["ERROR"] == "NOT_FOUND"
    assert run.xcom("missing", "outcomes")[0]["ERROR"] == "BINDING_NOT_FOUND"
    assert "bindings[0].entity_type: shipment_document 1: no number of the type" in run.log("bad")


@pytest.mark.parametrize(
    ("operator", "arguments", "problem"),
    [
        (BindActivityOperator, {"activity_id": 1}, "entity_type: it is not given"),
        (UnbindActivityOperator, {"bindings": [], "missing_ok": 1}, "missing_ok: 1 is neither"),
    ],
)
def test_mistakes_in_the_dag_file_of_activities(operator, arguments, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        operator(task_id="x", **arguments)
