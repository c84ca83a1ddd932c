from __future__ import annotations

import json

import numpy
import pytest
from bad_values import BAD_IDS, BAD_TYPES
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import (
    TimelineBinding,
    bindings_call,
    bound_items,
    parse_bindings,
    record_call,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidInputError,
    InvalidParameterError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.shown import shown

_BINDING = TimelineBinding(5, CrmItem("deal", 10))
_IDS = st.integers(1, 2**63 - 1)
_BINDINGS = st.builds(
    TimelineBinding, _IDS, st.builds(CrmItem, st.sampled_from(["deal", "lead", "dynamic_1042"]), _IDS)
)


@cases(
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


@cases(
    "value",
    [None, 5, "", "5", frozenset({5})],
)
def test_no_binding(value):
    with pytest.raises(InvalidInputError) as caught:
        TimelineBinding.parse(value, "bindings[2]")
    assert str(caught.value).startswith(
        f"bindings[2]: {shown(value)} is not a binding. Give it as (record_id"
    )


@cases("value", [(), (5, "deal"), (5, "deal", 10, 1), (5, ("deal", 10))])
def test_a_tuple_of_another_length_is_no_binding(value):
    with pytest.raises(InvalidInputError) as caught:
        TimelineBinding.parse(value, "bindings[2]")
    assert caught.value.description == (
        f"bindings[2] is a tuple of {len(value)} values; give (record_id, entity_type, entity_id)"
    )


@cases(
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
    assert str(caught.value).startswith("bindings[0]: the mapping of [")
    assert problem in str(caught.value)
    assert caught.value.remedy


@cases("value", BAD_IDS)
@cases("field", ["record_id", "entity_id"])
def test_a_binding_with_a_bad_id(field, value):
    good = {"record_id": 5, "entity_type": "deal", "entity_id": 10}
    for row in ({**good, field: value}, tuple({**good, field: value}.values())):
        with pytest.raises(InvalidInputError) as caught:
            parse_bindings([good, row])
        assert str(caught.value).startswith(f"bindings[1].{field}: {shown(value)} is not an id")


@cases("value", BAD_TYPES)
def test_a_binding_with_a_bad_type(value):
    with pytest.raises(InvalidInputError) as caught:
        TimelineBinding.of(5, value, 10)
    assert str(caught.value).startswith(f"entity_type: {shown(value)} is not a type")


# ---------------------------------------------------------------- lists


@cases(
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


@cases(
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
        ("", "'' is not JSON"),
        ("None", "'None' is not JSON"),
        ("[(5, 'deal', 10)]", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[[5,", "is not JSON"),
    ],
)
def test_no_list(value, problem):
    with pytest.raises(InvalidInputError) as caught:
        parse_bindings(value)
    assert str(caught.value).startswith("bindings: ")
    assert problem in str(caught.value)
    assert caught.value.remedy


@cases(
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
def test_a_row_is_a_binding_again(binding):
    assert TimelineBinding.parse(binding.row()) == binding
    assert TimelineBinding.parse(ItemOutcome(binding, "failed", ServerError("down")).to_json()) == binding
    assert parse_bindings(json.dumps([binding.row()])) == [binding]
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
    assert str(_BINDING) == "record 5 on deal 10"
    assert _BINDING.thing == "Timeline record 5"


# ---------------------------------------------------------------- what became of a binding

_CALL = Call("crm.timeline.bindings.bind")


def test_the_same_record_on_another_item():
    assert _BINDING.on(CrmItem("lead", 1)) == TimelineBinding(5, CrmItem("lead", 1))


def test_what_went_well():
    done = Outcome(_CALL, Reply(True))
    assert _BINDING.when_bound(done) == ItemOutcome(_BINDING, "bound")
    assert _BINDING.when_unbound(done, missing_ok=False) == ItemOutcome(_BINDING, "unbound")


@pytest.mark.parametrize("missing_ok", [True, False])
def test_what_is_not_bound_is_taken_off_or_an_error(missing_ok):
    gone = Outcome(_CALL, error=NotFoundError("Not found", code="NOT_FOUND"))
    outcome = _BINDING.when_unbound(gone, missing_ok=missing_ok)
    assert outcome.subject == _BINDING
    assert outcome.status == ("not_bound" if missing_ok else "failed")
    described = None if outcome.error is None else outcome.error.description
    assert described == (None if missing_ok else "record 5 on deal 10 was not unbound: Not found")


def test_what_is_not_found_cannot_be_bound():
    outcome = _BINDING.when_bound(Outcome(_CALL, error=NotFoundError("Not found")))
    assert outcome.status == "failed"
    assert outcome.error.description == "record 5 on deal 10 was not bound: Not found"


@pytest.mark.parametrize("missing_ok", [True, False])
def test_another_error_is_a_failure(missing_ok):
    outcome = _BINDING.when_unbound(Outcome(_CALL, error=ServerError("boom")), missing_ok=missing_ok)
    assert (outcome.subject, outcome.status) == (_BINDING, "failed")
    assert outcome.error.description == "record 5 on deal 10 may have been unbound, or not: boom"


@pytest.mark.parametrize(
    ("description", "words"), [("bad type", "bad type"), ("", "no reason given")], ids=["words", "none"]
)
def test_a_failure_is_the_same_error_with_the_binding_in_it(description, words):
    error = InvalidParameterError(
        description, code="X", method="m", portal="p", status=400, remedy="Mend it."
    )
    outcome = _BINDING.failed(error)
    assert (outcome.subject, outcome.status) == (_BINDING, "failed")
    assert type(outcome.error) is InvalidParameterError
    described = f"record 5 on deal 10 was not bound: {words}"
    assert outcome.error.fields() == {**error.fields(), "description": described}


@cases(
    ("method", "may_not"),
    [
        ("crm.timeline.bindings.bind", "change deal 10"),
        ("crm.timeline.bindings.unbind", "change deal 10"),
        ("crm.timeline.bindings.list", "read the CRM"),
        ("", "read the CRM"),
    ],
)
@cases(("code", "told_code"), [("", "ACCESS_DENIED"), ("INSUFFICIENT", "INSUFFICIENT")])
@cases(("owner", "who"), [("user 3", "user 3,"), ("", "the user of this connection")])
def test_missing_rights_name_the_user_and_what_is_forbidden(owner, who, method, may_not, code, told_code):
    error = AccessDeniedError("no", code=code, method=method, owner=owner)
    outcome = _BINDING.failed(error, "unbound")
    described = f"record 5 on deal 10 was not unbound: {who} may not {may_not}"
    assert outcome.error.description == described
    assert outcome.error.code == told_code
    assert outcome.error.method == method
    assert outcome.error.owner == owner
    assert outcome.error.remedy == (
        "Give that user the right to do so, or use the credentials of one who has it; "
        "and check that the item exists, for the API tells no difference."
    )


# ---------------------------------------------------------------- what the portal says


@cases(
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
    ("item", "found"),
    [(CrmItem("deal", 10), True), (CrmItem("deal", 11), False), (CrmItem("lead", 10), False)],
)
def test_whether_a_binding_is_among_the_rows(item, found):
    rows = [
        {"OWNER_ID": "5", "ENTITY_ID": "1", "ENTITY_TYPE": "contact"},
        {"OWNER_ID": "5", "ENTITY_ID": "10", "ENTITY_TYPE": "DEAL"},
    ]
    assert _BINDING.on(item).is_among(rows) is found
    assert _BINDING.on(item).is_among([]) is False


def test_a_binding_of_another_record_is_not_looked_for():
    with pytest.raises(UnexpectedResultError, match="asked for the bindings of record 5"):
        _BINDING.is_among([{"OWNER_ID": "6", "ENTITY_ID": "10", "ENTITY_TYPE": "deal"}])


@cases(
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
)
def test_rows_that_are_not_the_bindings_of_the_record(row):
    with pytest.raises(UnexpectedResultError, match=r"asked for the bindings of record 5, .* answered"):
        bound_items(5, [row])
