from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.conditions import parse_conditions, typed
from airflow_provider_bitrix24.rest.errors import InvalidInputError

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
}


def met(conditions, **item):
    return all(test.is_met(item.get(test.name)) for test in typed(parse_conditions(conditions), FIELDS))


@pytest.mark.parametrize(
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
        ({"begindate": "2026-05-04"}, {"begindate": "2026-05-04T02:00:00+02:00"}, True),
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
        ('{">=opportunity": 10.5}', {"opportunity": 10.5}, True),
    ],
)
def test_compares_by_the_fields_type(conditions, item, expected):
    assert met(conditions, **item) is expected


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ({}, "conditions: {} is not a mapping"),
        (None, "conditions: None is not a mapping"),
        ("no", "conditions: 'no' is not JSON"),
        ([("title", 1)], "is not a mapping"),
        ({"><title": 1}, "'><title' is not a field's name"),
        ({"": 1}, "'' is not a field's name"),
        ({5: 1}, "5 is not a field's name"),
        ({"@stageId": "WON"}, "conditions['@stageId']: 'WON' is not a list"),
        ({"stageId": []}, "conditions['stageId']: [] cannot be compared so"),
        ({">stageId": ["A"]}, "cannot be compared so"),
        ({"title": {"a": 1}}, "is not a value or a list of values"),
        ({">title": None}, "cannot be compared so"),
        ({"opportunity": "1,5"}, "conditions['opportunity']: '1,5' is not a number"),
        ({"opportunity": True}, "True is not a number"),
        ({"opportunity": "NaN"}, "'NaN' is not a number"),
        ({"opened": "maybe"}, "'maybe' is not yes or no"),
        ({"begindate": "4.5.2026"}, "'4.5.2026' is not a date"),
        ({"createdTime": "2026-05-04T10:00:00"}, "is not a moment with its offset from UTC"),
        ({"createdTime": "2026-05-04"}, "is not a moment with its offset from UTC"),
        ({"title": True}, "True is not a text"),
        ({"titel": 1}, "the item has no field 'titel'. Did you mean title?"),
        ({"zzz": 1}, "the item has no field 'zzz'. See crm.item.fields"),
    ],
)
def test_what_is_no_condition_is_refused(conditions, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        met(conditions)


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
