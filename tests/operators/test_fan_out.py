"""Binding a record to everything that an item is connected with."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task
from cases import cases

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.timeline import BindTimelineRecordOperator

BIND = "crm.timeline.bindings.bind"
GONE = 999_999


@pytest.fixture
def deal(portal):
    """A deal with two contacts, a company and the lead it was."""
    fields = {"TITLE": "Well connected", "CONTACT_IDS": [2, 1], "COMPANY_ID": 1, "LEAD_ID": 3}
    return portal.add_item("deal", fields)


def test_everything_that_a_deal_is_connected_with(portal, deal, run_dag):
    record = portal.add_comment("deal", deal, "For everybody")
    with DAG("fan_out") as dag:

        @task
        def comment():
            return str(record)

        BindTimelineRecordOperator(
            task_id="bind", record_id=comment(), related_to=["deal", "{{ " + str(deal) + " }}"]
        )
    for status in ("bound", "already_bound"):
        portal.clear_journal()
        run = run_dag(dag)
        assert run.xcom("bind") == [
            {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": number, "STATUS": status}
            for kind, number in (("company", 1), ("contact", 1), ("contact", 2), ("lead", 3))
        ]
        assert len(portal.calls(BIND)) == (4 if status == "bound" else 0)
        assert f"deal {deal} is connected with company 1, contact 1, contact 2 and lead 3." in run.log("bind")
    assert portal.bindings(record) == [
        ("company", 1),
        ("contact", 1),
        ("contact", 2),
        ("deal", deal),
        ("lead", 3),
    ]


def test_what_is_connected_with_nothing_or_does_not_exist(portal, run_dag):
    record = portal.add_comment("deal", 1, "For nobody")
    alone = portal.add_item("contact", {"NAME": "Alone"})
    with DAG("fan_out_of_nothing") as dag:
        BindTimelineRecordOperator(task_id="alone", record_id=record, related_to=("contact", alone))
        BindTimelineRecordOperator(task_id="gone", record_id=record, related_to=("deal", GONE))
        BindTimelineRecordOperator(task_id="no_item", record_id=record, related_to="{{ none }}")
        BindTimelineRecordOperator(task_id="no_record", record_id="{{ '12abc' }}", related_to=("deal", 1))
    run = run_dag(dag)
    assert run.states == {"alone": "success", "gone": "failed", "no_item": "failed", "no_record": "failed"}
    assert run.xcom("alone") == []
    assert "nothing to do" in run.log("alone")
    assert f"related_to: deal {GONE} does not exist" in run.log("gone")
    assert "related_to: 'None' is not a CRM item" in run.log("no_item")
    assert "record_id: '12abc' is not an id" in run.log("no_record")
    assert not portal.calls(BIND)


@cases(
    ("arguments", "problem"),
    [
        ({"record_id": 1, "bindings": []}, "related_to and bindings: both are given"),
        ({"record_id": 1, "entity_type": "deal"}, "related_to and entity_type: both are given"),
        ({"record_id": 1, "entity_id": 1}, "related_to and entity_id: both are given"),
        ({}, "record_id: it is not given"),
    ],
)
def test_mistakes_in_the_dag_file(arguments, problem):
    with pytest.raises(InvalidInputError) as caught:
        BindTimelineRecordOperator(task_id="bind", related_to=("deal", 1), **arguments)
    assert str(caught.value).startswith(problem)
    assert "Give record_id and related_to." in str(caught.value)
