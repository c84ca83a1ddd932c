"""What a batch command carries is what PHP reads out of it, and nothing else is put into one."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from hypothesis import example, given, settings
from hypothesis import strategies as s

from airflow_provider_bitrix24.rest import php
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.testing import php as portal
from airflow_provider_bitrix24.testing.batch import BatchResult, split_command, substitute

_CONSUMED = ("method", "auth", "access_token", "ap", "aplogin", "token", "sessid", "state")
#: a call refuses NUL
_characters = s.characters(codec="utf-8", exclude_characters="\x00")
_plain = s.one_of(
    s.text(_characters, max_size=12),
    s.sampled_from(["$result[a][b]", "<b>", "a=b&c", "100 %", "#", "1e3", " x ", "Ä€\U0001f600"]),
    s.integers(-(2**63), 2**63 - 1),
    s.floats(allow_nan=False, allow_infinity=False),
)
_keys = s.one_of(
    s.text(_characters, max_size=6),
    s.sampled_from(["ID", "0", "01", "-1", "a.b", "a b", ">ID", " ", "[]", "%", "#", "&", "=", "n0"]),
).filter(lambda key: key.lower() not in _CONSUMED)


def _params(scalars: s.SearchStrategy[Any], least: int) -> s.SearchStrategy[dict[str, Any]]:
    values = s.recursive(
        scalars,
        lambda inner: s.one_of(
            s.lists(inner, min_size=least, max_size=3),
            s.dictionaries(_keys, inner, min_size=least, max_size=3),
        ),
        max_leaves=6,
    )
    return s.dictionaries(_keys, values, max_size=3)


def as_php(value: Any) -> Any:
    """Return the value as PHP holds it: one kind of array, every scalar as the text a batch makes of it."""
    if portal.is_array(value):
        return {key: as_php(item) for key, item in portal.pairs(value)}
    return str(value)


def decoded(command: str) -> Any:
    method, query = split_command(command)
    assert method == "x.get"
    return substitute(query, BatchResult(result={"a": {"b": "replaced"}}))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(_params(_plain, 1))
@example({"filter": {" ": "x"}})
@example({"a": "$result[a][b]"})
@example({"fields": {"A": [["x"], {"0": "y"}]}})
def test_what_is_carried_arrives_unchanged(params):
    call = Call("x.get", params)
    if call.fits_batch:
        assert as_php(decoded(call.command())) == as_php(call.params)


def holds_other(value: Any) -> bool:
    """Tell whether something in there is neither text nor a number."""
    if portal.is_array(value):
        return not value or any(holds_other(item) for _, item in portal.pairs(value))
    return value is None or isinstance(value, bool)


@settings(max_examples=200, deadline=None)
@given(_params(s.one_of(s.booleans(), s.none(), _plain), 0))
def test_what_is_not_text_or_a_number_is_not_carried(params):
    if any(map(holds_other, params.values())):
        assert not php.carries(params)


def nested(levels: int) -> dict[str, Any]:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


@cases(
    "params",
    [
        {},
        {"id": 7},
        {"id": 1.5},
        {"fields": {"TITLE": "Großes & Kleines = 100 % #1? +", "TAGS": ["a b", "c"]}},
        {"filter": {">ID": 5, "%TITLE": "x", "!@STAGE_ID": ["A", "B"]}},
        {"text": "costs $100, $result without brackets"},
        {"text": "line\nline\ttab"},
        {"a": {"b.c": 1, "d e": 2}},
        nested(50),
        {"list": list(range(900))},
    ],
)
def test_carried(params):
    assert php.carries(params)
    call = Call("x.get", params)
    assert as_php(decoded(call.command())) == as_php(call.params)


@cases(
    "params",
    [
        {"a": None},
        {"a": True},
        {"a": [False]},
        {"a": []},
        {"a": {}},
        {"a": {"b": [1, []]}},
        {"a.b": 1},
        {"a b": 1},
        {" a": 1},
        {"": 1},
        {"a": {"": 1}},
        {"a": {" ": 1}},
        {"a": {"\t": 1}},
        {"a": {"b[c]": 1}},
        {"a]": 1},
        *({"a": f"see {name}[x]"} for name in ("$result", "$next", "$total", "$time", "$error", "$RESULT")),
        {"a": {"b": ["$result[a][b]"]}},
        {"a": "<b>bold</b>"},
        {"a": "<script>"},
        {"a": "javascript:alert(1)"},
        {"a": "x onclick=go()"},
        {"a": "Please select a date from the list"},
        {"a": "UNION SELECT name FROM users"},
        {"a": "a -- b"},
        {"a": "../../etc/passwd"},
        {"a": "/* x */"},
        {"a": "&#106;avascript"},
        nested(62),
        {"list": list(range(901))},
    ],
)
def test_refused(params):
    assert not php.carries(params)
    assert not Call("x.get", params).fits_batch


@cases("method", ["batch", "BATCH", "upload", "download"])
def test_methods_that_a_batch_refuses(method):
    assert not Call(method, {"a": "b"}).fits_batch


@cases(
    ("params", "query"),
    [
        ({}, ""),
        ({"a": 1, "b": "x y"}, "a=1&b=x+y"),
        ({"a": {"b c": ["x", {"d": "é"}]}}, "a[b+c][0]=x&a[b+c][1][d]=%C3%A9"),
        ({"A-b_c.~": "A-b_c.~"}, "A-b_c.~=A-b_c.~"),
        ({">ID": "/&=%"}, "%3EID=%2F%26%3D%25"),
    ],
)
def test_queries(params, query):
    assert php.encode(params) == query


@pytest.mark.parametrize(("levels", "fits"), [(60, True), (61, False)])
def test_nesting_has_a_bound_in_mappings_and_lists(levels, fits):
    lists: Any = "x"
    for _ in range(levels - 1):
        lists = [lists]
    assert php.carries(nested(levels)) is fits
    assert php.carries({"a": lists}) is fits


@pytest.mark.parametrize(
    ("params", "fits"),
    [
        ({"a": list(range(450)), "b": {"c": list(range(450))}}, True),
        ({"a": list(range(450)), "b": {"c": list(range(451))}}, False),
        ({"a": [{"b": [1] * 300, "c": [1] * 300}, 1], "d": [1] * 300}, False),
    ],
    ids=["900", "901", "nested"],
)
def test_variables_are_counted_through_all_levels(params, fits):
    assert php.carries(params) is fits


@cases(
    "text",
    [
        *("$next [x]", "x$TIME[y]", "<", "\x00", "&#x", "a/*b", "..\\x", "a--b", "vbscript :x", "ONload =x"),
        *("expression (x)", "behavior:x", "behaviour : x", "sleep(1)", "j a v a script =x", "'; data:x"),
        *("union\nall select", "Select this from that", "from here to somewhere", "from it\nno limit"),
        *("update it, then reset", "insert a coin into it", "insert: a value", "CREATE (table"),
        *("drop view", "into (outfile", "exec xp_x", "execute immediate", "load_file (x"),
    ],
)
def test_text_that_a_portal_may_rewrite_is_not_carried(text):
    assert not php.carries({"a": text})
    assert not php.carries({"a": {"b": ["x", text]}})


@cases(
    "text",
    [
        *("$result", "selection of x", "a-b", "on = x", "&amp;", "a..b", "unselect x", "Дом", "", "select"),
        *(
            "Payment of invoice 17 received from ACME",
            "Update on the delivery",
            "We select a table",
            "From: a",
        ),
        *(
            "having lunch between two and four",
            "Please replace the char",
            "set a table where you like",
            "data: 5",
        ),
        *("Create a table", "drop by", "drop the table", "reunion select"),
    ],
)
def test_text_that_only_resembles_it_is_carried(text):
    assert php.carries({"a": text})


@cases("value", [None, True, False, [], {}])
def test_one_value_without_words_is_enough_at_any_place(value):
    for params in ({"a": value}, {"a": 1, "b": value}, {"a": [1, value]}, {"a": {"b": 1, "c": value}}):
        assert not php.carries(params)


@cases("key", ["", " ", "a[", "a]", "a\x00"])
def test_one_odd_name_is_enough_at_any_place(key):
    for params in ({key: 1}, {"a": 1, key: 1}, {"a": {"b": 1, key: 1}}, {"a": [{key: 1}]}):
        assert not php.carries(params)
