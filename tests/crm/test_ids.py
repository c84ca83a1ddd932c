from __future__ import annotations

import datetime
from decimal import Decimal

import numpy
import pytest
from bad_values import BAD_IDS, GOOD_IDS
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from undecided import Undecided

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_IDS = st.integers(1, 2**63 - 1)


@cases(("value", "number"), GOOD_IDS)
def test_an_id(value, number):
    parsed = parse_id(value, "record_id")
    assert parsed == number
    assert type(parsed) is int


@cases("value", BAD_IDS)
def test_no_id(value):
    with pytest.raises(InvalidInputError) as caught:
        parse_id(value, "record_id")
    message = str(caught.value)
    assert message.startswith("record_id: ")
    assert shown(value) in message
    assert " is not an id. " in message
    assert caught.value.remedy
    assert len(message) < 400


@cases("value", [None, "None", "null", "", " "])
def test_nothing_came_from_upstream(value):
    with pytest.raises(InvalidInputError, match="returned nothing: check what it pushes to XCom"):
        parse_id(value, "record_id")


@cases("value", [7.0, 12.7, float("nan"), numpy.float64(7), numpy.float32(7)])
def test_a_float_is_to_be_cast(value):
    with pytest.raises(InvalidInputError, match=r"Cast it to int .* in pandas use the column type Int64"):
        parse_id(value, "record_id")


@given(_IDS)
def test_every_spelling_is_the_number_it_spells(number):
    for spelling in (number, str(number), f"00{number}", Decimal(number), numpy.int64(number)):
        assert parse_id(spelling, "id") == number


@given(_IDS)
def test_parsing_again_changes_nothing(number):
    assert parse_id(parse_id(str(number), "id"), "id") == number


@given(st.text())
def test_a_text_is_accepted_only_as_ascii_digits(text):
    spelt = text.isascii() and text.isdigit() and 1 <= int(text) < 2**63
    try:
        assert parse_id(text, "id") == int(text)
        assert spelt
    except InvalidInputError:
        assert not spelt


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(),
        st.binary(),
        st.lists(st.integers()),
        st.dictionaries(st.text(), st.integers()),
        st.complex_numbers(),
        st.dates(),
        st.just(datetime.timedelta(1)),
        st.integers(max_value=0),
        st.integers(min_value=2**63),
    )
)
def test_nothing_else_is_accepted(value):
    with pytest.raises(InvalidInputError):
        parse_id(value, "id")


@given(st.decimals())
def test_a_decimal_is_accepted_only_where_it_is_whole(value):
    whole = value.is_finite() and 1 <= value < 2**63 and value == int(value)
    try:
        assert parse_id(value, "id") == value
        assert whole
    except InvalidInputError:
        assert not whole


def test_a_missing_value_is_not_compared():
    with pytest.raises(TypeError, match="ambiguous"):
        bool(Undecided() == "None")
    with pytest.raises(InvalidInputError, match="a whole number from 1"):
        parse_id(Undecided(), "id")
