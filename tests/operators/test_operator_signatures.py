"""What every operator takes: its fields that are rendered, its defaults, and where a bad value came from."""

from __future__ import annotations

import re

import pytest
from airflow.sdk import DAG, BaseOperator
from cases import cases
from operator_alone import context_of

from airflow_provider_bitrix24.hooks.errors import BITRIX24_RETRY_POLICY, InvalidInputError
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.bulk import BulkOperator
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.operators.items import SetProductRowsOperator
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

RECORD = {"record_id": 1, "entity_type": "deal", "entity_id": 1}
ACTIVITY = {"activity_id": 1, "entity_type": "deal", "entity_id": 1}
PARTS = {"entity_type": "deal", "entity_id": 1}
TEXT = {"title": "T", "text": "x"}
ENDS = {"source": "L_1", "target": "D_1"}
GET = {"method": "crm.deal.get", "api_params": {"id": 1}}

#: every operator, with arguments that are right
OPERATORS = {
    BindTimelineRecordOperator: [
        RECORD,
        {"record_id": 1, "item": "D_1"},
        {"bindings": []},
        {"record_id": 1, "related_to": "D_1"},
    ],
    UnbindTimelineRecordOperator: [RECORD, {"record_id": 1, "item": "D_1"}, {"bindings": []}],
    SetTimelineBindingsOperator: [{"record_id": 1, "items": ["D_1"]}],
    MoveTimelineRecordOperator: [{"record_id": 1, **ENDS}],
    ListTimelineBindingsOperator: [{"record_id": 1}],
    AddTimelineCommentOperator: [
        {"item": "D_1", "comment": "x", "files": [], "bind_to": ["D_2"]},
        {**PARTS, "comment": "x"},
    ],
    AddTimelineCommentsOperator: [{"rows": []}],
    UpdateTimelineCommentOperator: [
        {"record_id": 1, "comment": "x", "files": [], "item": "D_1"},
        {"record_id": 1, "comment": "x", **PARTS},
    ],
    DeleteTimelineCommentOperator: [{"record_id": 1, "item": "D_1"}, {"record_id": 1, **PARTS}],
    AddTimelineLogMessageOperator: [{"item": "D_1", "icon_code": "info", **TEXT}, {**PARTS, **TEXT}],
    BindActivityOperator: [ACTIVITY, {"activity_id": 1, "item": "D_1"}, {"bindings": []}],
    UnbindActivityOperator: [ACTIVITY, {"activity_id": 1, "item": "D_1"}, {"bindings": []}],
    TransferTimelineOperator: [{**ENDS, "kinds": ["comments"], "mode": "share"}],
    SetProductRowsOperator: [{"entity_type": "deal", "rows": [], "owner_ids": [1]}],
    Bitrix24CallOperator: [GET],
    Bitrix24ListOperator: [{**GET, "output_path": "/nowhere/a.jsonl"}],
    Bitrix24BatchOperator: [{"calls": []}],
}
EVERY = [(cls, arguments) for cls, lists in OPERATORS.items() for arguments in lists]
BULK = [cls for cls in OPERATORS if issubclass(cls, BulkOperator)]
DEFERRING = [cls for cls in OPERATORS if issubclass(cls, DeferringOperator)]


def name_of(value):
    return value.__name__ if isinstance(value, type) else None


@cases("cls", OPERATORS)
def test_what_is_rendered(cls):
    """A field for each argument that may come from a task, shown as JSON where it may be a list or more."""
    arguments = {name for given in OPERATORS[cls] for name in given}
    assert set(cls.template_fields) == {*arguments, "bitrix24_conn_id"}
    assert len(cls.template_fields) == len(set(cls.template_fields))
    structured = {
        "api_params", "bindings", "bind_to", "calls", "files", "item", "items", "kinds", "owner_ids",
        "related_to", "rows", "source", "target",
    }  # fmt: skip
    assert cls.template_fields_renderers == dict.fromkeys(arguments & structured, "json")


@cases(("cls", "arguments"), EVERY)
def test_an_argument_is_kept_as_it_was_given(cls, arguments):
    operator = cls(task_id="t", bitrix24_conn_id="mine", **arguments)
    assert operator.task_id == "t"
    assert {name: getattr(operator, name) for name in arguments} == arguments
    left_out = set(cls.template_fields) - {*arguments, "bitrix24_conn_id", "icon_code"}
    assert {name: getattr(operator, name) for name in left_out} == dict.fromkeys(left_out)
    assert operator.hook.bitrix24_conn_id == "mine"


@cases(("cls", "arguments"), EVERY)
def test_defaults(cls, arguments):
    operator = cls(task_id="t", **arguments)
    assert operator.bitrix24_conn_id == "bitrix24_default"
    if BITRIX24_RETRY_POLICY is not None:  # from Airflow 3.3 up
        assert operator.retry_policy is BITRIX24_RETRY_POLICY
    if cls in BULK:
        in_flight = 1 if cls is Bitrix24BatchOperator else 20
        assert (operator.fail_on, operator.max_in_flight) == ("any", in_flight)
    if cls in DEFERRING:
        assert (operator.deferrable, operator.max_wait_in_worker) == (False, 60.0)


@cases(
    ("cls", "arguments", "expected"),
    [
        (BindTimelineRecordOperator, RECORD, {"check_record": True, "check_item": True}),
        (AddTimelineCommentOperator, {"item": "D_1", "comment": "x"}, {"check_item": True}),
        (AddTimelineCommentsOperator, {"rows": []}, {"check_item": True}),
        (UnbindTimelineRecordOperator, RECORD, {"missing_ok": True, "keep_last": True}),
        (ListTimelineBindingsOperator, {"record_id": 1}, {"check_record": True}),
        (DeleteTimelineCommentOperator, {"record_id": 1}, {"missing_ok": True}),
        (AddTimelineLogMessageOperator, {"item": "D_1", **TEXT}, {"icon_code": "info", "check_item": True}),
        (UnbindActivityOperator, ACTIVITY, {"missing_ok": True}),
        (SetProductRowsOperator, {"entity_type": "deal", "rows": []}, {"skip_unchanged": True}),
        (TransferTimelineOperator, ENDS, {"kinds": ("comments", "activities"), "mode": "share"}),
        (Bitrix24CallOperator, GET, {"repeatable": None, "check_fields": True}),
        (Bitrix24BatchOperator, {"calls": []}, {"check_fields": True}),
        (Bitrix24ListOperator, GET, {"max_rows": 1000, "output_path": None, "check_fields": True}),
        (Bitrix24ListOperator, {"method": "crm.deal.list"}, {"api_params": None}),
    ],
)
def test_defaults_of_its_own(cls, arguments, expected):
    operator = cls(task_id="t", **arguments)
    assert {name: getattr(operator, name) for name in expected} == expected


@cases("cls", BULK)
def test_what_all_that_act_on_many_items_take(cls):
    operator = cls(task_id="t", fail_on="never", max_in_flight=3, **OPERATORS[cls][0])
    assert (operator.fail_on, operator.max_in_flight) == ("never", 3)
    with pytest.raises(InvalidInputError, match=r"^fail_on: 'some' is none of any, all, never"):
        cls(task_id="t", fail_on="some", **OPERATORS[cls][0])
    with pytest.raises(InvalidInputError, match=r"^max_in_flight: 21 is not a whole number from 1 to 20"):
        cls(task_id="t", max_in_flight=21, **OPERATORS[cls][0])


@pytest.mark.parametrize("cls", DEFERRING, ids=name_of)
def test_what_all_that_defer_take(cls, monkeypatch):
    arguments = OPERATORS[cls][0]
    operator = cls(task_id="t", deferrable=True, max_wait_in_worker=5, **arguments)
    assert (operator.deferrable, operator.max_wait_in_worker) == (True, 5)
    for value in (True, "5", None):
        problem = re.escape(f"max_wait_in_worker: {value!r} is not a number of seconds")
        with pytest.raises(InvalidInputError, match=f"^{problem}"):
            cls(task_id="t", max_wait_in_worker=value, **arguments)
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert cls(task_id="t", **arguments).deferrable is True
    assert cls(task_id="t", deferrable=False, **arguments).deferrable is False


@cases(
    ("cls", "name"),
    [
        (BindTimelineRecordOperator, "check_record"),
        (BindTimelineRecordOperator, "check_item"),
        (AddTimelineCommentOperator, "check_item"),
        (AddTimelineCommentsOperator, "check_item"),
        (AddTimelineLogMessageOperator, "check_item"),
        (Bitrix24CallOperator, "check_fields"),
        (Bitrix24ListOperator, "check_fields"),
        (Bitrix24BatchOperator, "check_fields"),
        (UnbindTimelineRecordOperator, "missing_ok"),
        (UnbindTimelineRecordOperator, "keep_last"),
        (ListTimelineBindingsOperator, "check_record"),
        (DeleteTimelineCommentOperator, "missing_ok"),
        (UnbindActivityOperator, "missing_ok"),
        (SetProductRowsOperator, "skip_unchanged"),
    ],
)
def test_flags(cls, name):
    arguments = OPERATORS[cls][0]
    assert getattr(cls(task_id="t", **{name: False}, **arguments), name) is False
    for value in (0, 1, "no", None):
        with pytest.raises(InvalidInputError, match=f"^{name}: {value!r} is neither True nor False"):
            cls(task_id="t", **{name: value}, **arguments)


BY_PARTS = [
    (BindTimelineRecordOperator, RECORD, "bindings", []),
    (UnbindTimelineRecordOperator, RECORD, "bindings", []),
    (BindActivityOperator, ACTIVITY, "bindings", []),
    (UnbindActivityOperator, ACTIVITY, "bindings", []),
    (AddTimelineCommentOperator, PARTS, "item", "D_1"),
    (AddTimelineLogMessageOperator, PARTS, "item", "D_1"),
]


@cases(("cls", "parts", "other", "whole"), BY_PARTS)
def test_parts_or_the_whole(cls, parts, other, whole):
    """Each part is needed, unless the whole is given, and then none."""
    rest = {} if other == "bindings" else {"comment": "x"} if cls is AddTimelineCommentOperator else TEXT
    *first, last = parts
    remedy = f"Give {', '.join(first)} and {last}, or {other}."
    for name in parts:
        given = {key: value for key, value in parts.items() if key != name}
        with pytest.raises(InvalidInputError) as caught:
            cls(task_id="t", **given, **rest)
        assert (caught.value.description, caught.value.remedy) == (f"{name}: it is not given", remedy)
        with pytest.raises(InvalidInputError) as caught:
            cls(task_id="t", **{name: parts[name], other: whole}, **rest)
        assert caught.value.description == f"{other} and {name}: both are given"
        assert caught.value.remedy == remedy
    with pytest.raises(InvalidInputError) as caught:
        cls(task_id="t", **rest)
    assert caught.value.description == f"{next(iter(parts))}: it is not given"


#: for each argument a value that no task should have passed, where it is not 7
BAD = {
    "method": "a/b",
    "mode": "copy",
    "record_id": "x",
    "activity_id": "x",
    "entity_id": "x",
    **dict.fromkeys(("comment", "title", "text", "icon_code"), " "),
}
TRACED = [
    (cls, arguments, name)
    for cls, arguments in EVERY
    for name in arguments
    if (cls, name) != (Bitrix24ListOperator, "method")  # nobody passes that, and the path is looked at first
]


@cases(("cls", "arguments", "name"), TRACED)
def test_a_bad_value_is_traced_to_its_task(portal, cls, arguments, name):
    with DAG(f"traced_{cls.__name__}_{name}"):
        source = BaseOperator(task_id="upstream")
        other = BaseOperator(task_id="other")
        good = next((key for key in arguments if key != name), None)
        passed = {name: source.output, **({good: other.output} if good else {})}
        operator = cls(task_id="t", **{**arguments, **passed})
    for key in passed:
        setattr(operator, key, BAD.get(key, 7) if key == name else arguments[key])
    with pytest.raises(InvalidInputError) as caught:
        operator.execute(context_of())
    assert re.match(rf"{name}[:.\[]", caught.value.description), caught.value
    assert caught.value.remedy.endswith("The value came from task 'upstream'.")
    assert portal.requests == []


@cases(("cls", "arguments", "name"), TRACED)
def test_a_bad_value_from_nowhere_is_traced_to_nothing(portal, cls, arguments, name):
    operator = cls(task_id="t", **arguments)
    setattr(operator, name, BAD.get(name, 7))
    with pytest.raises(InvalidInputError) as caught:
        operator.execute(context_of())
    assert "came from" not in str(caught.value)
    assert portal.requests == []


def one_of_many(mapped, arguments):
    """Return one task of a mapping as it is executed."""
    with DAG("mapped") as dag:
        source = BaseOperator(task_id="upstream")
        mapped(source.output)
    return dag.task_dict["t"].unmap(arguments)


def refusal_of(operator):
    with pytest.raises(InvalidInputError) as caught:
        operator.execute(context_of())
    return str(caught.value)


@pytest.mark.parametrize(
    ("cls", "rest", "name"),
    [
        (AddTimelineCommentOperator, {"item": "D_1", "comment": "x"}, "files"),
        (AddTimelineCommentOperator, {"item": "D_1", "comment": "x"}, "bind_to"),
        (UpdateTimelineCommentOperator, {"record_id": 1, "comment": "x"}, "files"),
        (UpdateTimelineCommentOperator, {"record_id": 1, "comment": "x"}, "item"),
        (DeleteTimelineCommentOperator, {"record_id": 1}, "item"),
    ],
)
def test_an_optional_argument_that_a_mapped_task_was_given_does_not_become_nothing(portal, cls, rest, name):
    def mapped(output):
        cls.partial(task_id="t").expand_kwargs(output)

    message = refusal_of(one_of_many(mapped, {**rest, name: None}))
    assert message.startswith(f"{name}: it was given, but is None now. ")
    assert message.endswith("The value came from task 'upstream'.")
    assert portal.requests == []
    # left out as None in a DAG file, it is simply not there
    left_out = cls(task_id="t", **rest, **{name: None})
    setattr(left_out, "record_id" if "record_id" in rest else "comment", " ")
    assert "it was given" not in refusal_of(left_out)


@pytest.mark.parametrize(
    ("cls", "rest", "name"),
    [
        (AddTimelineCommentOperator, {"item": "D_1", "comment": "x"}, "files"),
        (AddTimelineCommentOperator, {"item": "D_1", "comment": "x"}, "bind_to"),
        (UpdateTimelineCommentOperator, {"record_id": 1, "comment": "x"}, "files"),
        (UpdateTimelineCommentOperator, {"record_id": 1, "comment": "x"}, "item"),
        (DeleteTimelineCommentOperator, {"record_id": 1}, "item"),
    ],
)
def test_an_optional_argument_whose_template_rendered_nothing_is_refused(portal, cls, rest, name):
    operator = cls(task_id="t", **rest, **{name: "{{ nothing }}"})
    setattr(operator, name, None)
    assert refusal_of(operator).startswith(f"{name}: it was given, but is None now. ")
    assert portal.requests == []


def test_what_is_mapped_comes_from_its_task_and_what_is_not_from_nowhere(portal):
    def mapped(output):
        DeleteTimelineCommentOperator.partial(task_id="t", record_id="x").expand(item=output)

    assert "came from" not in refusal_of(one_of_many(mapped, {"item": "D_1"}))

    def all_mapped(output):
        DeleteTimelineCommentOperator.partial(task_id="t", item="x").expand(record_id=output)

    message = refusal_of(one_of_many(all_mapped, {"record_id": "x"}))
    assert message.startswith("record_id: 'x' is not an id.")
    assert message.endswith("The value came from task 'upstream'.")
