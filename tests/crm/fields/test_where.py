"""Filters of datasets, as users write them and as the API gets them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.fields.schema import schema_of
from airflow_provider_bitrix24.crm.fields.where import parse_where
from airflow_provider_bitrix24.rest.errors import InvalidInputError

SCHEMA = schema_of(
    "deal",
    {
        "id": {"type": "integer", "upperName": "ID"},
        "opportunity": {"type": "double", "upperName": "OPPORTUNITY"},
        "createdTime": {"type": "datetime", "upperName": "CREATED_TIME"},
        "closedate": {"type": "date", "upperName": "CLOSEDATE"},
        "opened": {"type": "boolean", "upperName": "OPENED"},
        "stageId": {"type": "crm_status", "upperName": "STAGE_ID"},
        "assignedById": {"type": "user", "upperName": "ASSIGNED_BY_ID"},
        "ufCrmVip": {"type": "boolean", "upperName": "UF_CRM_VIP"},
        "ufCrmColour": {"type": "enumeration", "upperName": "UF_CRM_COLOUR"},
        "ufCrmPrice": {"type": "money", "upperName": "UF_CRM_PRICE"},
        "ufCrmDay": {"type": "date", "upperName": "UF_CRM_DAY"},
        "ufCrmCount": {"type": "integer", "upperName": "UF_CRM_COUNT"},
    },
    names="snake",
    method="crm.item.fields",
)


def where(value, *, of_items=True):
    return parse_where(value, SCHEMA, of_items=of_items)


def test_names_and_values_become_the_apis():
    assert where(
        {
            ">=created_time": datetime(2026, 5, 4, tzinfo=UTC),
            "<CLOSEDATE": date(2026, 6, 1),
            ">opportunity": Decimal("10.50"),
            "opened": True,
            "@stageId": ("NEW", "WON"),
        }
    ) == {
        ">=createdTime": "2026-05-04T00:00:00+00:00",
        "<closedate": "2026-06-01",
        ">opportunity": "10.50",
        "opened": "Y",
        "@stageId": ["NEW", "WON"],
    }


def test_nothing_is_every_row():
    assert where(None) == {}
    assert where({}) == {}


def test_a_template_may_give_json():
    assert where('{"stage_id": "NEW"}') == {"stageId": "NEW"}


def test_groups_of_conditions_are_the_items_own():
    group = {"0": {"logic": "OR", "0": {"stage_id": "NEW"}, "1": {"<opportunity": 5}}}
    assert where(group) == {"0": {"logic": "OR", "0": {"stageId": "NEW"}, "1": {"<opportunity": 5}}}
    with pytest.raises(InvalidInputError, match="would ignore"):
        where(group, of_items=False)


def test_names_beside_the_metadata_pass_for_items():
    assert where({"phone": "+1", "utmSource": "x"}) == {"phone": "+1", "utmSource": "x"}
    with pytest.raises(InvalidInputError, match="'phone' is not a field"):
        where({"phone": "+1"}, of_items=False)


@cases(
    ("value", "message"),
    [
        ({"@id": []}, "the list is empty"),
        ({"stageId": []}, "the list is empty"),
        ({">=id": None}, "nothing to compare with"),
        ({">id": "None"}, "nothing to compare with"),
        ({"id": True}, "True"),
        ({">=createdTime": datetime(2026, 5, 4)}, "no offset from UTC"),
        ({">=createdTime": "2026-05-04T10:00:00"}, "no offset from UTC"),
        ({">=createdTime": "04.05.2026 10:00"}, "no offset from UTC"),
        ({"0": {"<createdTime": "2026-05-04 10:00"}}, "no offset from UTC"),
        ({">=createdTime": "soon"}, "not a date"),
        ({"opportunty": 5}, "'opportunty' is not a field of deal"),
        ({"": 5}, "is not a field"),
        ({5.5: 5}, "is not a field"),
        ({"0": {"logic": "OR", "0": {"stagId": "NEW"}}}, r"where\['0'\]\['0'\]\['stagId'\]"),
        ({"opportunity": {"a": 1}}, "is not a value"),
        ({">opportunity": 5, ">OPPORTUNITY": 7}, r"where\['>OPPORTUNITY'\]: .* stands there twice"),
        ({"0": {"stageId": "NEW", "stage_id": "WON"}}, r"where\['0'\]\['stage_id'\]: .* twice"),
        (["stageId"], "is not a filter"),
        ("stageId", "is not JSON"),
        (7, "is not a filter"),
    ],
)
def test_what_would_read_everything_is_refused(value, message):
    with pytest.raises(InvalidInputError, match=message):
        where(value)


@cases(
    ("value", "message", "remedy"),
    [
        ({">opportunity": "10 000"}, r"where\['>opportunity'\]: '10 000' is not a number", "10000.50"),
        ({">opportunity": "lots"}, "'lots' is not a number", "10000.50"),
        ({">opportunity": True}, "True is not a number", "10000.50"),
        ({">opportunity": float("nan")}, "nan is not a number", "10000.50"),
        ({">opportunity": Decimal("inf")}, "is not a number", "10000.50"),
        ({"@opportunity": [1, "1,5"]}, "'1,5' is not a number", "10000.50"),
        ({"ufCrmPrice": "a|EUR"}, "is not a number", "10000.50"),
        ({"ufCrmCount": 5.5}, "5.5 is not a whole number", "Give it as 10000"),
        ({"opened": "maybe"}, "'maybe' is not yes or no", "Give True or False"),
        ({"opened": 2}, "2 is not yes or no", "Give True or False"),
        ({"uf_crm_vip": "maybe"}, "'maybe' is not yes or no", "Give True or False"),
        ({"assigned_by_id": "Anna"}, "'Anna' is not an id", "Give an id"),
        ({"@assigned_by_id": [1, "Anna"]}, "'Anna' is not an id", "Give an id"),
        ({"uf_crm_colour": "Red"}, "'Red' is not the id of an option", "enum_values"),
        ({">ufCrmDay": "soon"}, "'soon' is not a date", "or a day"),
        ({"0": {"opened": "maybe"}}, r"where\['0'\]\['opened'\]: 'maybe'", "Give True"),
    ],
)
def test_a_value_that_is_none_of_its_fields_type_is_refused(value, message, remedy):
    with pytest.raises(InvalidInputError, match=message) as caught:
        where(value)
    assert remedy in caught.value.remedy


@cases("spelled", [True, "Y", "y", 1, "1", "true"])
def test_a_flag_is_written_as_its_field_is_filtered_by(spelled):
    assert where({"opened": spelled, "uf_crm_vip": spelled}) == {"opened": "Y", "ufCrmVip": 1}


@cases(
    "value",
    [{">opportunity": "10.5"}, {">opportunity": -1e20}, {"opportunity": None}, {"ufCrmPrice": "100|USD"},
     {"assignedById": "7"}, {"!assignedById": [0, 1]}, {"ufCrmColour": False}, {"ufCrmColour": ""},
     {"%opportunity": "10 0"}, {"stageId": "anything"}, {"ufCrmCount": "-3"},
     {">=ufCrmDay": "2026-05-04"}, {"ufCrmDay": ""}],
)  # fmt: skip
def test_values_of_their_fields_type_pass_as_they_are(value):
    assert where(value) == value


@given(st.integers(-(10**17), 10**17), st.decimals(allow_nan=False, allow_infinity=False, places=2))
def test_numbers_pass_whoever_writes_them(whole, amount):
    for number in (whole, str(whole)):
        assert where({">=ufCrmCount": number}) == {">=ufCrmCount": number}
    for number in (amount, str(amount), float(amount)):
        [sent] = where({">=opportunity": number}).values()
        assert Decimal(str(sent)) == Decimal(str(number))


def test_classic_names_become_the_items_own():
    assert where({">=DATE_CREATE": "2026-05-04"}) == {">=createdTime": "2026-05-04"}


def test_a_misspelt_name_is_refused_with_what_may_have_been_meant():
    with pytest.raises(InvalidInputError, match=r"Write 'opportunity', if you meant that\.$"):
        where({">opportunty": 5})
