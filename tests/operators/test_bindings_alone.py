"""The operators for bindings executed on their own: what they return, log, link to and push, flag by flag."""

from __future__ import annotations

import re

import pytest
from operator_alone import GONE, card, fails, row, run

from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    Bitrix24Error,
    InvalidInputError,
    NotFoundError,
    RejectedError,
)
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.timeline import (
    BindTimelineRecordOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
)

LIST, BIND, UNBIND = (f"crm.timeline.bindings.{verb}" for verb in ("list", "bind", "unbind"))


def test_bind(portal, record, written):
    operator, rows, pushed = run(
        BindTimelineRecordOperator, bindings=[[record, "company", 1], [record, "deal", 1]]
    )
    assert rows == [row(record, "company", 1, "bound"), row(record, "deal", 1, "already_bound")]
    assert pushed == {}
    assert operator.card_address == card(portal, "company", 1)
    assert f"Timeline record {record} now shows on company 1; it was already on deal 1." in written()


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
    assert "2 bindings: 1 already bound, 1 failed." in written()
    error, _ = fails(BindTimelineRecordOperator, NotFoundError, bindings=bindings[1:], fail_on="all")
    assert run(BindTimelineRecordOperator, bindings=bindings[1:], fail_on="never")[1] == list(error.outcomes)


def test_bind_to_what_is_connected(portal, record, written):
    deal = portal.add_item("deal", {"CONTACT_ID": 3, "COMPANY_ID": 1})
    operator, rows, _ = run(BindTimelineRecordOperator, record_id=str(record), related_to=("deal", deal))
    assert rows == [row(record, "company", 1, "bound"), row(record, "contact", 3, "bound")]
    assert f"deal {deal} is connected with company 1 and contact 3." in written()
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
    line = f"Timeline record {record} no longer shows on contact 2; it was not on company 7."
    assert line in written()


def test_unbind_flags(portal, record, written):
    last = {"bindings": [[record, "contact", 2], [record, "deal", 1]]}
    missing = {"bindings": [[record, "company", 7]]}
    assert fails(UnbindTimelineRecordOperator, RejectedError, **last)[0].code == "LAST_BINDING"
    fails(UnbindTimelineRecordOperator, NotFoundError, missing_ok=False, **missing)
    fails(UnbindTimelineRecordOperator, NotFoundError, missing_ok=False, keep_last=False, **missing)
    _, rows, _ = run(UnbindTimelineRecordOperator, keep_last=False, **missing)
    assert rows == [row(record, "company", 7, "not_bound")]
    run(UnbindTimelineRecordOperator, fail_on="never", **last)
    assert "2 bindings: 2 failed." in written()
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
    line = f"Timeline record {record} now shows on contact 3; it was already on deal 1; "
    assert f"{line}it no longer shows on contact 2." in written()


def test_set_that_fails_in_part(portal, record, written):
    portal.inject("false", BIND, params={"fields": {"ENTITY_ID": 3}}, times=None)
    arguments = {"record_id": record, "items": ["C_3", "C_4"]}
    _, pushed = fails(SetTimelineBindingsOperator, Bitrix24Error, **arguments)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["failed", "bound"]
    _, rows, _ = run(SetTimelineBindingsOperator, fail_on="all", **arguments)
    assert [entry["STATUS"] for entry in rows] == ["failed", "already_bound"]
    assert "2 bindings: 1 failed, 1 already bound." in written()
    assert ("deal", 1) in portal.bindings(record)


def test_set_where_somebody_else_takes_it_away(portal, record, written):
    portal.inject("delay", UNBIND, seconds=0.2)
    portal.inject("error", UNBIND, code="NOT_FOUND", status=404, description="Binding not found")
    _, rows, _ = run(SetTimelineBindingsOperator, record_id=record, items=["D_1"])
    assert rows == [row(record, "deal", 1, "already_bound"), row(record, "contact", 2, "not_bound")]
    assert f"Timeline record {record} was already on deal 1; it was not on contact 2." in written()


def test_move(portal, record, written):
    arguments = {"record_id": str(record), "source": "D_1", "target": "L_1"}
    operator, result, _ = run(MoveTimelineRecordOperator, **arguments)
    assert result == row(record, "lead", 1, "moved")
    assert operator.card_address == card(portal, "lead", 1)
    assert f"Timeline record {record} moved from deal 1 to lead 1." in written()
    assert run(MoveTimelineRecordOperator, **arguments)[1] == row(record, "lead", 1, "already_moved")
    assert f"Timeline record {record} was on lead 1 already." in written()
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
    assert rows == [
        {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 1},
        {"OWNER_ID": record, "ENTITY_TYPE": "contact", "ENTITY_ID": 2},
    ]
    assert operator.card_address == card(portal, "deal", 1)
    assert f"Timeline record {record} shows on 2 items." in written()


def test_list_of_what_does_not_exist(portal):
    fails(ListTimelineBindingsOperator, NotFoundError, record_id=GONE)
    operator, rows, _ = run(ListTimelineBindingsOperator, record_id=GONE, check_record=False)
    assert (rows, operator.card_address) == ([], "")


def test_bind_activities(portal, call, written):
    bindings = [[call, "company", 1], [call, "deal", 1]]
    operator, rows, _ = run(BindActivityOperator, bindings=bindings)
    assert rows == [
        {"ACTIVITY_ID": call, "ENTITY_TYPE": "company", "ENTITY_ID": 1, "STATUS": "bound"},
        {"ACTIVITY_ID": call, "ENTITY_TYPE": "deal", "ENTITY_ID": 1, "STATUS": "already_bound"},
    ]
    assert operator.card_address == card(portal, "company", 1)
    assert f"Activity {call} now shows on company 1; it was already on deal 1." in written()
    _, rows, _ = run(BindActivityOperator, activity_id=str(call), entity_type="Lead", entity_id="1")
    assert [entry["STATUS"] for entry in rows] == ["bound"]
    bindings = [[GONE, "deal", 1], [call, "deal", 1]]
    _, pushed = fails(BindActivityOperator, NotFoundError, bindings=bindings)
    assert [entry["STATUS"] for entry in pushed["outcomes"]] == ["failed", "already_bound"]
    run(BindActivityOperator, bindings=bindings, fail_on="all")
    assert "2 bindings: 1 failed, 1 already bound." in written()


def test_unbind_activities(portal, call, written):
    missing = {"bindings": [[call, "lead", 1]]}
    fails(UnbindActivityOperator, NotFoundError, missing_ok=False, **missing)
    bindings = [[call, "contact", 2], [call, "lead", 1]]
    operator, rows, _ = run(UnbindActivityOperator, bindings=bindings)
    assert [entry["STATUS"] for entry in rows] == ["unbound", "not_bound"]
    assert operator.card_address == card(portal, "contact", 2)
    assert f"Activity {call} no longer shows on contact 2; it was not on lead 1." in written()
    last = [[call, "deal", 1], *missing["bindings"]]
    error, _ = fails(UnbindActivityOperator, RejectedError, bindings=last)
    assert error.code == "LAST_BINDING_CANNOT_BE_DELETED"
    run(UnbindActivityOperator, bindings=last, fail_on="all")
    assert "2 bindings: 1 failed, 1 not bound." in written()


def test_transfer(portal, record, call, written):
    operator, rows, _ = run(TransferTimelineOperator, source="D_1", target="L_1", mode="share")
    assert {(entry["KIND"], entry["ID"], entry["STATUS"]) for entry in rows} >= {
        ("comment", record, "shared"),
        ("activity", call, "shared"),
    }
    assert operator.card_address == card(portal, "lead", 1)
    count = len(rows)
    assert f"{count} comments and activities: {count} shared." in written()
    run(TransferTimelineOperator, source="D_1", target="L_1")
    assert f"{count} comments and activities: {count} already shared." in written()
    run(TransferTimelineOperator, source="D_1", target="L_1", mode="move")
    assert f"{count} comments and activities: {count} moved." in written()
    run(TransferTimelineOperator, source="D_1", target="L_1", mode="move")
    assert "0 comments and activities." in written()


def test_transfer_that_fails_in_part(portal, record, call, written):
    portal.inject("false", BIND, times=None)
    arguments = {"source": "D_1", "target": "L_1"}
    _, pushed = fails(TransferTimelineOperator, Bitrix24Error, **arguments)
    assert {entry["STATUS"] for entry in pushed["outcomes"]} == {"shared", "failed"}
    run(TransferTimelineOperator, fail_on="all", **arguments)
    assert re.search(r"\d+ comments and activities: \d+ failed, \d+ already shared\.", written())


@pytest.mark.parametrize("kinds", [["comments"], ["activities"], '["activities"]'])
def test_transfer_of_one_kind(portal, record, call, kinds):
    _, rows, _ = run(TransferTimelineOperator, source="D_1", target="L_1", kinds=kinds)
    assert {entry["KIND"] for entry in rows} == {"comment" if "comments" in kinds else "activity"}
