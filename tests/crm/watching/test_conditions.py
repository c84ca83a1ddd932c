"""Conditions on fields, compared by each field's type."""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.watching.conditions import FieldTest, parse_conditions, typed
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

FIELDS = {
    "id": {"type": "integer", "upperName": "ID"},
    "title": {"type": "string", "upperName": "TITLE"},
    "opportunity": {"type": "double", "upperName": "OPPORTUNITY"},
    "opened": {"type": "boolean", "upperName": "OPENED"},
    "begindate": {"type": "date", "upperName": "BEGINDATE"},
    "createdTime": {"type": "datetime", "upperName": "CREATED_TIME"},
    "contactIds": {"type": "crm_contact", "upperName": "CONTACT_IDS", "isMultiple": True},
    "ufCrm_1": {"type": "money", "upperName": "UF_CRM_1"},
    "stageId": {"type": "crm_status", "upperName": "STAGE_ID"},
    "companyId": {"type": "crm_company", "upperName": "COMPANY_ID"},
    "ufCrm_2": {"type": "crm", "upperName": "UF_CRM_2"},
    "ufCrm_3": {"type": "enumeration", "upperName": "UF_CRM_3", "isMultiple": True},
}


NO_MAPPING = "is not a mapping of fields to values. Give it as {'stageId': 'WON', '>=opportunity': 1000}."
NO_NAME = "is not a field's name with an operator before it. Operators are =, !, >, >=, <, <=, @, !@, %, !%."
NO_LIST = (
    "cannot be compared so. A list means one of its values; it must have some, and goes with =, !, @ and !@."
)


def met(conditions, **item):
    return all(test.is_met(item.get(test.name)) for test in typed(parse_conditions(conditions), FIELDS))


@cases(
    ("conditions", "item", "expected"),
    [
        ({"opportunity": "1000"}, {"opportunity": 1000.0}, True),
        ({"opportunity": 1000}, {"opportunity": "1000.00"}, True),
        ({">opportunity": 999}, {"opportunity": 1000}, True),
        ({">opportunity": "9"}, {"opportunity": 10}, True),  # as texts it would not be
        ({"<=opportunity": Decimal("9.5")}, {"opportunity": 10}, False),
        ({"ufCrm_1": 100}, {"ufCrm_1": "100.00|USD"}, True),
        ({"title": "A"}, {"title": "a"}, False),
        ({"%title": "AB"}, {"title": "xabx"}, True),
        ({"!%title": "ab"}, {"title": "xabx"}, False),
        ({"!%title": "ab"}, {"title": None}, True),
        ({"title": "12"}, {"title": "12"}, True),
        ({"title": 12}, {"title": "12"}, True),
        ({"title": "12"}, {"title": "12.0"}, False),
        ({"opened": True}, {"opened": "Y"}, True),
        ({"opened": "N"}, {"opened": "N"}, True),
        ({"opened": "1"}, {"opened": "N"}, False),
        ({"opened": "1"}, {"opened": "Y"}, True),
        ({"opened": "0"}, {"opened": "N"}, True),
        ({"opened": False}, {"opened": "N"}, True),
        ({"opened": " false "}, {"opened": "N"}, True),
        ({"opened": "n"}, {"opened": None}, False),
        ({"begindate": "2026-05-04"}, {"begindate": "2026-05-04T02:00:00+02:00"}, True),
        ({"begindate": "2026-05-04 23:00:00+00:00"}, {"begindate": "2026-05-04"}, True),
        ({"begindate": "20260504"}, {"begindate": "2026-05-04"}, True),
        ({"begindate": "2026-05-04T23:00:00.5Z"}, {"begindate": "2026-05-04T02:00:00"}, True),
        ({">begindate": date(2026, 5, 3)}, {"begindate": "2026-05-04T02:00:00+02:00"}, True),
        ({"createdTime": "2026-05-04T10:00:00+02:00"}, {"createdTime": "2026-05-04T08:00:00Z"}, True),
        ({"<createdTime": "2026-05-04T10:00:00+02:00"}, {"createdTime": "2026-05-04T09:00:00+02:00"}, True),
        ({"contactIds": 5}, {"contactIds": [1, "5"]}, True),
        ({"!contactIds": 5}, {"contactIds": [1, 5]}, False),
        ({"contactIds": None}, {"contactIds": []}, True),
        ({"contactIds": [5, 6]}, {"contactIds": [6]}, True),
        ({"stageId": ["C1:WON", "WON"]}, {"stageId": "WON"}, True),
        ({"@stageId": ("WON",)}, {"stageId": "NEW"}, False),
        ({"!@stageId": ["WON", "LOSE"]}, {"stageId": "NEW"}, True),
        ({"STAGE_ID": "NEW"}, {"stageId": "NEW"}, True),
        ({"title": None}, {"title": ""}, True),
        ({"title": [None, "A"]}, {"title": None}, True),
        ({"!title": None}, {"title": "A"}, True),
        ({">opportunity": 1}, {"opportunity": None}, False),
        ({"=title": "A", "!=id": 2}, {"title": "A", "id": 1}, True),
        ({"=title": None}, {"title": ""}, True),
        ({"!=title": None}, {"title": ""}, False),
        ({"=title": ["A", None]}, {"title": None}, True),
        ({"@title": ["A", None]}, {"title": None}, True),
        ({"!@title": ["A", None]}, {"title": None}, False),
        ({"!@title": ["A", None]}, {"title": "B"}, True),
        ({"opportunity": 5}, {"opportunity": "five"}, False),
        ({"!opportunity": 5}, {"opportunity": "five"}, True),
        ({"<opportunity": 5}, {"opportunity": "five"}, False),
        ({"@id": {1, 2}}, {"id": 2}, True),
        ({"@id": deque([1, 2])}, {"id": 2}, True),
        ({"id": deque([1])}, {"id": 2}, False),
        ({"@stageId": "WON"}, {"stageId": "WON"}, True),
        ({"id": frozenset({1, 2})}, {"id": 3}, False),
        ({"%title": "a"}, {"title": ["b", "A"]}, True),
        ({"begindate": datetime(2026, 5, 4, 23, tzinfo=UTC)}, {"begindate": "2026-05-04"}, True),
        ({"createdTime": datetime(2026, 5, 4, 10, tzinfo=UTC)}, {"createdTime": "2026-05-04T10:00Z"}, True),
        ({"createdTime": datetime(2026, 5, 4, 10, tzinfo=UTC)}, {"createdTime": "2026-05-04T10:00"}, False),
        ('{"opportunity": 12345678901234567.01}', {"opportunity": "12345678901234567.01"}, True),
        ('{">=opportunity": 10.5}', {"opportunity": 10.5}, True),
    ],
)
def test_compares_by_the_fields_type(conditions, item, expected):
    assert met(conditions, **item) is expected


NOTHING = [None, "", [], False, 0, "0", [0], ["0"], [None, 0]]


@cases("field", ["companyId", "contactIds", "ufCrm_2", "ufCrm_3"])
@cases("value", NOTHING)
@cases("wanted", [None, "", 0, "0"])
def test_a_link_to_nothing_is_empty_in_every_spelling(field, value, wanted):
    assert met({field: wanted}, **{field: value})
    assert not met({f"!{field}": wanted}, **{field: value})
    assert not met({field: 5}, **{field: value})
    assert met({f"!{field}": 5}, **{field: value})
    assert not met({f"%{field}": "0"}, **{field: value})
    assert met({f"@{field}": [5, wanted]}, **{field: value})
    assert not met({field: wanted}, **{field: 5})


@cases("value", [None, False, 0, "0"])
def test_a_link_to_nothing_is_compared_with_a_number(value):
    assert not met({">companyId": 0}, companyId=value)
    assert met({">companyId": 0}, companyId=7)


@cases("name", ["id", "opportunity", "ufCrm_1", "title"])
def test_nought_is_a_value_where_it_is_no_id(name):
    assert met({name: 0}, **{name: 0})
    assert not met({name: None}, **{name: 0})
    assert met({name: None}, **{name: False}), "only a flag may be false"


def test_no_is_a_value_of_a_flag():
    assert met({"opened": "N"}, opened=False)
    assert not met({"opened": None}, opened=False)


def test_what_a_field_for_crm_items_names():
    assert met({"ufCrm_2": ["D_1", "D_2"]}, ufCrm_2=["D_2", "C_3"])
    assert not met({"ufCrm_2": "D_1"}, ufCrm_2="D_10")
    assert met({"ufCrm_2": 1}, ufCrm_2="1"), "of one type only, they are named without it"


@cases(
    ("operator", "results"),
    [
        ("", [False, True, False]),
        ("=", [False, True, False]),
        ("!", [True, False, True]),
        ("!=", [True, False, True]),
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
    ],
)
@cases(
    ("name", "below", "same", "above"),
    [
        ("opportunity", "9.99", "10", "10.01"),
        ("begindate", "2026-05-03", "2026-05-04", "2026-05-05"),
        ("createdTime", "2026-05-04T09:59:59Z", "2026-05-04T10:00:00Z", "2026-05-04T10:00:01Z"),
        ("title", "A", "B", "a"),
    ],
)
def test_operators_at_their_limits(operator, results, name, below, same, above):
    conditions = {f"{operator}{name}": same}
    assert [met(conditions, **{name: value}) for value in (below, same, above)] == results


@cases(
    ("conditions", "problem"),
    [
        ({}, f"conditions: {{}} {NO_MAPPING}"),
        (None, f"conditions: None {NO_MAPPING}"),
        ("[]", f"conditions: [] {NO_MAPPING}"),
        ("no", "conditions: 'no' is not JSON. In a template write {{ ... | tojson }}."),
        ("[" * 100_000, "is not JSON"),
        ([("title", 1)], f"conditions: [('title', 1)] {NO_MAPPING}"),
        ({"><title": 1}, f"conditions: '><title' {NO_NAME}"),
        ({"title ": 1}, f"conditions: 'title ' {NO_NAME}"),
        ({"": 1}, "'' is not a field's name"),
        ({5: 1}, "5 is not a field's name"),
        ({"@stageId": None}, "conditions['@stageId']: None is not a list"),
        ({"!@stageId": ""}, "conditions['!@stageId']: '' is not a list"),
        ({"stageId": []}, f"conditions['stageId']: [] {NO_LIST}"),
        ({"@stageId": ()}, f"conditions['@stageId']: [] {NO_LIST}"),
        *(
            ({f"{sign}title": ["A"]}, f"conditions['{sign}title']: ['A'] {NO_LIST}")
            for sign in (">", ">=", "<", "<=", "%", "!%")
        ),
        ({"title": {"a": 1}}, "conditions['title']: {'a': 1} is not a value or a list of values"),
        ({"title": ["A", ["B"]]}, "conditions['title']: ['B'] is not a text. The field is of that type."),
        ({"title": [{"a": 1}]}, "conditions['title']: {'a': 1} is not a text. The field is of that type."),
        *(
            ({f"{sign}title": empty}, f"conditions['{sign}title']: {empty!r} cannot be compared so")
            for sign in (">", ">=", "<", "<=", "%", "!%")
            for empty in (None, "")
        ),
        (
            {"opportunity": "1,5"},
            "conditions['opportunity']: '1,5' is not a number. The field is of",
        ),
        ({"id": [1, "x"]}, "conditions['id']: 'x' is not a number"),
        ({"opportunity": True}, "True is not a number"),
        ({"opportunity": "NaN"}, "'NaN' is not a number"),
        ({"opportunity": "1_000"}, "'1_000' is not a number"),
        ({"opened": "maybe"}, "'maybe' is not yes or no"),
        ({"begindate": "4.5.2026"}, "'4.5.2026' is not a date"),
        *(
            ({"begindate": text}, f"'{text}' is not a date")
            for text in ("2026-05-04 or so", "2026-05-041", "2026-05-04-", "2026-W19-1", "2026-02-30")
        ),
        ({"createdTime": "2026-05-04T10:00:00"}, "is not a moment with its offset from UTC"),
        ({"createdTime": "2026-05-04"}, "is not a moment with its offset from UTC"),
        *(
            ({"createdTime": text}, f"conditions['createdTime']: {text!r} is not a moment with its offset")
            for text in ("10:00:00Z", "99:", "2026-05-04/P1D", "P1D/P1D", "P20260504Y", "4 May 2026 9:00Z")
        ),
        ({"createdTime": datetime(2026, 5, 4, 10)}, "is not a moment with its offset from UTC"),
        ({"title": True}, "True is not a text"),
        ({"titel": 1}, "the item has no field 'titel'. Write 'title', if you meant that."),
        ({"zzz": 1}, "the item has no field 'zzz'. See crm.item.fields"),
    ],
)
def test_what_is_no_condition_is_refused(conditions, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        met(conditions)


def test_at_most_three_near_names_are_told():
    fields = {f"title{number}": {"type": "string"} for number in range(1, 6)}
    with pytest.raises(InvalidInputError, match=r"Write ('title\d'( or )?){3}, if you meant one of them\.$"):
        typed(parse_conditions({"title": 1}), fields)


@cases(
    ("conditions", "problem"),
    [
        ([], "where: [] is not a mapping"),
        ("no", "where: 'no' is not JSON"),
        ({5: 1}, "where: 5 is not a field's name"),
        ({"@id": None}, "where['@id']: None is not a list"),
        ({"id": []}, "where['id']: [] cannot be compared so"),
        ({"id": {"a": 1}}, "where['id']: {'a': 1} is not a value"),
        ({"zzz": 1}, "where: the item has no field 'zzz'"),
        ({"id": "x"}, "where['id']: 'x' is not a number"),
        ({">id": None}, "where['>id']: None cannot be compared so"),
    ],
)
def test_messages_tell_where_the_conditions_stand(conditions, problem):
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}"):
        typed(parse_conditions(conditions, "where"), FIELDS, "where")


@pytest.mark.parametrize("description", [None, "string", ["string"]])
def test_a_field_without_a_description(description):
    problem = "crm.item.fields: a field without a description"
    with pytest.raises(UnexpectedResultError, match=f"^{re.escape(problem)}$"):
        typed(parse_conditions({"id": 1}), FIELDS | {"title": description})


def test_a_test_of_its_own_is_one_of_conditions():
    [condition] = parse_conditions({"id": "x"})
    with pytest.raises(InvalidInputError, match=r"^conditions\['id'\]: 'x' is not a number"):
        FieldTest(condition, "id", FIELDS["id"])


def test_a_field_of_no_type_that_is_known_is_a_text():
    [test] = typed(parse_conditions({"a": "1"}), {"a": {}})
    assert [test.is_met(value) for value in ("1", 1, "1.0")] == [True, True, False]


@cases(
    "kind",
    [
        *("integer", "double", "money", "user", "crm_lead", "crm_deal", "crm_contact"),
        *("crm_company", "crm_category", "crm_entity", "crm_quote"),
    ],
)
def test_types_that_are_numbers(kind):
    [test] = typed(parse_conditions({"a": "1"}), {"a": {"type": kind}})
    assert test.is_met("1.0")


@pytest.mark.parametrize("kind", ["boolean", "char"])
def test_types_that_are_yes_or_no(kind):
    [test] = typed(parse_conditions({"a": True}), {"a": {"type": kind}})
    assert test.is_met("Y")


moments = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=0))
offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


@given(moments, offsets, offsets, st.sampled_from(["", ">=", "<="]))
def test_a_moment_is_the_same_at_every_offset(moment, one, other, operator):
    wanted, found = (moment.astimezone(offset).isoformat() for offset in (one, other))
    assert met({f"{operator}createdTime": wanted}, createdTime=found)
    assert not met({">createdTime": wanted}, createdTime=found)


@given(st.decimals(-(10**9), 10**9, places=2), st.decimals(-(10**9), 10**9, places=2))
def test_numbers_compare_as_numbers(wanted, found):
    for spelt in (found, str(found), float(found)):
        assert met({">opportunity": str(wanted)}, opportunity=spelt) is (found > wanted)
        assert met({"<=opportunity": str(wanted)}, opportunity=spelt) is (found <= wanted)
        assert met({"!opportunity": wanted}, opportunity=spelt) is (found != wanted)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@given(json_values)
def test_whatever_the_portal_answers_is_just_not_met_or_met(value):
    for name in FIELDS:
        [test] = typed(parse_conditions({f"!{name}": _sample(name)}), FIELDS)
        assert test.is_met(value) in (True, False)


@given(st.text(max_size=12), json_values)
def test_any_input_is_taken_or_refused(name, value):
    with suppress(InvalidInputError):
        [test] = typed(parse_conditions({name: value}), FIELDS)
        assert test.is_met(None) in (True, False)


def _sample(name):
    return {"begindate": "2026-05-04", "createdTime": "2026-05-04T10:00:00Z", "opened": "Y"}.get(name, "1")
