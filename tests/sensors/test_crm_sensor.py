"""Waiting for CRM items and for comments, in every mode."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from airflow.sdk import DAG, task

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineCommentSensor

GET, COMMENTS = "crm.item.get", "crm.timeline.comment.list"
MODES = {"poke": {}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True}}
QUICK = {"poke_interval": 0.05, "timeout": 60, "retries": 2, "retry_delay": timedelta(0)}


@contextmanager
def meanwhile(portal, method, looks, change):
    """Change something once the portal was asked so often."""
    ended = threading.Event()

    def watch():
        while not ended.wait(0.01):
            if len(portal.calls(method, executed=None)) >= looks:
                change()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def update(item_id, **fields):
    return lambda: Bitrix24Hook().call(
        "crm.item.update", {"entityTypeId": 2, "id": item_id, "fields": fields}
    )


def test_waits_until_a_deal_is_won(portal, run_dag):
    projects = portal.add_pipeline("deal", "Projects")
    stage = portal.add_stage("deal", "SIGNED", "Signed", "S", category_id=projects)
    deals = {mode: portal.add_item("deal", {"TITLE": mode, "CATEGORY_ID": projects}) for mode in MODES}
    with DAG("waits_for_won") as dag:

        @task
        def give(value):
            return value

        for mode, options in MODES.items():
            CrmItemSensor(
                task_id=mode,
                item=["deal", give.override(task_id=f"{mode}_deal")(deals[mode])],
                stage_semantic="{{ 'success' }}",
                **QUICK,
                **options,
            )

    def win():
        for deal in deals.values():
            update(deal, stageId=stage)()

    with meanwhile(portal, GET, 6, win):
        run = run_dag(dag)
    assert set(run.states.values()) == {"success"}, run.states
    for mode in MODES:
        assert run.log(mode).count("Success criteria met. Exiting.") == 1
        assert "Waiting goes on" not in run.log(mode)
        assert run.xcom(mode, "_link_CrmCardLink").endswith(f"/crm/deal/details/{deals[mode]}/")
        assert run.xcom(mode) == {"id": deals[mode], "categoryId": projects, "stageId": stage}
        assert run.xcom(mode, "stageId") == stage
        assert f"Deal {deals[mode]} is in stage Signed ({stage})." in run.log(mode)
    waiting = rf"is in stage .+ \(C{projects}:NEW\), waiting for: stage semantic success\."
    assert re.search(waiting, run.output)


MET = {
    "number": {">=opportunity": "48000.0", "<opportunity": 48001},
    "text": {"%title": "espresso", "!title": "x"},
    "one_of": {"stageId": ["WON", "NEW"], "!@stageId": ["WON", "LOSE"]},
    "upper_name": {"STAGE_ID": "NEW"},
    "flag": {"opened": "Y", "closed": False},
    "link": {"contactId": 1, "contactIds": "1"},
    "empty": {"leadId": None, "!companyId": None},
    "date": {">=createdTime": "2020-01-01T00:00:00Z", "!createdTime": "2020-01-01T00:00:00+01:00"},
    "template": "{{ {'stageId': 'NEW'} | tojson }}",
}


@pytest.mark.slow
def test_every_kind_of_condition(portal, run_dag):
    with DAG("conditions_met") as dag:
        for name, conditions in MET.items():
            CrmItemSensor(task_id=name, item="D_1", conditions=conditions, **QUICK)
        CrmItemSensor.partial(task_id="mapped", **QUICK).expand_kwargs(
            [
                {"item": ("deal", 1), "conditions": {"stageId": "NEW"}},
                {"item": {"entity_type": "lead", "entity_id": 1}, "stage_semantic": "process"},
            ]
        )
        CrmItemSensor(task_id="contact", item="C_1", conditions={"name": "Ada"}, deferrable=True, **QUICK)
    run = run_dag(dag)
    assert set(run.states.values()) == {"success"}, run.states
    assert len(portal.calls(GET)) == len(MET) + 3, "each is met at the first look"


FAILS = {
    "gone": ({"item": "D_99999"}, "NotFoundError"),
    "field": (
        {"conditions": {"opportunty": 1}},
        "the item has no field 'opportunty'. Write 'opportunity'",
    ),
    "type": ({"conditions": {">opportunity": "much"}}, "'much' is not a number"),
    "moment": ({"conditions": {">createdTime": "2026-01-01 10:00"}}, "is not a moment with its offset"),
    "stage": ({"conditions": {"stageId": "C7:WON"}}, "no pipeline of a deal has a stage 'C7:WON'"),
    "none": ({"conditions": "{{ none }}"}, "conditions: 'None' is not JSON"),
    "no_conditions": ({"conditions": {}}, "conditions: {} is not a mapping"),
    "operator": ({"conditions": {"~title": 1}}, "'~title' is not a field's name"),
    "semantic": ({"conditions": None, "stage_semantic": "won"}, "stage_semantic: 'won' is none of success"),
    "no_stages": ({"conditions": None, "stage_semantic": "success", "item": "C_1"}, "stands in no stage"),
    "order": ({"item": "O_1"}, "the fields of order 1 cannot be read"),
    "item": ({"item": ("deal", None)}, "item.entity_id: None is not an id"),
}


def templates(arguments):
    """Return the arguments as templates, which are not known when the DAG file is parsed."""
    return {
        name: value
        if value is None or "{{" in str(value)
        else f"{{{{ {str(value)!r} }}}}"
        if isinstance(value, (str, int))
        else f"{{{{ {json.dumps(value)} | tojson }}}}".replace("null", "none")
        for name, value in arguments.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_what_will_never_be_met_fails_at_once(portal, run_dag, mode):
    with DAG(f"item_fails_{mode}") as dag:
        for name, (arguments, _) in FAILS.items():
            given = {"item": "D_1", "conditions": {"stageId": "WON"}, **arguments}
            CrmItemSensor(task_id=name, **templates(given), **QUICK, **MODES[mode])
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}, run.states
    for name, (_, problem) in FAILS.items():
        assert problem in run.log(name), name
    assert all(call.error or call.method != GET for call in portal.calls(GET)[8:])


def test_an_item_that_is_deleted_while_it_is_waited_for(portal, run_dag):
    deal = portal.add_item("deal", {"TITLE": "x"})
    with DAG("item_deleted") as dag:
        CrmItemSensor(task_id="wait", item=("deal", deal), stage_semantic="success", deferrable=True, **QUICK)
    with meanwhile(portal, GET, 2, lambda: portal.delete_item("deal", deal)):
        run = run_dag(dag)
    assert run.state == "failed"
    assert "NotFoundError" in run.log("wait")


def test_waits_for_a_comment(portal, run_dag):
    portal.add_comment("deal", 1, "Signed, at last", author_id=1)
    with DAG("waits_for_comment") as dag:
        for mode, options in MODES.items():
            TimelineCommentSensor(
                task_id=mode,
                item="D_1",
                pattern=r"(?i)signed\b.*{{ 'contract' }}",
                author_id="{{ 2 }}",
                **QUICK,
                **options,
            )
    found = []

    def sign():
        portal.add_comment("deal", 1, "signed the contract", author_id=1)
        found.append(portal.add_comment("deal", 1, "SIGNED the contract", author_id=2))

    with meanwhile(portal, COMMENTS, 6, sign):
        run = run_dag(dag)
    assert set(run.states.values()) == {"success"}, run.states
    for mode in MODES:
        assert run.xcom(mode, "ID") == run.xcom(mode)["ID"] == found[0]
        assert run.xcom(mode)["AUTHOR_ID"] == 2


@pytest.mark.slow
def test_since(portal, run_dag):
    portal.add_comment("deal", 1, "old")
    [old] = portal.comments("deal", 1)[-1:]
    with DAG("comment_since") as dag:
        TimelineCommentSensor(task_id="any", item="D_1", pattern="old", **QUICK)
        TimelineCommentSensor(
            task_id="since", item="D_1", since="2999-01-01T00:00:00+00:00", **{**QUICK, "timeout": 0.2}
        )
        TimelineCommentSensor(
            task_id="template",
            item="D_1",
            since="{{ dag_run.run_after }}",
            pattern="new",
            **QUICK,
            deferrable=True,
        )

    with meanwhile(portal, COMMENTS, 4, lambda: portal.add_comment("deal", 1, "new")):
        run = run_dag(dag)
    assert run.states["any"] == "success"
    assert run.xcom("any")["ID"] == old.record_id
    assert run.states["since"] == "failed"
    assert "AirflowSensorTimeout" in run.log("since")
    assert run.states["template"] == "success"


WRONG = {
    "pattern": ({"pattern": "("}, "pattern: '(' is not a regular expression"),
    "no_pattern": ({"pattern": ""}, "pattern: '' is not a text"),
    "author": ({"author_id": 0}, "author_id: '0' is not an id"),
    "since": ({"since": "2026-05-04 10:00"}, "since: '2026-05-04 10:00' is not a moment with its offset"),
    "item": ({"item": "X_1"}, "item: 'X_1' is not a CRM item"),
    "gone": ({"item": "D_99999"}, "NotFoundError"),
}


@pytest.mark.slow
def test_comments_that_will_never_come(portal, run_dag):
    with DAG("comment_fails") as dag:
        for mode in ("poke", "deferrable"):
            for name, (arguments, _) in WRONG.items():
                given = {"item": "D_1", "pattern": "x", **arguments}
                TimelineCommentSensor(task_id=f"{mode}_{name}", **templates(given), **QUICK, **MODES[mode])
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}, run.states
    for name, (_, problem) in WRONG.items():
        assert problem in run.log(f"poke_{name}"), name
        assert problem in run.log(f"deferrable_{name}"), name


def test_arguments_that_start_in_the_triggerer():
    plain = {"item": ("deal", 1), "conditions": {"stageId": ["WON", "LOSE"], ">opportunity": 5}}
    started = CrmItemSensor(task_id="a", deferrable=True, **plain)
    templated = CrmItemSensor(
        task_id="b", deferrable=True, item=["deal", "{{ ti.xcom_pull('x') }}"], stage_semantic="success"
    )
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

    assert started.start_from_trigger is AIRFLOW_V_3_3_PLUS
    assert templated.start_from_trigger is False


def test_a_sensor_needs_something_to_look_for():
    with pytest.raises(rest.InvalidInputError, match=re.escape("neither they nor stage_semantic")):
        CrmItemSensor(task_id="x", item="D_1")
