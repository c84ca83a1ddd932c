from __future__ import annotations

import json

import numpy
import pytest
from bad_values import BAD_IDS, BAD_TYPES
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.ids import shown
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline_bindings import (
    TimelineBinding,
    bindings_call,
    bound_items,
    comment_call,
    parse_bindings,
    record_call,
)
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

_BINDING = TimelineBinding(5, CrmItem("deal", 10))
_IDS = st.integers(1, 2**63 - 1)
_BINDINGS = st.builds(
    TimelineBinding, _IDS, st.builds(CrmItem, st.sampled_from(["deal", "lead", "dynamic_1042"]), _IDS)
)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, id=shown(value))
        for value in [
            (5, "deal", 10),
            ["5", "DEAL", "10"],
            (numpy.int64(5), "deal", numpy.int32(10)),
            {"record_id": 5, "entity_type": "deal", "entity_id": 10},
            {"OWNER_ID": "5", "ENTITY_TYPE": "deal", "ENTITY_ID": "10"},
            {"OWNER_ID": 5, "entity_type": "deal", "ENTITY_ID": 10},
            {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 10, "STATUS": "bound"},
            {
                "OWNER_ID": 5,
                "ENTITY_TYPE": "deal",
                "ENTITY_ID": 10,
                "STATUS": "failed",
                "ERROR": "X",
                "ERROR_DESCRIPTION": "x",
            },
            _BINDING,
        ]
    ],
)
def test_a_binding(value):
    assert TimelineBinding.parse(value) == _BINDING


@pytest.mark.parametrize(
    "value", [None, 5, "", "5", (), (5, "deal"), (5, "deal", 10, 1), {5, 10}, (5, ("deal", 10))], ids=shown
)
def test_no_binding(value):
    with pytest.raises(InvalidInputError) as caught:
        TimelineBinding.parse(value, "bindings[2]")
    assert str(caught.value).startswith(
        f"bindings[2]: {shown(value)} is not a binding. Give it as (record_id"
    )


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({"record_id": 5, "entity_type": "deal"}, "has no 'entity_id'"),
        ({"entity_type": "deal", "entity_id": 10}, "has no 'record_id'"),
        ({}, "has no 'record_id'"),
        (
            {"record_id": 5, "OWNER_ID": 5, "entity_type": "deal", "entity_id": 10},
            "has both 'record_id' and 'OWNER_ID'",
        ),
        ({"record_id": 5, "entity_type": "deal", "entity_id": 10, "note": ""}, "has an unknown key 'note'"),
    ],
)
def test_a_mapping_that_is_no_binding(mapping, problem):
    with pytest.raises(InvalidInputError) as caught:
        TimelineBinding.parse(mapping, "bindings[0]")
    assert str(caught.value).startswith("bindings[0]: {")
    assert problem in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("value", BAD_IDS)
@pytest.mark.parametrize("field", ["record_id", "entity_id"])
def test_a_binding_with_a_bad_id(field, value):
    good = {"record_id": 5, "entity_type": "deal", "entity_id": 10}
    for row in ({**good, field: value}, tuple({**good, field: value}.values())):
        with pytest.raises(InvalidInputError) as caught:
            parse_bindings([good, row])
        assert str(caught.value).startswith(f"bindings[1].{field}: {shown(value)} is not an id")


@pytest.mark.parametrize("value", BAD_TYPES)
def test_a_binding_with_a_bad_type(value):
    with pytest.raises(InvalidInputError) as caught:
        TimelineBinding.of(5, value, 10)
    assert str(caught.value).startswith(f"entity_type: {shown(value)} is not a type")


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([(5, "deal", 10)], id="list"),
        pytest.param(((5, "deal", 10),), id="tuple"),
        pytest.param({(5, "deal", 10)}, id="set"),
        pytest.param('[[5, "deal", "10"]]', id="JSON of lists"),
        pytest.param(' [{"OWNER_ID": "5", "ENTITY_TYPE": "deal", "ENTITY_ID": 10}]\n', id="JSON of mappings"),
    ],
)
def test_a_list(value):
    assert parse_bindings(value) == [_BINDING]


def test_an_iterator():
    assert parse_bindings(iter([(5, "deal", 10)])) == [_BINDING]


@pytest.mark.parametrize("value", [[], (), "[]"], ids=repr)
def test_an_empty_list(value):
    assert parse_bindings(value) == []


def test_duplicates_stay_for_those_who_report_on_each():
    assert parse_bindings([(5, "deal", 10), ("5", "DEAL", "10")]) == [_BINDING, _BINDING]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "None is not a list of bindings"),
        (5, "5 is not a list of bindings"),
        (b"[]", "b'[]' is not a list of bindings"),
        ({"record_id": 5, "entity_type": "deal", "entity_id": 10}, "is not a list of bindings"),
        ('{"record_id": 5}', "is not a list of bindings"),
        ("5", "'5' is not a list of bindings"),
        ("null", "'null' is not a list of bindings"),
        ('"text"', "is not a list of bindings"),
        ("", "'' is not a JSON list"),
        ("None", "'None' is not a JSON list"),
        ("[(5, 'deal', 10)]", "is not a JSON list"),
        ("[" * 100_000, "is not a JSON list"),
        ("[[5,", "is not a JSON list"),
    ],
    ids=lambda value: shown(value)[:30],
)
def test_no_list(value, problem):
    with pytest.raises(InvalidInputError) as caught:
        parse_bindings(value)
    assert str(caught.value).startswith("bindings: ")
    assert problem in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "shown_id"),
    [
        ('[[12.7, "deal", 10]]', "'12.7'"),
        ('[[7.0, "deal", 10]]', "'7.0'"),
        ('[[1e3, "deal", 10]]', "'1e3'"),
        ('[[9223372036854775808, "deal", 10]]', "9223372036854775808"),
        ('[[NaN, "deal", 10]]', "nan"),
        ('[[true, "deal", 10]]', "True"),
        ('[[null, "deal", 10]]', "None"),
    ],
)
def test_a_bad_number_in_json(text, shown_id):
    with pytest.raises(InvalidInputError) as caught:
        parse_bindings(text)
    assert str(caught.value).startswith(f"bindings[0].record_id: {shown_id} is not an id")


@given(_BINDINGS)
def test_fields_are_a_binding_again(binding):
    assert TimelineBinding.parse(binding.fields()) == binding
    assert parse_bindings(json.dumps([binding.fields()])) == [binding]
    assert TimelineBinding.of(binding.record_id, *vars(binding.item).values()) == binding


# ---------------------------------------------------------------- calls


def test_calls():
    assert _BINDING.bind_call().method == "crm.timeline.bindings.bind"
    assert _BINDING.bind_call().params == {
        "fields": {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 10},
    }
    assert _BINDING.bind_call().may_repeat
    assert bindings_call(5).params == {"filter": {"OWNER_ID": 5}}
    assert record_call(5).params == {"id": 5}
    comment = comment_call(CrmItem("deal", 10), " text ")
    assert comment.params == {"fields": {"ENTITY_TYPE": "deal", "ENTITY_ID": 10, "COMMENT": " text "}}
    assert not comment.may_repeat
    assert str(_BINDING) == "record 5 on deal 10"


@pytest.mark.parametrize("comment", ["", "  \n", None, 7, ["text"], b"text"], ids=repr)
def test_a_comment_without_text(comment):
    with pytest.raises(InvalidInputError, match=r"comment: .* is not a text"):
        comment_call(CrmItem("deal", 10), comment)


# ---------------------------------------------------------------- what the portal says


@pytest.mark.parametrize(
    ("rows", "items"),
    [
        ([], set()),
        ([{"OWNER_ID": "5", "ENTITY_ID": "10", "ENTITY_TYPE": "deal"}], {("deal", 10)}),
        ([{"OWNER_ID": 5, "ENTITY_ID": 10, "ENTITY_TYPE": "DEAL"}], {("deal", 10)}),
        ([{"OWNER_ID": "5", "ENTITY_ID": "6", "ENTITY_TYPE": ""}], {("", 6)}),
        ([{"OWNER_ID": "5", "ENTITY_ID": "6", "ENTITY_TYPE": None}], {("", 6)}),
    ],
    ids=["none", "texts", "numbers", "a type without name", "no type"],
)
def test_rows_of_bindings(rows, items):
    assert bound_items(5, rows) == items


@pytest.mark.parametrize(
    "row",
    [
        None,
        "deal",
        True,
        {},
        {"OWNER_ID": "6", "ENTITY_ID": "10", "ENTITY_TYPE": "deal"},
        {"OWNER_ID": "5", "ENTITY_TYPE": "deal"},
        {"OWNER_ID": "5", "ENTITY_ID": "x", "ENTITY_TYPE": "deal"},
        {"OWNER_ID": "5", "ENTITY_ID": True, "ENTITY_TYPE": "deal"},
        {"ENTITY_ID": "10", "ENTITY_TYPE": "deal"},
    ],
    ids=shown,
)
def test_rows_that_are_not_the_bindings_of_the_record(row):
    with pytest.raises(UnexpectedResultError, match=r"asked for the bindings of record 5, .* answered"):
        bound_items(5, [row])


def test_a_comment_that_came_out_as_none_is_refused():
    with pytest.raises(InvalidInputError, match=r"the text is 'None'.*XCom"):
        comment_call(CrmItem("deal", 1), " None ")
