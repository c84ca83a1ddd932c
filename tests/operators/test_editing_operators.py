"""Changing and deleting comments, log messages, comments with files on several items; each twice in a row."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest
import requests
from airflow.sdk import DAG, task
from operator_alone import given_late

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineLogMessageOperator,
    DeleteTimelineCommentOperator,
    UpdateTimelineCommentOperator,
)

ADD = "crm.timeline.comment.add"
UPDATE = "crm.timeline.comment.update"
DELETE = "crm.timeline.comment.delete"
LOG = "crm.timeline.logmessage.add"
GONE = 999_999


def texts(portal):
    return {record.record_id: record.text for record in portal.comments()}


def test_update_a_comment_on_one_item(portal, run_dag):
    record = portal.add_comment("deal", 1, "Old")
    with DAG("update_one") as dag:
        UpdateTimelineCommentOperator(task_id="update", record_id=str(record), comment="New {{ 1 + 1 }}")
    for _ in range(2):
        run = run_dag(dag)
        assert run.xcom("update") == record
        assert texts(portal)[record] == "New 2"
        assert f"Comment {record} holds the new text." in run.log("update")


def test_update_a_comment_on_several_items(portal, run_dag):
    record = portal.add_comment("deal", 1, "Old")
    portal.bind(record, "contact", 1)
    portal.bind(record, "company", 1)
    with DAG("update_several") as dag:
        UpdateTimelineCommentOperator(task_id="update", record_id=record, comment="New & <b>", item="C_1")
    first, second = run_dag(dag), run_dag(dag)
    copy = first.xcom("update")
    assert second.xcom("update") == copy != record
    assert texts(portal)[record] == "Old"
    assert texts(portal)[copy] == "New & <b>"
    assert portal.bindings(copy) == [("contact", 1)]
    assert portal.bindings(record) == [("company", 1), ("deal", 1)]
    assert len(portal.calls(UPDATE)) == 1
    assert f"its copy {copy} on contact 1 holds the new text" in first.log("update")


def test_update_where_the_portal_chooses(portal, run_dag):
    record = portal.add_comment("deal", 1, "Old")
    portal.bind(record, "contact", 1)
    with DAG("update_anywhere") as dag:
        UpdateTimelineCommentOperator(task_id="update", record_id=record, comment="New")
    run = run_dag(dag)
    copy = run.xcom("update")
    assert texts(portal)[copy] == "New"
    assert texts(portal)[record] == "Old"
    assert len(portal.bindings(copy)) == len(portal.bindings(record)) == 1
    assert f"its copy {copy} holds the new text" in run.log("update")


def test_an_update_whose_answer_is_lost(portal, run_dag):
    """What may have made a copy is looked up on the item; where no item is given, nobody knows."""
    known, unknown = (portal.add_comment("deal", 1, f"Old {number}") for number in (1, 2))
    for record in (known, unknown):
        portal.bind(record, "contact", 1)
    kwargs = {"comment": "New", "retries": 0}
    with DAG("update_lost") as dag:
        UpdateTimelineCommentOperator(task_id="unknown", record_id=unknown, **kwargs)
    portal.inject("drop_after", UPDATE, times=1)
    run = run_dag(dag)
    assert run.state == "failed"
    assert "AmbiguousWriteError" in run.log("unknown")
    assert len(portal.calls(UPDATE)) == 1


@pytest.mark.slow
def test_updates_that_fail(portal, connection, run_dag):
    record = portal.add_comment("deal", 1, "Old", author_id=1)
    orphan = portal.add_comment("deal", 1, "Nowhere")
    portal.unbind(orphan, "deal", 1)
    connection(portal.connection(user_id=2), "bitrix24_manager")
    wrong = {
        "gone": ({"record_id": GONE}, f"timeline record {GONE} does not exist"),
        "orphan": ({"record_id": orphan}, f"timeline record {orphan} is bound to no item"),
        "elsewhere": ({"item": "C_1"}, f"timeline record {record} is not on contact 1"),
        "empty": ({"comment": " "}, "comment: ' ' is not a text"),
        "no_file": ({"files": ["/nowhere/a.txt"]}, "files[0]: '/nowhere/a.txt' cannot be read"),
        "files_text": ({"files": "a.txt"}, "files: 'a.txt' is not JSON"),
        "not_the_author": ({"bitrix24_conn_id": "bitrix24_manager"}, "ACCESS_DENIED"),
    }
    with DAG("update_fails", default_args={"retries": 1, "retry_delay": timedelta(0)}) as dag:
        for name, (arguments, _) in wrong.items():
            given_late(
                UpdateTimelineCommentOperator,
                task_id=name,
                **{"record_id": record, "comment": "New", **arguments},
            )
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    for name, (_, problem) in wrong.items():
        assert problem in run.log(name), name
        assert run.log(name).count("Bitrix24Error") == 0
    assert texts(portal)[record] == "Old"


def test_delete(portal, run_dag):
    single, shared = (portal.add_comment("deal", 1, text) for text in ("One", "Two"))
    portal.bind(shared, "contact", 1)
    with DAG("delete") as dag:
        DeleteTimelineCommentOperator(task_id="single", record_id=single)
        DeleteTimelineCommentOperator(task_id="shared", record_id=shared, item=("contact", 1))
        DeleteTimelineCommentOperator(task_id="gone", record_id=GONE)
    first, second = run_dag(dag), run_dag(dag)
    assert first.xcom("single") == {"ID": single, "STATUS": "deleted"}
    assert first.xcom("shared") == {"ID": shared, "STATUS": "unbound"}
    assert first.xcom("gone") == {"ID": GONE, "STATUS": "not_found"}
    assert second.xcom("single") == {"ID": single, "STATUS": "not_found"}
    assert second.xcom("shared") == {"ID": shared, "STATUS": "not_found"}
    assert single not in texts(portal)
    assert portal.bindings(shared) == [("deal", 1)], "what is on another item stays there"
    assert [call.params for call in portal.calls(DELETE)] == [{"id": single}]


@pytest.mark.slow
def test_a_portal_that_remembers_bindings(portal, run_dag):
    """It may take a comment for one that is on a single item, which was bound to others since."""
    portal.set_bindings_remembered(True)
    deleted, changed = (portal.add_comment("deal", 1, text) for text in ("One", "Two"))
    for record in (deleted, changed):
        requests.post(portal.webhook_url() + UPDATE, json={"id": record, "fields": {"COMMENT": "Seen"}})
        portal.bind(record, "contact", 1)
    with DAG("remembered") as dag:
        DeleteTimelineCommentOperator(task_id="delete", record_id=deleted, item=("deal", 1))
        UpdateTimelineCommentOperator(task_id="update", record_id=changed, item=("deal", 1), comment="New")
        UpdateTimelineCommentOperator(task_id="unseen", record_id=changed, item=("contact", 1), comment="New")
    run = run_dag(dag)
    assert run.xcom("delete") == {"ID": deleted, "STATUS": "unbound"}
    assert portal.bindings(deleted) == [("contact", 1)], "what is on another item stays there"
    assert run.xcom("update") == changed
    assert f"Comment {changed} is on several items, and the portal changed it on all" in run.log("update")
    assert run.states["unseen"] == "failed"
    assert "earlier bindings for up to an hour: try again then" in run.log("unseen")


@pytest.mark.slow
def test_deletes_that_fail(portal, connection, run_dag):
    shared, orphan, foreign = (portal.add_comment("deal", 1, text) for text in ("A", "B", "C"))
    portal.bind(shared, "contact", 1)
    portal.unbind(orphan, "deal", 1)
    message = portal.add_log_message("deal", 1, "Sync", "Done")
    connection(portal.connection(user_id=2), "bitrix24_manager")
    wrong = {
        "several": ({"record_id": shared}, "MULTIPLE_BINDINGS"),
        "orphan": ({"record_id": orphan}, f"timeline record {orphan} is bound to no item"),
        "gone": ({"record_id": GONE, "missing_ok": False}, f"timeline record {GONE} does not exist"),
        "elsewhere": (
            {"record_id": shared, "item": "C_2", "missing_ok": False},
            f"timeline record {shared} is not on contact 2",
        ),
        "no_comment": ({"record_id": message}, "The record exists, but it may be no comment"),
        "bad": ({"record_id": 1.5}, "record_id: 1.5 is not an id"),
        "not_the_author": ({"record_id": foreign, "bitrix24_conn_id": "bitrix24_manager"}, "ACCESS_DENIED"),
    }
    with DAG("delete_fails") as dag:
        for name, (arguments, _) in wrong.items():
            given_late(DeleteTimelineCommentOperator, task_id=name, **arguments)
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    for name, (_, problem) in wrong.items():
        assert problem in run.log(name), name
    assert "contact 1, deal 1" in run.log("several")
    assert {shared, foreign} <= set(texts(portal))


def test_a_delete_whose_answer_is_lost(portal, run_dag, long_waits_skipped):
    record = portal.add_comment("deal", 1, "One")
    portal.inject("drop_after", DELETE, times=1)
    with DAG("delete_lost") as dag:
        DeleteTimelineCommentOperator(task_id="delete", record_id=record, missing_ok=False)
    assert run_dag(dag).xcom("delete") == {"ID": record, "STATUS": "deleted"}
    assert record not in texts(portal)


@pytest.mark.slow
def test_a_comment_with_files_on_several_items(portal, run_dag, tmp_path):
    (tmp_path / "offer.txt").write_text("An offer")
    (tmp_path / "raw").write_bytes(bytes(range(256)))
    with DAG("comment_with_files") as dag:
        AddTimelineCommentOperator(
            task_id="add",
            item=("deal", 1),
            comment="See the offer",
            files=[str(tmp_path / "{{ 'offer' }}.txt"), {"path": f"file://{tmp_path}/raw", "name": "b.bin"}],
            bind_to=[("contact", 1), "CO_1"],
        )
    for _ in range(2):
        portal.clear_journal()
        run = run_dag(dag)
        record = run.xcom("add")
        assert portal.bindings(record) == [("company", 1), ("contact", 1), ("deal", 1)]
        [call] = portal.calls(ADD)
        assert [(name, base64.b64decode(content)) for name, content in call.params["fields"]["FILES"]] == [
            ("offer.txt", b"An offer"),
            ("b.bin", bytes(range(256))),
        ]
        assert run.xcom("add", "_link_CrmCardLink").endswith("/crm/deal/details/1/")


@pytest.mark.slow
def test_a_comment_that_cannot_be_bound_everywhere_is_added_once(portal, run_dag):
    """The comment is not added again when the task is tried again to bind it."""
    portal.inject(
        "status", "crm.timeline.bindings.bind", status=500, times=None, params={"fields": {"ENTITY_ID": 2}}
    )
    portal.inject("status", "batch", status=500, times=None)
    with DAG("comment_bound_later") as dag:
        AddTimelineCommentOperator(
            task_id="add", item="D_1", comment="Once", bind_to=["C_1", "C_2"], check_item=False, retries=0
        )
    run = run_dag(dag)
    assert run.state == "failed"
    assert [entry["STATUS"] for entry in run.xcom("add", "outcomes")] == ["failed", "failed"]
    assert list(texts(portal).values()).count("Once") == 1


@pytest.mark.slow
def test_bad_files_and_items_send_nothing(portal, run_dag, tmp_path):
    wrong = {
        "directory": ({"files": [str(tmp_path)]}, "cannot be read: Is a directory"),
        "number": ({"files": [7]}, "files[0]: 7 is not a path"),
        "no_path": ({"files": [{"name": "a"}]}, "files[0]: {'name': 'a'} is not a file"),
        "name": ({"files": [{"path": __file__, "name": "a/b"}]}, "files[0]: 'a/b' is not the name of a file"),
        "bind_to": ({"bind_to": ["C_1", "X_1"]}, "bind_to[1]: 'X_1' is not a CRM item"),
        "bind_to_empty": ({"bind_to": []}, "bind_to: the list is empty"),
    }
    with DAG("comment_bad_files") as dag:
        for name, (arguments, _) in wrong.items():
            given_late(AddTimelineCommentOperator, name, item="D_1", comment="Never", **arguments)
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    for name, (_, problem) in wrong.items():
        assert problem in run.log(name), name
    assert "Never" not in texts(portal).values()


def test_log_message(portal, run_dag):
    with DAG("log_message") as dag:
        AddTimelineLogMessageOperator(
            task_id="add", item="D_1", title="Sync {{ 'done' }}", text="12 rows", icon_code="check"
        )
        AddTimelineLogMessageOperator.partial(task_id="mapped", title="T", text="x").expand_kwargs(
            [{"item": "C_1"}, {"entity_type": "contact", "entity_id": 1}]
        )
    records = set()
    for _ in range(2):
        run = run_dag(dag)
        assert run.state == "success", run.states
        records |= {run.xcom("add"), *(run.xcom("mapped", map_index=index) for index in (0, 1))}
    assert len(records) == 6, "each run adds its own"
    calls = portal.calls(LOG)
    assert {call.params["fields"]["title"] for call in calls} == {"Sync done", "T"}
    assert portal.bindings(run.xcom("add")) == [("deal", 1)]


@pytest.mark.slow
def test_log_messages_that_fail(portal, connection, run_dag):
    wrong = {
        "no_text": ({"text": None}, "text: None is not a text"),
        "none": ({"title": "{{ none }}"}, "title: the text is 'None'"),
        "no_number": ({"item": "shipment_document_1"}, "no number of the type 'shipment_document' is known"),
        "no_rights": ({"bitrix24_conn_id": "bitrix24_guest"}, "ACCESS_DENIED"),
    }
    connection(portal.connection(user_id=3), "bitrix24_guest")
    with DAG("log_fails") as dag:
        for name, (arguments, _) in wrong.items():
            given_late(
                AddTimelineLogMessageOperator,
                task_id=name,
                **{"item": "D_1", "title": "T", "text": "x", **arguments},
            )
        AddTimelineLogMessageOperator(
            task_id="lost", item="D_2", title="T", text="x", retries=1, retry_delay=timedelta(0)
        )
    portal.inject("drop_after", LOG, times=1, params={"fields": {"entityId": 2}})
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    for name, (_, problem) in wrong.items():
        assert problem in run.log(name), name
    assert "AmbiguousWriteError" in run.log("lost")
    assert [call.params["fields"]["entityId"] for call in portal.calls(LOG) if not call.error] == [2]


@pytest.mark.parametrize(
    ("operator", "arguments", "problem"),
    [
        (DeleteTimelineCommentOperator, {"record_id": 1, "missing_ok": None}, "missing_ok: None is neither"),
        (AddTimelineLogMessageOperator, {"title": "T", "text": "x"}, "entity_type: it is not given"),
    ],
)
def test_mistakes_in_the_dag_file_of_delete_and_log(operator, arguments, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        operator(task_id="x", **arguments)


@pytest.mark.slow
def test_what_a_mapped_task_is_given_does_not_become_nothing(portal, run_dag):
    """Without an item the whole comment would go."""
    record = portal.add_comment("deal", 1, "On one item only")
    with DAG("mapped_none") as dag:

        @task
        def rows():
            return [{"record_id": record, "item": None}, {"record_id": record, "item": "D_2"}]

        @task
        def nothing():
            return [None]

        DeleteTimelineCommentOperator.partial(task_id="delete").expand_kwargs(rows())
        UpdateTimelineCommentOperator.partial(task_id="update", record_id=record, comment="x").expand(
            files=nothing()
        )
        AddTimelineCommentOperator.partial(task_id="add", item="D_1", comment="x").expand(bind_to=nothing())
    run = run_dag(dag)
    for name, argument in (("delete", "item"), ("update", "files"), ("add", "bind_to")):
        assert f"{argument}: it was given, but is None now" in run.log(name, 0)
    assert run.xcom("delete", map_index=1) == {"ID": record, "STATUS": "not_found"}
    assert portal.bindings(record) == [("deal", 1)]
    assert not portal.calls(ADD) + portal.calls(UPDATE) + portal.calls(DELETE)


def test_an_optional_argument_may_be_left_out_as_none(portal, run_dag):
    with DAG("literal_none") as dag:
        AddTimelineCommentOperator(task_id="add", item="D_1", comment="Plain", files=None, bind_to=None)
    record = run_dag(dag).xcom("add")
    assert texts(portal)[record] == "Plain"
