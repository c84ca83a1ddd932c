"""Reading what a user passed: texts, JSON, lists, mappings, and what became nothing."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.inputs import (
    RETURNED_NOTHING,
    check_text,
    from_json,
    listed,
    pick,
    refuse_lost,
    refuse_others,
)
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

AS_JSON = "In a template write {{ ... | tojson }}"

# ---------------------------------------------------------------- texts


@cases("value", ["a", " a\n", "None of it", "none", "null", "[]", "0"])
def test_a_text_stays_as_it_is(value):
    assert check_text(value, "title") is value


@cases(
    ("number", "text"),
    [(5, "5"), (0, "0"), (2024, "2024"), (1.5, "1.5"), (Decimal("1E+3"), "1000")],
)
def test_a_number_is_its_own_text(number, text):
    assert check_text(number, "title") == text


@cases("value", ["", " \n", True, math.nan, Decimal("Infinity"), ["a"], b"a", {}])
def test_what_is_no_text(value):
    with pytest.raises(InvalidInputError) as raised:
        check_text(value, "rows[3].comment")
    assert raised.value.description == f"rows[3].comment: {value!r} is not a text"
    assert raised.value.remedy == "Give a text that is not empty."


@pytest.mark.parametrize(
    ("value", "problem"),
    [(None, "None is not a text"), ("None", "the text is 'None'"), (" None\n", "the text is 'None'")],
    ids=repr,
)
def test_a_text_that_an_upstream_task_did_not_return(value, problem):
    with pytest.raises(InvalidInputError) as raised:
        check_text(value, "title")
    assert (raised.value.description, raised.value.remedy) == (f"title: {problem}", RETURNED_NOTHING)


# ---------------------------------------------------------------- JSON


@cases("value", [None, True, 5, "text", [], {}, [5, {"a": [None]}], 2**70])
def test_json_is_what_it_says(value):
    assert from_json(json.dumps(value), "x") == value
    assert from_json(f" {json.dumps(value)}\n", "x") == value


@pytest.mark.parametrize("digits", ["7.0", "1e3", "0.1000000000000000055511151231257827"])
def test_fractions_lose_no_digits(digits):
    assert from_json(f"[{digits}]", "x") == [digits]
    assert from_json(f"[{digits}]", "x", floats=Decimal) == [Decimal(digits)]
    assert from_json(f"[{digits}]", "x", floats=float) == [float(digits)]


@cases("text", ["", "None", "{'a': 1}", "[5,", "[" * 100_000, "text", "9" * 5000])
def test_what_is_no_json(text):
    with pytest.raises(InvalidInputError) as raised:
        from_json(text, "item")
    assert raised.value.description == f"item: {shown(text)} is not JSON"
    assert raised.value.remedy == f"{AS_JSON}."
    assert (raised.value.__cause__, raised.value.__context__) == (None, None), "the text stands in no trace"


@given(st.text())
def test_any_text_is_json_or_refused(text):
    try:
        from_json(text, "x")
    except InvalidInputError:
        with pytest.raises((ValueError, RecursionError)):
            json.loads(text, parse_float=str)


# ---------------------------------------------------------------- lists


@cases(
    "value",
    [[5, "a"], (5, "a"), '[5, "a"]', ' [5, "a"]\n', dict.fromkeys([5, "a"]).keys()],
    ids=["list", "tuple", "JSON", "JSON with blanks", "view"],
)
def test_a_list(value):
    assert listed(value, "rows", "things", "Give things.") == [5, "a"]
    assert type(listed(value, "rows", "things", "Give things.")) is list


def test_an_iterator_is_a_list():
    assert listed(iter([5, "a"]), "rows", "things", "Give things.") == [5, "a"]


@cases("value", [[], (), "[]", iter(())], ids=["list", "tuple", "JSON", "iterator"])
def test_a_list_may_be_empty(value):
    assert listed(value, "rows", "things", "Give things.") == []


@cases("value", [None, 5, b"[]", {"a": 1}, '{"a": 1}', "5", "null", '"text"'])
def test_what_is_no_list(value):
    with pytest.raises(InvalidInputError) as raised:
        listed(value, "rows", "things", "Give things.")
    assert raised.value.description == f"rows: {value!r} is not a list of things"
    assert raised.value.remedy == "Give things."


@pytest.mark.parametrize("value", ["", "None", "[5,"])
def test_a_text_that_is_no_list(value):
    with pytest.raises(InvalidInputError) as raised:
        listed(value, "rows", "things", "Give things.")
    assert raised.value.description == f"rows: {value!r} is not JSON"
    assert raised.value.remedy == (
        f"Give things. {AS_JSON}, or pass the task's output itself; one alone stands in a list, too."
    )


# ---------------------------------------------------------------- mappings


@pytest.mark.parametrize("mapping", [{"a": 5}, {"A": 5}, {"a": 5, "b": 6}])
def test_a_value_under_either_of_its_names(mapping):
    assert pick(mapping, ("a", "A"), "row") == 5


def test_none_is_a_value():
    assert pick({"a": None}, ("a", "A"), "row") is None


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({}, "row: the mapping of [] has no 'a'"),
        ({"b": 5}, "row: the mapping of ['b'] has no 'a'"),
        ({"a": 5, "A": 5}, "row: the mapping of ['a', 'A'] has both 'a' and 'A'"),
    ],
)
def test_a_value_that_is_not_there_once(mapping, problem):
    with pytest.raises(InvalidInputError) as raised:
        pick(mapping, ("a", "A"), "row")
    assert raised.value.description == problem
    assert raised.value.remedy == "Give each of its values once."


@pytest.mark.parametrize("mapping", [{}, {"a": 5}, {"a": 5, "A": 5}])
def test_known_keys(mapping):
    assert refuse_others(mapping, ("a", "A"), "row") is None


@pytest.mark.parametrize("key", ["b", 7, None])
def test_an_unknown_key_is_named(key):
    with pytest.raises(InvalidInputError) as raised:
        refuse_others({"a": 5, key: 6}, ("a", "A"), "row")
    assert raised.value.description == f"row: the mapping of ['a', {key!r}] has an unknown key {key!r}"
    assert raised.value.remedy == "Known are a, A."


# ---------------------------------------------------------------- what became nothing


def test_an_argument_that_became_none_is_named():
    with pytest.raises(InvalidInputError) as raised:
        refuse_lost({"author": "x", "item": None})
    assert raised.value.description == "item: it was given, but is None now"
    assert raised.value.remedy == RETURNED_NOTHING
    message = f"item: it was given, but is None now. {RETURNED_NOTHING}"
    assert re.fullmatch(re.escape(message), str(raised.value))


def test_the_first_one_is_named():
    with pytest.raises(InvalidInputError, match=r"^other: it was given"):
        refuse_lost({"item": "x", "other": None, "last": None})


@cases("value", [0, "", False, [], "None"])
def test_only_none_is_nothing(value):
    assert refuse_lost({"item": value}) is None


def test_where_nothing_was_given_nothing_is_lost():
    assert refuse_lost({}) is None
