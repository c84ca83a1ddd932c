"""Rows of many things: those that are not valid, columns of the user's own, and tuples of a database."""

from __future__ import annotations

from collections import namedtuple
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from cases import cases
from operator_alone import fails, row, run

from airflow_provider_bitrix24.crm.outcomes import INVALID_INPUT, ItemOutcome
from airflow_provider_bitrix24.crm.rows import InvalidRow
from airflow_provider_bitrix24.crm.timeline.comments import parse_comments
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, NotFoundError
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.rest import Bitrix24BatchOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentsOperator,
    BindTimelineRecordOperator,
    UnbindTimelineRecordOperator,
)


def invalid(description, **names):
    """Return the outcome of a row that is not valid."""
    return {**names, "STATUS": "failed", "ERROR": INVALID_INPUT, "ERROR_DESCRIPTION": description}


NO_ID = "Give a whole number from 1 to 2^63-1, or a text of its digits, such as 7 or '7'."
NULL = "A NULL in the query? Leave such rows out."
NULL_OR_ALL = "A NULL in the query? Leave such rows out, or pass fail_on='all' to do the others."


@pytest.mark.parametrize("fail_on", ["all", "never"])
def test_rows_that_are_not_valid_are_failed_ones_and_the_others_are_done(portal, record, fail_on):
    _, rows, _ = run(
        BindTimelineRecordOperator,
        fail_on=fail_on,
        bindings=[
            (record, "contact", None),
            (record, "contact", 1),
            {"record_id": "12abc", "entity_type": "deal", "entity_id": 3},
            (record, "contact", 3),
            "nonsense",
        ],
    )
    assert rows[0] == invalid(
        f"bindings[0].entity_id: None is not an id. {NULL}",
        OWNER_ID=record, ENTITY_TYPE="contact", ENTITY_ID=None,
    )  # fmt: skip
    assert rows[2] == invalid(
        f"bindings[2].record_id: '12abc' is not an id. {NO_ID}",
        OWNER_ID=None, ENTITY_TYPE="deal", ENTITY_ID=3,
    )  # fmt: skip
    assert rows[4]["OWNER_ID"] is None
    assert rows[4]["ERROR"] == INVALID_INPUT
    assert [rows[1], rows[3]] == [row(record, "contact", 1, "bound"), row(record, "contact", 3, "bound")]


def test_up_to_ten_rows_that_are_not_valid_are_named_before_anything_is_sent(portal, record):
    bad = [(None, "deal", number) for number in range(1, 13)]
    error, pushed = fails(
        BindTimelineRecordOperator, InvalidInputError, bindings=[(record, "contact", 1), *bad]
    )
    for position in range(1, 11):
        assert f"bindings[{position}].record_id: None is not an id" in error.description
    assert error.description.endswith("; 2 more rows are not valid")
    assert "bindings[11]" not in error.description
    assert not pushed
    assert not portal.calls()


@pytest.mark.parametrize(("fail_on", "is_failure"), [("all", True), ("never", False)])
def test_rows_of_which_none_is_valid(portal, fail_on, is_failure):
    arguments = {"bindings": [(None, "deal", 1), (0, "deal", 1)], "fail_on": fail_on}
    if not is_failure:
        _, rows, _ = run(BindActivityOperator, **arguments)
    else:
        error, pushed = fails(BindActivityOperator, InvalidInputError, **arguments)
        rows = pushed["outcomes"]
        assert "2 of 2 failed" in error.description
    assert [(one["ACTIVITY_ID"], one["ERROR"]) for one in rows] == [(None, INVALID_INPUT)] * 2
    assert not portal.calls()


def test_every_kind_of_row_may_be_not_valid(portal, record, call):
    _, rows, _ = run(
        AddTimelineCommentsOperator,
        fail_on="all",
        rows=[{"item": "D_1", "comment": None}, ("deal", 1, "x"), ("dael", 1, "x"), {"item": "D_0"}, 5],
    )
    assert [(one["ENTITY_TYPE"], one["ENTITY_ID"], one["STATUS"]) for one in rows] == [
        ("deal", 1, "failed"), ("deal", 1, "added"), (None, 1, "failed"), (None, None, "failed"),
        (None, None, "failed"),
    ]  # fmt: skip
    _, rows, _ = run(
        Bitrix24BatchOperator,
        fail_on="all",
        calls=[{"method": "crm.deal.get", "params": {"id": None}}, {"method": "server.time"}, {"no": 1}],
    )
    assert [(one["METHOD"], one["STATUS"], one.get("ERROR")) for one in rows] == [
        ("crm.deal.get", "failed", INVALID_INPUT), ("server.time", "done", None),
        (None, "failed", INVALID_INPUT),
    ]  # fmt: skip
    for cls, thing in ((UnbindTimelineRecordOperator, record), (UnbindActivityOperator, call)):
        rows = run(cls, fail_on="all", bindings=[(thing, "contact", 2), (thing, "contact", "x")])[1]
        assert [one["STATUS"] for one in rows] == ["unbound", "failed"]


def test_the_hook_treats_rows_alike(portal, record):
    hook = Bitrix24Hook()
    bindings = [(record, "contact", None), (record, "contact", 1)]
    rows = hook.bind_timeline_records(bindings, fail_on="all")
    assert [one["STATUS"] for one in rows] == ["failed", "bound"]
    with pytest.raises(InvalidInputError, match=r"^bindings\[0\]\.entity_id: None is not an id"):
        hook.bind_timeline_records(bindings)


def test_columns_of_the_users_own_come_back(portal, record, call):
    names = ["invoice", "note"]
    _, rows, _ = run(
        BindTimelineRecordOperator,
        pass_through=names,
        fail_on="all",
        bindings=[
            {"record_id": record, "entity_type": "contact", "entity_id": 1, "invoice": "A-1", "note": [1]},
            {"record_id": None, "entity_type": "contact", "entity_id": 1, "invoice": "A-2"},
            (record, "contact", 3),
        ],
    )
    assert [(one["STATUS"], one["invoice"], one["note"]) for one in rows] == [
        ("bound", "A-1", [1]), ("failed", "A-2", None), ("bound", None, None),
    ]  # fmt: skip
    _, rows, _ = run(
        AddTimelineCommentsOperator,
        pass_through=["invoice"],
        rows=[{"item": "D_1", "comment": "same", "invoice": number} for number in (1, 2)],
    )
    assert [one["invoice"] for one in rows] == [1, 2]
    for cls, name in ((BindActivityOperator, "bound"), (UnbindActivityOperator, "unbound")):
        binding = {"activity_id": call, "entity_type": "contact", "entity_id": 3, "invoice": 5}
        [one] = run(cls, pass_through=["invoice"], bindings=[binding])[1]
        assert (one["STATUS"], one["invoice"]) == (name, 5)


def test_other_unknown_columns_are_refused_without_their_values(portal, record):
    binding = {"record_id": record, "entity_type": "contact", "entity_id": 1, "invoice": "A", "name": "Ann"}
    error, _ = fails(
        BindTimelineRecordOperator, InvalidInputError, pass_through=["invoice"], bindings=[binding]
    )
    assert error.description.endswith("has an unknown key 'name'")
    assert "Ann" not in str(error)


@pytest.mark.parametrize(
    ("value", "returned"),
    [
        (datetime(2026, 5, 4), "2026-05-04T00:00:00"),
        (date(2026, 5, 4), "2026-05-04"),
        (Decimal("1.50"), "1.50"),
        (1.5, 1.5),
        (float("nan"), None),
        (2**70, 2**70),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ((1, {"a": None}), [1, {"a": None}]),
        ("a\x00b", "a\ufffdb"),
    ],
    ids=repr,
)
def test_any_column_comes_back_for_it_is_never_sent(portal, record, value, returned):
    binding = {"record_id": record, "entity_type": "contact", "entity_id": 1, "invoice": value}
    _, rows, _ = run(BindTimelineRecordOperator, pass_through=["invoice"], bindings=[binding])
    assert rows == [{**row(record, "contact", 1, "bound"), "invoice": returned}]


def test_how_to_carry_unknown_columns_into_the_result_is_said(portal, record):
    for columns, passed, hint in (
        (["invoice"], [], "To carry it into the result, pass pass_through=['invoice']."),
        (["invoice", "name"], [], "To carry them into the result, pass pass_through=['invoice', 'name']."),
        (
            ["invoice", "name"],
            ["name"],
            "To carry it into the result, pass pass_through=['name', 'invoice'].",
        ),
    ):
        values = dict.fromkeys(columns, "x")
        binding = {"record_id": record, "entity_type": "contact", "entity_id": 1, **values}
        comment = {"item": ("deal", 1), "comment": "x", **values}
        for cls, rows in (
            (BindTimelineRecordOperator, {"bindings": [binding]}),
            (AddTimelineCommentsOperator, {"rows": [comment]}),
        ):
            error, _ = fails(cls, InvalidInputError, pass_through=passed, **rows)
            assert error.remedy.startswith("Known are ")
            assert error.remedy.endswith(f". {hint}")


def test_passing_through_is_not_advised_where_it_cannot_help(portal, record):
    unknown = {"record_id": record, "entity_type": "contact", "entity_id": 1, "invoice": "A"}
    with pytest.raises(InvalidInputError) as by_hook:
        Bitrix24Hook().bind_timeline_records([unknown])
    inside = {"item": {"entity_type": "deal", "entity_id": 1, "invoice": "A"}, "comment": "x"}
    in_item, _ = fails(AddTimelineCommentsOperator, InvalidInputError, rows=[inside])
    taken = {"record_id": record, "activity_id": 1, "entity_type": "contact", "entity_id": 1}
    of_another_kind, _ = fails(BindTimelineRecordOperator, InvalidInputError, bindings=[taken])
    call, _ = fails(
        Bitrix24BatchOperator, InvalidInputError, calls=[{"method": "server.time", "invoice": "A"}]
    )
    for error in (by_hook.value, in_item, of_another_kind, call):
        assert "unknown" in error.description
        assert "pass_through" not in error.remedy


def test_a_tuple_that_is_too_long_is_told_by_its_length(portal, record):
    for cls, argument, row_, names in (
        (AddTimelineCommentsOperator, "rows", ("deal", 1, "x", "INV-17"), "entity_type, entity_id, comment"),
        (
            BindTimelineRecordOperator,
            "bindings",
            (record, "deal", 1, "INV-17"),
            "record_id, entity_type, entity_id",
        ),
        (BindActivityOperator, "bindings", (7, "deal", 1, "INV-17"), "activity_id, entity_type, entity_id"),
    ):
        error, _ = fails(cls, InvalidInputError, **{argument: [row_]})
        assert error.description == f"{argument}[0] is a tuple of 4 values; give ({names})"
        assert error.remedy == "For more columns give mappings, and pass_through=[...]."
    with pytest.raises(InvalidInputError) as by_hook:
        Bitrix24Hook().bind_timeline_records([(record, "deal", 1, "INV-17")])
    assert by_hook.value.remedy == "Leave the other values out."


def test_a_null_in_a_row_is_told_as_one_of_the_query(portal, record):
    for cls, rows, problem in (
        (
            BindTimelineRecordOperator,
            {"bindings": [(record, "contact", None)]},
            "bindings[0].entity_id: None is not an id",
        ),
        (
            BindActivityOperator,
            {"bindings": [(None, "contact", 1)]},
            "bindings[0].activity_id: None is not an id",
        ),
        (AddTimelineCommentsOperator, {"rows": [("deal", 1, None)]}, "rows[0].comment: None is not a text"),
    ):
        error, _ = fails(cls, InvalidInputError, **rows)
        assert (error.description, error.remedy) == (problem, NULL_OR_ALL)


@cases(
    ("value", "problem"),
    [
        ("invoice", "pass_through: 'invoice' is not a list of columns"),
        ([5], "pass_through: [5] is not a list of columns"),
        (["OWNER_ID"], "pass_through: 'OWNER_ID' is a name that rows and outcomes use themselves"),
        (["STATUS"], "pass_through: 'STATUS' is a name that rows and outcomes use themselves"),
    ],
)
def test_what_cannot_be_passed_through(value, problem):
    with pytest.raises(InvalidInputError) as caught:
        BindTimelineRecordOperator(task_id="t", bindings=[], pass_through=value)
    assert caught.value.description == problem


def test_tuples_of_a_database_are_rows(portal, record):
    columns = namedtuple("columns", ["a", "b", "c"])
    _, rows, _ = run(BindTimelineRecordOperator, bindings=[columns(record, "contact", 1)])
    assert rows == [row(record, "contact", 1, "bound")]
    _, rows, _ = run(AddTimelineCommentsOperator, rows=[columns("deal", 1, "one"), ["deal", 1, "two"]])
    assert [one["STATUS"] for one in rows] == ["added", "added"]
    assert [comment.text for comment in portal.comments("deal", 1)][-2:] == ["one", "two"]


def test_outcomes_of_rows_that_are_all_invalid_are_pushed(portal, record):
    """Also where the error names the task that the rows came from."""
    bindings = [(record, "contact", None), (record, "dael", 1)]
    error, pushed = fails(BindTimelineRecordOperator, InvalidInputError, bindings=bindings, fail_on="all")
    assert [one["ERROR"] for one in pushed["outcomes"]] == [INVALID_INPUT] * 2
    assert error.but(remedy="x").outcomes == error.outcomes != ()


def test_a_failed_row_is_told_by_its_position_among_all_rows():
    rows = parse_comments([("deal", None, "x"), ("deal", 1, "y")], "rows", keep_invalid=True)
    error = NotFoundError("no")
    invalid_row, failed = rows.complete([ItemOutcome(InvalidRow({}), "failed", error, "rows[0] of two")])
    assert invalid_row.error.description.startswith("rows[0].entity_id: ")
    assert failed.place == "rows[1] of two"
