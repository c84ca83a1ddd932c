"""Operators executed on their own: what they return, log, link to and push, and that every flag counts."""

from __future__ import annotations

import json
import re

import pytest
from operator_alone import Store, context_of, quick

from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    Bitrix24Error,
    DoneInPartError,
    InvalidConnectionError,
    InvalidInputError,
    NotFoundError,
    RejectedError,
)
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
    DeleteTimelineCommentOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.rest.calls import Call

ADD, UPDATE, DELETE = (f"crm.timeline.comment.{verb}" for verb in ("add", "update", "delete"))
LIST, BIND, UNBIND = (f"crm.timeline.bindings.{verb}" for verb in ("list", "bind", "unbind"))
LOG = "crm.timeline.logmessage.add"
GONE = 999_999


@pytest.fixture
def record(portal):
    """A comment on deal 1 and contact 2."""
    number = portal.add_comment("deal", 1, "Hello")
    portal.bind(number, "contact", 2)
    return number


@pytest.fixture
def call(portal):
    """An activity on deal 1 and contact 2."""
    number = portal.add_activity("deal", 1, subject="Call")
    portal.bind_activity(number, "contact", 2)
    return number


@pytest.fixture
def guest(portal, connection):
    """The connection of a user who may change nothing."""
    connection(portal.connection(user_id=3), "guest")
    return {"bitrix24_conn_id": "guest"}


def run(cls, context=None, **arguments):
    """Execute an operator, and return it, its result and what it pushed."""
    context = context or context_of()
    operator = cls(task_id="t", **arguments)
    result = operator.execute(context)
    return operator, result, context["ti"].pushed


def fails(cls, error, context=None, **arguments):
    """Execute an operator that has to fail, and return the error and what was pushed."""
    context = context or context_of()
    with pytest.raises(error) as caught:
        cls(task_id="t", **arguments).execute(context)
    return caught.value, context["ti"].pushed


def row(record, kind, item, status):
    return {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": item, "STATUS": status}


def card(portal, kind, number):
    return f"{portal.url}/crm/{kind}/details/{number}/"


# --- bindings ---


def test_bind(portal, record, written):
    operator, rows, pushed = run(
        BindTimelineRecordOperator, bindings=[[record, "company", 1], [record, "deal", 1]]
    )
    assert rows == [row(record, "company", 1, "bound"), row(record, "deal", 1, "already_bound")]
    assert pushed == {}
    assert operator.card_address == card(portal, "company", 1)
    assert "Bindings: 1 bound, 1 already_bound" in written()


def test_bind_by_parts(portal, record):
    arguments = {"record_id": str(record), "entity_type": "Company", "entity_id": "1"}
    assert run(BindTimelineRecordOperator, **arguments)[1] == [row(record, "company", 1, "bound")]


def test_bind_without_checking(portal, record):
    arguments = {"bindings": [[GONE, "deal", 1], [record, "deal", 1]], "check_record": False}
    _, rows, _ = run(BindTimelineRecordOperator, **arguments)
    assert [entry["STATUS"] for entry in rows] == ["bound", "bound"]
    assert not portal.calls(LIST)


def test_bind_that_fails(portal, record, written):
    bindings = [[record, "company", 1], [GONE, "deal", 1]]
    error, pushed = fails(BindTimelineRecordOperator, NotFoundError, bindings=bindings)
    assert "1 of 2 failed, see 'outcomes'" in str(error)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["bound", "failed"]
    assert isinstance(pushed["outcomes"], list)
    _, rows, _ = run(BindTimelineRecordOperator, bindings=bindings, fail_on="all")
    assert [entry["STATUS"] for entry in rows] == ["already_bound", "failed"]
    assert "Bindings: 1 already_bound, 1 failed" in written()
    error, _ = fails(BindTimelineRecordOperator, NotFoundError, bindings=bindings[1:], fail_on="all")
    assert run(BindTimelineRecordOperator, bindings=bindings[1:], fail_on="never")[1] == list(error.outcomes)


def test_bind_to_what_is_connected(portal, record, written):
    deal = portal.add_item("deal", {"CONTACT_ID": 3, "COMPANY_ID": 1})
    operator, rows, _ = run(BindTimelineRecordOperator, record_id=str(record), related_to=("deal", deal))
    assert rows == [row(record, "company", 1, "bound"), row(record, "contact", 3, "bound")]
    assert f"deal {deal} is connected with company 1, contact 3." in written()
    assert operator.card_address == card(portal, "company", 1)
    alone = portal.add_item("deal")
    assert run(BindTimelineRecordOperator, record_id=record, related_to=("deal", alone))[1] == []
    lines = written()
    assert f"deal {alone} is connected with nothing." in lines
    assert "The list of bindings is empty: nothing to do." in lines


def test_unbind(portal, record, written):
    operator, rows, _ = run(
        UnbindTimelineRecordOperator, bindings=[[record, "contact", 2], [record, "company", 7]]
    )
    assert rows == [row(record, "contact", 2, "unbound"), row(record, "company", 7, "not_bound")]
    assert operator.card_address == card(portal, "contact", 2)
    assert "Bindings: 1 unbound, 1 not_bound" in written()


def test_unbind_flags(portal, record, written):
    last = {"bindings": [[record, "contact", 2], [record, "deal", 1]]}
    missing = {"bindings": [[record, "company", 7]]}
    assert fails(UnbindTimelineRecordOperator, RejectedError, **last)[0].code == "LAST_BINDING"
    fails(UnbindTimelineRecordOperator, NotFoundError, missing_ok=False, **missing)
    fails(UnbindTimelineRecordOperator, NotFoundError, missing_ok=False, keep_last=False, **missing)
    _, rows, _ = run(UnbindTimelineRecordOperator, keep_last=False, **missing)
    assert rows == [row(record, "company", 7, "not_bound")]
    run(UnbindTimelineRecordOperator, fail_on="never", **last)
    assert "Bindings: 2 failed" in written()
    _, rows, _ = run(UnbindTimelineRecordOperator, keep_last=False, **last)
    assert [entry["STATUS"] for entry in rows] == ["unbound"] * 2
    assert portal.bindings(record) == []


def test_set(portal, record, written):
    operator, rows, _ = run(SetTimelineBindingsOperator, record_id=str(record), items=["D_1", "C_3"])
    assert rows == [
        row(record, "deal", 1, "already_bound"),
        row(record, "contact", 3, "bound"),
        row(record, "contact", 2, "unbound"),
    ]
    assert operator.card_address == card(portal, "deal", 1)
    assert "Bindings: 1 bound, 1 already_bound, 1 unbound" in written()


def test_set_that_fails_in_part(portal, record, written):
    portal.inject("false", BIND, params={"fields": {"ENTITY_ID": 3}}, times=None)
    arguments = {"record_id": record, "items": ["C_3", "C_4"]}
    _, pushed = fails(SetTimelineBindingsOperator, Bitrix24Error, **arguments)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["failed", "bound"]
    _, rows, _ = run(SetTimelineBindingsOperator, fail_on="all", **arguments)
    assert [entry["STATUS"] for entry in rows] == ["failed", "already_bound"]
    assert "Bindings: 1 already_bound, 1 failed" in written()
    assert ("deal", 1) in portal.bindings(record)


def test_set_where_somebody_else_takes_it_away(portal, record, written):
    portal.inject("delay", UNBIND, seconds=0.2)
    portal.inject("error", UNBIND, code="NOT_FOUND", status=404, description="Binding not found")
    _, rows, _ = run(SetTimelineBindingsOperator, record_id=record, items=["D_1"])
    assert rows == [row(record, "deal", 1, "already_bound"), row(record, "contact", 2, "not_bound")]
    assert "Bindings: 1 already_bound, 1 not_bound" in written()


def test_move(portal, record, written):
    arguments = {"record_id": str(record), "source": "D_1", "target": "L_1"}
    operator, result, _ = run(MoveTimelineRecordOperator, **arguments)
    assert result == row(record, "lead", 1, "moved")
    assert operator.card_address == card(portal, "lead", 1)
    assert f"Timeline record {record}: moved from deal 1 to lead 1." in written()
    assert run(MoveTimelineRecordOperator, **arguments)[1] == row(record, "lead", 1, "already_moved")
    assert portal.bindings(record) == [("contact", 2), ("lead", 1)]


def test_move_that_fails(portal, record, guest):
    arguments = {"record_id": record, "source": "D_1", "target": "L_1"}
    error, pushed = fails(MoveTimelineRecordOperator, AccessDeniedError, **arguments, **guest)
    assert pushed["outcomes"][0]["STATUS"] == "failed"
    assert "user 3" in str(error)
    error, _ = fails(MoveTimelineRecordOperator, InvalidInputError, **{**arguments, "target": "D_1"})
    assert error.description == "target: deal 1 is the source itself"
    assert not [entry for entry in portal.calls() if entry.method in (BIND, UNBIND) and not entry.error][1:]


def test_list(portal, record, written):
    operator, rows, _ = run(ListTimelineBindingsOperator, record_id=str(record))
    assert [(entry["ENTITY_TYPE"], int(entry["ENTITY_ID"])) for entry in rows] == [
        ("deal", 1),
        ("contact", 2),
    ]
    assert operator.card_address == card(portal, "deal", 1)
    assert f"Timeline record {record}: 2 bindings" in written()


def test_list_of_what_does_not_exist(portal):
    fails(ListTimelineBindingsOperator, NotFoundError, record_id=GONE)
    operator, rows, _ = run(ListTimelineBindingsOperator, record_id=GONE, check_record=False)
    assert (rows, operator.card_address) == ([], "")


# --- comments ---


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
    assert "Bindings: 2 bound" in lines


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


def test_comments(portal, written):
    rows = [{"item": "D_1", "comment": "a"}, {"entity_type": "contact", "entity_id": 2, "comment": "b"}]
    operator, result, _ = run(AddTimelineCommentsOperator, rows=rows)
    assert [(entry["ENTITY_TYPE"], entry["ENTITY_ID"], entry["STATUS"]) for entry in result] == [
        ("deal", 1, "added"),
        ("contact", 2, "added"),
    ]
    assert operator.card_address == card(portal, "deal", 1)
    assert "Comments: 2 added" in written()


def test_comments_that_fail(portal, written):
    denied = {"code": "ACCESS_DENIED", "status": 400}
    portal.inject("error", ADD, params={"fields": {"COMMENT": "b"}}, times=None, **denied)
    rows = [{"item": "D_1", "comment": text} for text in "ab"]
    _, pushed = fails(AddTimelineCommentsOperator, Bitrix24Error, rows=rows)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["added", "failed"]
    run(AddTimelineCommentsOperator, rows=rows, fail_on="all")
    assert "Comments: 1 added, 1 failed" in written()


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
    assert f"{line}, it keeps the old one." in written()
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
    assert f"Comment {single}: deleted" in lines
    assert f"Comment {record}: unbound" in lines
    assert portal.bindings(record) == [("deal", 1)]


def test_delete_of_what_is_not_there(portal, record):
    for arguments in ({"record_id": GONE}, {"record_id": record, "item": "L_1"}):
        assert run(DeleteTimelineCommentOperator, **arguments)[1]["STATUS"] == "not_found"
        fails(DeleteTimelineCommentOperator, NotFoundError, missing_ok=False, **arguments)
    error, _ = fails(DeleteTimelineCommentOperator, RejectedError, record_id=record)
    assert error.code == "MULTIPLE_BINDINGS"
    assert not portal.calls(DELETE)


@pytest.mark.parametrize("missing_ok", [True, False])
def test_delete_whose_answer_is_lost(portal, record, missing_ok):
    """Its own success is not taken for a comment that was never there."""
    portal.inject("drop_after", DELETE)
    operator = quick(DeleteTimelineCommentOperator, record_id=record, item="C_2", missing_ok=missing_ok)
    assert operator.execute(context_of()) == {"ID": record, "STATUS": "unbound"}
    assert portal.bindings(record) == [("deal", 1)]
    assert len(portal.calls(DELETE)) == 1


# --- log messages ---


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
    fails(AddTimelineLogMessageOperator, AmbiguousWriteError, context_of(1, 1, **more), **arguments)
    fails(AddTimelineLogMessageOperator, AmbiguousWriteError, context_of(2, 1, **more), **arguments)
    assert len(portal.calls(LOG)) == 1


def test_log_message_that_was_refused_is_added_by_the_next_try(portal):
    more = {"task_state_store": Store()}
    arguments = {"item": "D_1", "title": "Sync", "text": "Done", "retries": 1}
    portal.inject("error", LOG, code="", description="Locked", status=400)
    fails(AddTimelineLogMessageOperator, Bitrix24Error, context_of(1, 1, **more), **arguments)
    assert AddTimelineLogMessageOperator(task_id="t", **arguments).execute(context_of(2, 1, **more)) > 0


# --- activities and whole timelines ---


def test_bind_activities(portal, call, written):
    bindings = [[call, "company", 1], [call, "deal", 1]]
    operator, rows, _ = run(BindActivityOperator, bindings=bindings)
    assert rows == [
        {"activityId": call, "ENTITY_TYPE": "company", "ENTITY_ID": 1, "STATUS": "bound"},
        {"activityId": call, "ENTITY_TYPE": "deal", "ENTITY_ID": 1, "STATUS": "already_bound"},
    ]
    assert operator.card_address == card(portal, "company", 1)
    assert "Bindings: 1 bound, 1 already_bound" in written()
    _, rows, _ = run(BindActivityOperator, activity_id=str(call), entity_type="Lead", entity_id="1")
    assert [entry["STATUS"] for entry in rows] == ["bound"]
    bindings = [[GONE, "deal", 1], [call, "deal", 1]]
    _, pushed = fails(BindActivityOperator, NotFoundError, bindings=bindings)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["failed", "already_bound"]
    run(BindActivityOperator, bindings=bindings, fail_on="all")
    assert "Bindings: 1 already_bound, 1 failed" in written()


def test_unbind_activities(portal, call, written):
    missing = {"bindings": [[call, "lead", 1]]}
    fails(UnbindActivityOperator, NotFoundError, missing_ok=False, **missing)
    bindings = [[call, "contact", 2], [call, "lead", 1]]
    operator, rows, _ = run(UnbindActivityOperator, bindings=bindings)
    assert [entry["STATUS"] for entry in rows] == ["unbound", "not_bound"]
    assert operator.card_address == card(portal, "contact", 2)
    assert "Bindings: 1 unbound, 1 not_bound" in written()
    last = [[call, "deal", 1], *missing["bindings"]]
    error, _ = fails(UnbindActivityOperator, RejectedError, bindings=last)
    assert error.code == "LAST_BINDING_CANNOT_BE_DELETED"
    run(UnbindActivityOperator, bindings=last, fail_on="all")
    assert "Bindings: 1 not_bound, 1 failed" in written()


def test_transfer(portal, record, call, written):
    operator, rows, _ = run(TransferTimelineOperator, source="D_1", target="L_1", mode="share")
    assert {(entry["KIND"], entry["ID"], entry["STATUS"]) for entry in rows} >= {
        ("comment", record, "shared"),
        ("activity", call, "shared"),
    }
    assert operator.card_address == card(portal, "lead", 1)
    count = len(rows)
    assert f"Comments and activities: {count} shared" in written()
    run(TransferTimelineOperator, source="D_1", target="L_1")
    assert f"Comments and activities: {count} already_shared" in written()
    run(TransferTimelineOperator, source="D_1", target="L_1", mode="move")
    assert f"Comments and activities: {count} moved" in written()
    run(TransferTimelineOperator, source="D_1", target="L_1", mode="move")
    assert "Comments and activities: none on the source" in written()


def test_transfer_that_fails_in_part(portal, record, call, written):
    portal.inject("false", BIND, times=None)
    arguments = {"source": "D_1", "target": "L_1"}
    _, pushed = fails(TransferTimelineOperator, Bitrix24Error, **arguments)
    assert {entry["STATUS"] for entry in pushed["outcomes"]} == {"shared", "failed"}
    run(TransferTimelineOperator, fail_on="all", **arguments)
    assert re.search(r"Comments and activities: \d+ already_shared, \d+ failed", written())


@pytest.mark.parametrize("kinds", [["comments"], ["activities"], '["activities"]'])
def test_transfer_of_one_kind(portal, record, call, kinds):
    _, rows, _ = run(TransferTimelineOperator, source="D_1", target="L_1", kinds=kinds)
    assert {entry["KIND"] for entry in rows} == {"comment" if "comments" in kinds else "activity"}


# --- any method ---


def test_call(portal):
    _, result, _ = run(Bitrix24CallOperator, method="crm.deal.get", params={"id": 1})
    assert result["ID"] == "1"
    assert run(Bitrix24CallOperator, method="crm.deal.get", params='{"id": 1}')[1] == result
    assert run(Bitrix24CallOperator, method="server.time")[1]


@pytest.mark.parametrize("kept", [True, False], ids=["with a store", "without"])
@pytest.mark.parametrize("repeatable", [None, False])
def test_call_of_which_nobody_knows(portal, kept, repeatable):
    more = {"task_state_store": Store()} if kept else {}
    arguments = {
        "method": "crm.deal.add",
        "params": {"fields": {"TITLE": "Once"}},
        "repeatable": repeatable,
        "retries": 1,
    }
    portal.inject("drop_after", "crm.deal.add")
    fails(Bitrix24CallOperator, AmbiguousWriteError, context_of(1, 1, **more), **arguments)
    fails(Bitrix24CallOperator, AmbiguousWriteError, context_of(2, 1, **more), **arguments)
    assert len(portal.calls("crm.deal.add")) == 1


def test_call_that_may_be_repeated(portal):
    portal.inject("drop_after", "crm.deal.add")
    arguments = {"method": "crm.deal.add", "params": {"fields": {"TITLE": "x"}}, "repeatable": True}
    assert run(Bitrix24CallOperator, **arguments)[1] > 0
    assert len(portal.calls("crm.deal.add")) == 2


def test_list_of_rows(portal, written):
    count = len(portal.items("deal"))
    _, rows, _ = run(Bitrix24ListOperator, method="crm.deal.list", params={"select": ["ID"]}, max_rows=count)
    assert sorted(int(entry["ID"]) for entry in rows) == sorted(portal.items("deal"))
    assert f"crm.deal.list: {count} rows" in written()
    error, _ = fails(
        Bitrix24ListOperator, InvalidInputError, method="crm.deal.list", params={}, max_rows=count - 1
    )
    assert error.description == f"max_rows: crm.deal.list has more than {count - 1} rows"
    assert error.remedy == "Give output_path to write them to a file, or narrow the filter."


def test_list_to_a_file(portal, tmp_path, written):
    path = tmp_path / "quite" / "new" / "deals.jsonl"
    portal.add_item("deal", {"TITLE": "\u4e2d"})
    count = len(portal.items("deal"))
    for given in (path, str(path)):
        _, result, _ = run(Bitrix24ListOperator, method="crm.deal.list", max_rows=1, output_path=given)
        assert result == {"path": str(path), "count": count, "last_id": str(max(portal.items("deal")))}
        lines = path.read_text("utf-8").splitlines()
        assert [json.loads(line)["ID"] for line in lines] == [
            str(number) for number in sorted(portal.items("deal"))
        ]
        assert "\u4e2d" in lines[-1]
        assert f"crm.deal.list: {count} rows" in written()
    assert [entry.name for entry in path.parent.iterdir()] == ["deals.jsonl"]


def test_a_list_without_ids_has_no_last_one(portal, tmp_path):
    portal.inject("result", "user.get", result=[{"NAME": "x"}])
    _, result, _ = run(Bitrix24ListOperator, method="user.get", output_path=str(tmp_path / "x.jsonl"))
    assert (result["count"], result["last_id"]) == (1, None)


def test_the_last_id_of_items_in_lower_case(portal, tmp_path):
    arguments = {"method": "crm.item.list", "params": {"entityTypeId": 2}}
    _, result, _ = run(Bitrix24ListOperator, **arguments, output_path=str(tmp_path / "x.jsonl"))
    assert result["last_id"] == max(portal.items("deal"))


def test_rows_that_are_no_mappings_have_no_id(portal, tmp_path):
    portal.inject("result", "user.get", result=["x", "y"])
    _, result, _ = run(Bitrix24ListOperator, method="user.get", output_path=str(tmp_path / "x.jsonl"))
    assert (result["count"], result["last_id"]) == (2, None)


def test_a_list_that_breaks_off_leaves_what_was_there(portal, tmp_path):
    path = tmp_path / "deals.jsonl"
    path.write_text("older\n")
    portal.inject("error", "crm.deal.list", code="", description="Odd.", status=400)
    fails(Bitrix24ListOperator, Bitrix24Error, method="crm.deal.list", output_path=str(path))
    assert path.read_text() == "older\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["deals.jsonl"]


@pytest.mark.parametrize("path", ["", "  ", 7, ["a"]])
def test_a_list_to_no_path(portal, path):
    error, _ = fails(Bitrix24ListOperator, InvalidInputError, method="crm.deal.list", output_path=path)
    assert error.description == f"output_path: {path!r} is not a path"
    assert error.remedy == "Leave it out to get the rows in XCom."


GET = {"method": "crm.deal.get", "params": {"id": 1}}
NOT_THERE = {"method": "crm.deal.get", "params": {"id": GONE}}
DEAL_ADD = {"method": "crm.deal.add", "params": {"fields": {"TITLE": "Once"}}}


def test_batch(portal, written):
    operator, rows, _ = run(Bitrix24BatchOperator, calls=[GET, Call("server.time")])
    assert [(entry["method"], entry["ok"]) for entry in rows] == [
        ("crm.deal.get", True),
        ("server.time", True),
    ]
    assert rows[0].keys() == {"method", "ok", "result"}
    assert rows[0]["result"]["ID"] == "1"
    assert operator.card_address == ""
    assert "Calls: 2, failed: 0" in written()


def test_batch_that_fails_in_part(portal, written):
    error, pushed = fails(Bitrix24BatchOperator, NotFoundError, calls=[GET, NOT_THERE])
    assert "calls[1] crm.deal.get: " in error.description
    assert "1 of 2 failed, see 'outcomes'" in error.description
    first, second = pushed["outcomes"]
    assert first["ok"]
    assert second.keys() == {"method", "ok", "error"}
    assert (second["ok"], second["error"]["type"]) == (False, "NotFoundError")
    run(Bitrix24BatchOperator, calls=[GET, NOT_THERE], fail_on="all")
    assert "Calls: 2, failed: 1" in written()


LOCKED = {"method": "crm.deal.update", "params": {"id": 1, "fields": {"TITLE": "x"}}}


@pytest.mark.parametrize(
    ("calls", "kept", "error"),
    [
        ([DEAL_ADD, LOCKED], False, DoneInPartError),
        ([DEAL_ADD, LOCKED], True, Bitrix24Error),
        ([GET, LOCKED], False, Bitrix24Error),
        ([{**DEAL_ADD, "repeatable": True}, LOCKED], False, Bitrix24Error),
        ([DEAL_ADD, NOT_THERE], False, NotFoundError),
    ],
    ids=["a write is done", "a store knows of it", "only reads are done", "may be repeated", "no try helps"],
)
def test_batch_that_is_done_in_part(portal, calls, kept, error):
    """Another try must not add the deal again: without progress that is kept there is none."""
    portal.inject("error", "crm.deal.update", code="", description="Locked", status=400, times=None)
    more = {"task_state_store": Store()} if kept else {}
    caught, pushed = fails(Bitrix24BatchOperator, error, context_of(**more), calls=calls)
    assert isinstance(caught, DoneInPartError) == (error is DoneInPartError)
    assert len(pushed["outcomes"]) == 2
    if error is DoneInPartError:
        assert caught.permanent
        assert caught.retry_after is None


def test_batch_with_a_call_of_which_nobody_knows(portal):
    calls = [DEAL_ADD, {**DEAL_ADD, "params": {"fields": {"TITLE": "Twice"}}}]
    portal.inject("drop_after", "batch", times=1)
    _, pushed = fails(Bitrix24BatchOperator, AmbiguousWriteError, calls=calls)
    assert [entry["error"]["type"] for entry in pushed["outcomes"]] == ["AmbiguousWriteError"] * 2
    assert len(portal.calls("crm.deal.add")) == 2


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        (GET, "calls: not a list. Give a list of {'method': ..., 'params': ...}."),
        (7, "calls: not a list"),
        (None, "calls: not a list"),
        ([GET, 7], "calls[1]: it has no method. Give {'method': ..., 'params': ...}."),
        ([GET, {"params": {}}], "calls[1]: it has no method"),
        (
            [{**GET, "more": 1, "less": 1}],
            "calls[0]: 'less' is unknown. Known are method, params and repeatable.",
        ),
        ([GET, {"method": "a/b"}], "calls[1].method: 'a/b' is not the name of an API method"),
        ([{**GET, "repeatable": 1}], "calls[0].repeatable: 1 is not one of"),
        ("[1", "calls: the text '[1' is not JSON. In a template write {{ ... | tojson }}."),
        ("[" * 100_000, "calls: the text "),
    ],
)
def test_calls_that_are_none(portal, calls, problem):
    error, _ = fails(Bitrix24BatchOperator, InvalidInputError, calls=calls)
    assert str(error).startswith(problem)
    assert portal.requests == []


# --- what all share ---


def test_a_connection_that_does_not_exist(portal):
    error, _ = fails(ListTimelineBindingsOperator, InvalidConnectionError, record_id=1, bitrix24_conn_id="no")
    assert error.description.startswith("bitrix24_conn_id: ")


WIDE = 120


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (
            BindTimelineRecordOperator,
            lambda record: {
                "bindings": [[record, "deal", 1 + number] for number in range(WIDE)],
                "check_record": False,
            },
        ),
        (
            UnbindTimelineRecordOperator,
            lambda record: {
                "bindings": [[record, "lead", 1 + number] for number in range(WIDE)],
                "keep_last": False,
            },
        ),
        (BindActivityOperator, lambda record: {"bindings": [[1, "deal", 1 + n] for n in range(WIDE)]}),
        (UnbindActivityOperator, lambda record: {"bindings": [[1, "lead", 1 + n] for n in range(WIDE)]}),
        (
            AddTimelineCommentsOperator,
            lambda record: {"rows": [{"item": "D_1", "comment": str(n)} for n in range(WIDE)]},
        ),
        (Bitrix24BatchOperator, lambda record: {"calls": [GET] * WIDE}),
    ],
)
def test_how_many_requests_are_under_way_at_once(portal, record, cls, arguments, most):
    portal.inject("delay", "batch", seconds=0.15, times=None)
    cls(task_id="t", max_in_flight=most, fail_on="never", **arguments(record)).execute(context_of())
    batches = [request.at for request in portal.requests if request.n_commands > 1][:3]
    apart = batches[-1] - batches[0]
    assert (apart >= 0.29) == (most == 1)


def test_an_empty_list_opens_no_connection(portal, written):
    for cls, arguments, noun in (
        (BindTimelineRecordOperator, {"bindings": []}, "bindings"),
        (UnbindTimelineRecordOperator, {"bindings": []}, "bindings"),
        (BindActivityOperator, {"bindings": "[]"}, "bindings"),
        (UnbindActivityOperator, {"bindings": []}, "bindings"),
        (AddTimelineCommentsOperator, {"rows": "[]"}, "comments"),
        (Bitrix24BatchOperator, {"calls": "[]"}, "calls"),
    ):
        assert run(cls, bitrix24_conn_id="no", **arguments)[1] == []
        assert written().count(f"The list of {noun} is empty: nothing to do.") >= 1
    assert portal.requests == []
