"""The operators for comments and log messages executed on their own: results, log, links, second tries."""

from __future__ import annotations

import pytest
from operator_alone import GONE, Store, card, context_of, fails, quick, run

from airflow_provider_bitrix24.hooks.errors import (
    AmbiguousWriteError,
    Bitrix24Error,
    NotFoundError,
    RejectedError,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    DeleteTimelineCommentOperator,
    UpdateTimelineCommentOperator,
)

ADD, UPDATE, DELETE = (f"crm.timeline.comment.{verb}" for verb in ("add", "update", "delete"))
LIST, BIND = "crm.timeline.bindings.list", "crm.timeline.bindings.bind"
UNBIND = "crm.timeline.bindings.unbind"
LOG = "crm.timeline.logmessage.add"


def test_comment(portal, written, tmp_path):
    (tmp_path / "a.txt").write_text("attached")
    operator, record, pushed = run(
        AddTimelineCommentOperator,
        item="D_1",
        comment="Hello",
        files=[str(tmp_path / "a.txt")],
        bind_to=["C_1", "C_2"],
    )
    assert portal.bindings(record) == [("contact", 1), ("contact", 2), ("deal", 1)]
    [added] = portal.calls(ADD)
    assert added.params["fields"]["COMMENT"] == "Hello"
    assert added.params["fields"]["FILES"]
    assert not portal.calls(LIST), "what was just added is there"
    assert pushed == {}
    assert operator.card_address == card(portal, "deal", 1)
    lines = written()
    assert f"Timeline record {record} was added to deal 1." in lines
    assert f"Timeline record {record} now shows on contact 1 and contact 2, too." in lines


def test_comment_that_cannot_be_bound(portal):
    portal.inject("false", BIND, params={"fields": {"ENTITY_ID": 2}}, times=None)
    arguments = {"item": "D_1", "comment": "Hello", "bind_to": ["C_1", "C_2"]}
    store = Store()
    context = context_of(1, 1, task_state_store=store)
    _, pushed = fails(AddTimelineCommentOperator, Bitrix24Error, context, **arguments)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["bound", "failed"]
    portal.faults.clear()
    record = AddTimelineCommentOperator(task_id="t", **arguments).execute(
        context_of(2, 1, task_state_store=store)
    )
    assert len(portal.calls(ADD)) == 1
    assert len(portal.bindings(record)) == 3


def test_a_comment_that_is_there_is_not_added_again_by_a_cleared_task(portal, written):
    arguments = {"item": "D_1", "comment": "Hello", "bind_to": ["C_1"], "unless_present": True}
    _, record, _ = run(AddTimelineCommentOperator, **arguments)
    assert run(AddTimelineCommentOperator, **arguments)[1] == record
    assert len(portal.calls(ADD)) == 1
    assert f"Timeline record {record} on deal 1 holds this text already." in written()
    assert portal.bindings(record) == [("contact", 1), ("deal", 1)]


def test_comments_that_are_there_are_not_added_again_by_a_cleared_task(portal, written):
    rows = [{"item": item, "comment": text} for item in ("D_1", "C_2") for text in "abb"]
    _, first, _ = run(AddTimelineCommentsOperator, rows=rows[:1], unless_present=True)
    _, second, _ = run(AddTimelineCommentsOperator, rows=rows, unless_present=True)
    _, third, _ = run(AddTimelineCommentsOperator, rows=rows, unless_present=True)
    statuses = [row["STATUS"] for row in second]
    assert statuses == ["already_present", "added", "already_present", "added", "added", "already_present"]
    assert {row["STATUS"] for row in third} == {"already_present"}
    assert [row["ID"] for row in third] == [row["ID"] for row in second]
    assert second[0]["ID"] == first[0]["ID"]
    assert len(portal.calls(ADD)) == 4
    assert "6 comments: 6 already present." in written()


@pytest.mark.parametrize("kept", [True, False], ids=["with a store", "without"])
def test_a_comment_that_may_be_added_is_looked_up_by_a_cleared_task(portal, kept, long_waits_skipped):
    more = {"task_state_store": Store()} if kept else {}
    arguments = {"item": "D_1", "comment": "Hello"}
    portal.inject("drop_after", ADD)
    portal.inject("error", "crm.timeline.comment.list", code="ACCESS_DENIED", status=400)
    fails(AddTimelineCommentOperator, AmbiguousWriteError, context_of(1, 0, **more), **arguments)
    _, record, _ = run(AddTimelineCommentOperator, context_of(2, 1, **more), **arguments)
    added = [comment.record_id for comment in portal.comments("deal", 1) if comment.text == "Hello"]
    assert added == [record]


@pytest.mark.parametrize(
    ("executed", "ended"), [(True, "3 were there; 0 are added now"), (False, "0 were there; 3 are added now")]
)
def test_the_log_says_why_comments_are_looked_up_and_how_it_ended(
    portal, written, long_waits_skipped, executed, ended
):
    portal.inject("status", "batch", status=502, body="html", executed=executed)
    run(AddTimelineCommentsOperator, rows=[{"item": "D_1", "comment": text} for text in "abc"])
    lines = written()
    assert "the answer to adding 3 comments was lost (" in lines
    assert "HTTP 502" in lines
    assert "; they can be looked up only later; waiting " in lines
    assert f"Of 3 comments that may have been added, {ended}." in lines


def test_comments(portal, written):
    rows = [{"item": "D_1", "comment": "a"}, {"entity_type": "contact", "entity_id": 2, "comment": "b"}]
    operator, result, _ = run(AddTimelineCommentsOperator, rows=rows)
    assert [(entry["ENTITY_TYPE"], entry["ENTITY_ID"], entry["STATUS"]) for entry in result] == [
        ("deal", 1, "added"),
        ("contact", 2, "added"),
    ]
    assert operator.card_address == card(portal, "deal", 1)
    ids = [entry["ID"] for entry in result]
    assert f"Timeline records added: {ids[0]} to deal 1 and {ids[1]} to contact 2." in written()


def test_comments_that_fail(portal, written):
    denied = {"code": "ACCESS_DENIED", "status": 400}
    portal.inject("error", ADD, params={"fields": {"COMMENT": "b"}}, times=None, **denied)
    rows = [{"item": "D_1", "comment": text} for text in "ab"]
    _, pushed = fails(AddTimelineCommentsOperator, Bitrix24Error, rows=rows)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["added", "failed"]
    run(AddTimelineCommentsOperator, rows=rows, fail_on="all")
    assert "2 comments: 1 added, 1 failed." in written()


def test_update(portal, written):
    record = portal.add_comment("deal", 1, "Old")
    operator, result, _ = run(UpdateTimelineCommentOperator, record_id=str(record), comment="New")
    assert result == record
    assert operator.card_address == ""
    [updated] = portal.calls(UPDATE)
    assert "FILES" not in updated.params["fields"]
    assert f"Comment {record} holds the new text." in written()


def test_update_of_one_of_several(portal, record, written, tmp_path):
    (tmp_path / "a.txt").write_text("attached")
    arguments = {"record_id": record, "comment": "New", "item": "C_2", "files": [str(tmp_path / "a.txt")]}
    operator, copy, _ = run(UpdateTimelineCommentOperator, **arguments)
    assert copy != record
    assert portal.bindings(copy) == [("contact", 2)]
    assert operator.card_address == card(portal, "contact", 2)
    assert portal.calls(UPDATE)[0].params["fields"]["FILES"]
    line = f"Comment {record} is on several items: its copy {copy} on contact 2 holds the new text"
    assert f"{line}, the comment keeps the old one." in written()
    assert run(UpdateTimelineCommentOperator, **arguments)[1] == copy


def test_update_where_the_portal_chooses(portal, record, written):
    _, copy, _ = run(UpdateTimelineCommentOperator, record_id=record, comment="New")
    assert f"Comment {record} is on several items: its copy {copy} holds the new text" in written()


@pytest.mark.parametrize("kept", [True, False], ids=["with a store", "without"])
def test_update_whose_answer_was_lost(portal, record, kept):
    """What may have made a copy is not sent again, in this try or another."""
    more = {"task_state_store": Store()} if kept else {}
    portal.bind(record, "company", 1)
    portal.inject("drop_after", UPDATE)
    arguments = {"record_id": record, "comment": "New", "retries": 1}
    fails(UpdateTimelineCommentOperator, AmbiguousWriteError, context_of(1, 1, **more), **arguments)
    fails(UpdateTimelineCommentOperator, AmbiguousWriteError, context_of(2, 1, **more), **arguments)
    assert len(portal.calls(UPDATE)) == 1
    if kept:  # other input is other work, but whether the first was done stays open
        fails(
            UpdateTimelineCommentOperator,
            AmbiguousWriteError,
            context_of(2, 1, **more),
            **{**arguments, "comment": "Newer"},
        )
        assert len(portal.calls(UPDATE)) == 1


def test_delete(portal, record, written):
    single = portal.add_comment("deal", 1, "Single")
    operator, result, _ = run(DeleteTimelineCommentOperator, record_id=str(single))
    assert (result, operator.card_address) == ({"ID": single, "STATUS": "deleted"}, "")
    operator, result, _ = run(DeleteTimelineCommentOperator, record_id=record, item="C_2")
    assert result == {"ID": record, "STATUS": "unbound"}
    assert operator.card_address == card(portal, "contact", 2)
    lines = written()
    assert f"Comment {single} is deleted." in lines
    assert f"Comment {record} was removed from the item and stays on others." in lines
    assert portal.bindings(record) == [("deal", 1)]


def test_delete_of_what_is_not_there(portal, record, written):
    for arguments in ({"record_id": GONE}, {"record_id": record, "item": "L_1"}):
        assert run(DeleteTimelineCommentOperator, **arguments)[1]["STATUS"] == "not_found"
        assert f"Comment {arguments['record_id']} was not there." in written()
        fails(DeleteTimelineCommentOperator, NotFoundError, missing_ok=False, **arguments)
    error, _ = fails(DeleteTimelineCommentOperator, RejectedError, record_id=record)
    assert error.code == "MULTIPLE_BINDINGS"
    assert not portal.calls(DELETE)


@pytest.mark.parametrize("missing_ok", [True, False])
def test_delete_whose_answer_is_lost(portal, record, missing_ok):
    """Its own success is not taken for a comment that was never there."""
    portal.inject("drop_after", UNBIND)
    operator = quick(DeleteTimelineCommentOperator, record_id=record, item="C_2", missing_ok=missing_ok)
    assert operator.execute(context_of()) == {"ID": record, "STATUS": "unbound"}
    assert portal.bindings(record) == [("deal", 1)]
    assert len(portal.calls(UNBIND)) == 1


def test_log_message(portal, written):
    arguments = {"item": "D_1", "title": "Sync", "text": "Done", "icon_code": "check"}
    operator, record, _ = run(AddTimelineLogMessageOperator, **arguments)
    [added] = portal.calls(LOG)
    sent = {"title": "Sync", "text": "Done", "iconCode": "check", "entityId": 1}
    assert {name: added.params["fields"][name] for name in sent} == sent
    assert operator.card_address == card(portal, "deal", 1)
    assert f"Timeline record {record} was added to deal 1." in written()


@pytest.mark.parametrize("kept", [True, False], ids=["with a store", "without"])
def test_log_message_of_which_nobody_knows(portal, kept):
    more = {"task_state_store": Store()} if kept else {}
    arguments = {"item": "D_1", "title": "Sync", "text": "Done", "retries": 1}
    portal.inject("drop_after", LOG)
    first, _ = fails(
        AddTimelineLogMessageOperator, AmbiguousWriteError, context_of(1, 1, **more), **arguments
    )
    again, _ = fails(
        AddTimelineLogMessageOperator, AmbiguousWriteError, context_of(2, 1, **more), **arguments
    )
    for error in (first, again):
        assert "the log message on deal 1 may have been added, or not: " in str(error)
        assert "Look at the timeline of deal 1." in error.remedy
        assert "If you clear this task, it sends nothing" in error.remedy
    assert len(portal.calls(LOG)) == 1


def test_log_message_without_rights_names_item_and_user(portal, guest):
    error, _ = fails(AddTimelineLogMessageOperator, Bitrix24Error, item="D_1", title="a", text="b", **guest)
    assert "the log message on deal 1 was not added: portal user 3, the owner of the webhook, " in str(error)
    assert "may not change deal 1" in str(error)


def test_log_message_that_was_refused_is_added_by_the_next_try(portal):
    more = {"task_state_store": Store()}
    arguments = {"item": "D_1", "title": "Sync", "text": "Done", "retries": 1}
    portal.inject("error", LOG, code="", description="Locked", status=400)
    fails(AddTimelineLogMessageOperator, Bitrix24Error, context_of(1, 1, **more), **arguments)
    assert AddTimelineLogMessageOperator(task_id="t", **arguments).execute(context_of(2, 1, **more)) > 0


def test_a_text_on_an_item_that_does_not_exist_is_not_there(portal):
    """An administrator's comment on nothing is stored; it does not count as one that the item has."""
    row = {"item": ("deal", GONE), "comment": "Hello"}
    run(AddTimelineCommentsOperator, rows=[row], check_item=False)
    portal.clear_journal()
    _, rows, _ = run(AddTimelineCommentsOperator, rows=[row], unless_present=True, fail_on="never")
    assert [(one["STATUS"], one["ERROR"]) for one in rows] == [("failed", "NOT_FOUND")]
    assert portal.calls("crm.timeline.comment.list", executed=None) == []
