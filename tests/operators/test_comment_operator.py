from __future__ import annotations

import re
from datetime import timedelta

import pytest
from airflow.sdk import DAG, task
from cases import cases

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.timeline import AddTimelineCommentOperator as Add

METHOD = "crm.timeline.comment.add"


@pytest.mark.slow
def test_every_way_to_name_the_item(portal, run_dag):
    portal.add_smart_process(1042)
    portal.add_item("dynamic_1042", item_id=8)
    items = {
        "pair": {"item": ("deal", 1)},
        "list": {"item": ["DEAL", "1"]},
        "mapping": {"item": {"entity_type": "deal", "entity_id": 1}},
        "api": {"item": {"ENTITY_TYPE": "deal", "ENTITY_ID": "1"}},
        "code": {"item": "D_1"},
        "name": {"item": "deal_1"},
        "parts": {"entity_type": "deal", "entity_id": "{{ params.deal }}"},
        "template": {"item": "D_{{ params.deal }}"},
        "smart": {"item": "dynamic_1042_8"},
    }
    with DAG("comment_items", params={"deal": 1, "text": "12"}) as dag:

        @task
        def give(value):
            return value

        for name, item in items.items():
            Add(task_id=name, comment=f"{name} {{{{ params.text }}}} \u00e4\u4e2d [b]b[/b]", **item)
        Add(
            task_id="tasks",
            item=give(["deal", 1]),
            comment=give.override(task_id="text")("tasks"),
            bitrix24_conn_id=give.override(task_id="conn")("bitrix24_default"),
        )
        Add.partial(task_id="mapped", comment="mapped").expand(item=[["deal", 1], "D_1"])
        Add.partial(task_id="mapped_kwargs").expand_kwargs([{"item": "D_1", "comment": "mapped_kwargs"}])
    run = run_dag(dag)
    assert run.state == "success", run.states
    texts = {record.record_id: record.text for record in portal.comments()}
    for name in items:
        assert texts[run.xcom(name)] == f"{name} 12 \u00e4\u4e2d [b]b[/b]"
        kind = ("dynamic_1042", 8) if name == "smart" else ("deal", 1)
        assert portal.bindings(run.xcom(name)) == [kind]
    assert texts[run.xcom("tasks")] == "tasks"
    assert texts[run.xcom("mapped", map_index=1)] == "mapped"
    assert texts[run.xcom("mapped_kwargs", map_index=0)] == "mapped_kwargs"


@pytest.mark.slow
def test_a_comment_is_added_once_or_it_is_said(portal, connection, run_dag, long_waits_skipped):
    connection(portal.connection(user_id=3), "bitrix24_guest")
    rest = {"item": ("deal", 1), "retries": 2, "retry_delay": timedelta(0)}
    faults = {
        "after": {"kind": "drop_after"},
        "before": {"kind": "drop_before"},
        "cut": {"kind": "truncate"},
        "failed": {"kind": "status", "status": 500, "executed": True},
        "limit": {"kind": "error", "code": "QUERY_LIMIT_EXCEEDED", "status": 503},
        "denied": None,
        "missing": None,
    }
    with DAG("comment_once") as dag:
        for name, fault in faults.items():
            Add(task_id=name, comment=name, **rest)
            if fault:
                portal.inject(method=METHOD, params={"fields": {"COMMENT": name}}, **fault)
        dag.get_task("denied").bitrix24_conn_id = "bitrix24_guest"
        dag.get_task("missing").item = ("deal", 999)
        dag.get_task("missing").bitrix24_conn_id = "bitrix24_guest"
    run = run_dag(dag)
    assert {name for name, state in run.states.items() if state == "success"} == {
        "after",
        "before",
        "cut",
        "failed",
        "limit",
    }
    assert set(run.states.values()) == {"success", "failed"}
    counts = {name: sum(record.text == name for record in portal.comments()) for name in faults}
    assert counts == {"after": 1, "before": 1, "cut": 1, "failed": 1, "limit": 1, "denied": 0, "missing": 0}
    for name in ("after", "before", "cut", "failed"):
        assert "the answer to adding 1 comment was lost (" in run.log(name)
        ended = "0 were there; 1 is added now" if name == "before" else "1 was there; 0 are added now"
        assert f"Of 1 comment that may have been added, {ended}." in run.log(name)
        assert "try_number=2" not in run.log(name)
    sent = [request for request in portal.requests if request.method == METHOD]
    again, refused_before = {"before", "limit"}, {"missing"}
    assert len(sent) == len(faults) + len(again) - len(refused_before)
    assert "AccessDeniedError: " in run.log("denied")


BAD = {
    "item": ({"item": "deal"}, "item: 'deal' is not a CRM item. Give it as"),
    "item_text": ({"item": "['deal', 1]"}, "item: \"['deal', 1]\" is not "),
    "item_none": ({"item": None}, "item: None is not a CRM item"),
    "item_id": ({"item": ("deal", "1e3")}, "item.entity_id: '1e3' is not an id. Give a whole number"),
    "item_keys": ({"item": {"entity_type": "deal", "id": 1}}, "has an unknown key 'id'. Known are "),
    "type": ({"entity_type": 2, "entity_id": 1}, "entity_type: 2 is not a type of CRM item. Give its name"),
    "id": (
        {"entity_type": "deal", "entity_id": None},
        "entity_id: None is not an id. The task or template that should",
    ),
    "empty": ({"item": "D_1", "comment": ""}, "comment: '' is not a text. Give a text that is not empty"),
    "blank": ({"item": "D_1", "comment": " \n"}, "is not a text"),
    "flag": ({"item": "D_1", "comment": True}, "comment: True is not a text"),
    "nothing": ({"item": "D_1", "comment": None}, "comment: None is not a text"),
}


@pytest.mark.slow
def test_nothing_wrong_is_sent(portal, run_dag):
    with DAG("comment_bad", default_args={"retries": 2, "retry_delay": timedelta(0)}) as dag:

        @task
        def give(value):
            return value

        for name, (arguments, _) in BAD.items():
            Add.partial(task_id=name).expand_kwargs([{"comment": "x", **arguments}])
        Add(task_id="from_task", item="D_1", comment=give(" "))
        Add(task_id="from_another", item=("deal", give.override(task_id="other")("x")), comment="x")
    run = run_dag(dag)
    assert portal.requests == []
    assert {name for name, state in run.states.items() if state != "failed"} == {"give", "other"}
    for name, (_, message) in BAD.items():
        assert message in run.log(name, 0)
        assert "InvalidInputError: " in run.log(name, 0)
    assert "comment: ' ' is not a text. Give a text that is not empty. The value came from task 'give'." in (
        run.log("from_task")
    )
    assert "item.entity_id: 'x' is not an id." in run.log("from_another")
    assert "The value came from task 'other'." in run.log("from_another")


@cases(
    ("arguments", "problem"),
    [
        ({}, "entity_type: it is not given."),
        ({"entity_type": "deal"}, "entity_id: it is not given."),
        ({"entity_id": 1}, "entity_type: it is not given."),
        ({"item": "D_1", "entity_id": 1}, "item and entity_id: both are given."),
        ({"item": "D_1", "entity_type": "deal", "entity_id": 1}, "item and entity_id: both are given."),
    ],
)
def test_mistakes_in_the_dag_file(arguments, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)) as caught:
        Add(task_id="add", comment="x", **arguments)
    assert caught.value.remedy == "Give entity_type and entity_id, or item."
