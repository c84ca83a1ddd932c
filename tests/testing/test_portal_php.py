from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.testing import php


@cases(
    ("value", "expected"),
    [
        ("12abc", 12),
        ("1,2", 1),
        (" 7", 7),
        ("\t\n7", 7),
        ("1e3", 1000),
        ("1.9", 1),
        ("-1.9", -1),
        ("+5", 5),
        (".5", 0),
        ("5.", 5),
        ("1e", 1),
        ("1e1000", php.INT_MAX),
        ("-1e1000", php.INT_MIN),
        ("99999999999999999999", php.INT_MAX),
        ("9" * 5000, php.INT_MAX),
        ("-" + "9" * 5000, php.INT_MIN),
        ("0" * 50 + "7", 7),
        ("None", 0),
        ("", 0),
        ("0x1A", 0),
        ("abc", 0),
        ("\u0661", 0),
        ("\u00a07", 0),
        (True, 1),
        (False, 0),
        (None, 0),
        ([], 0),
        ({}, 0),
        ([0], 1),
        ({"a": 1}, 1),
        (1.9, 1),
        (-1.9, -1),
        (float("inf"), 0),
        (float("nan"), 0),
        (2**63, -(2**63)),
        (7, 7),
    ],
)
def test_int_cast(value, expected):
    assert php.int_cast(value) == expected


@given(st.integers(php.INT_MIN, php.INT_MAX), st.sampled_from(["", "abc", ",5", " ", "x1"]))
def test_int_cast_takes_the_leading_number(number, tail):
    assert php.int_cast(f"{number}{tail}") == number
    assert php.int_cast(number) == number


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_int_cast_always_gives_a_64_bit_integer(value):
    assert php.INT_MIN <= php.int_cast(value) <= php.INT_MAX


@cases("value", [0, "0", False, "", None, [], {}, 0.0])
def test_falsy(value):
    assert not php.truthy(value)


@cases("value", [1, "1", True, "false", "N", "00", " ", [0], -1])
def test_truthy(value):
    assert php.truthy(value)


def test_text_cast():
    assert [php.text(v) for v in (None, False, True, 1.0, 1.5, 3, "x", [1])] == [
        "",
        "",
        "1",
        "1",
        "1.5",
        "3",
        "x",
        "Array",
    ]


@cases(
    ("query", "expected"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a", {"a": ""}),
        ("=1&&b=2", {"b": "2"}),
        ("a[b][]=x", {"a": {"b": {"0": "x"}}}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
        ("a[05]=x&a[]=y", {"a": {"05": "x", "0": "y"}}),
        ("fields[PHONE][0][VALUE]=1", {"fields": {"PHONE": {"0": {"VALUE": "1"}}}}),
        ("filter[%3EID]=5", {"filter": {">ID": "5"}}),
        ("filter%5B%3EID%5D=5", {"filter": {">ID": "5"}}),
        ("a.b c=1", {"a_b_c": "1"}),
        ("a[b.c d]=1", {"a": {"b.c d": "1"}}),
        ("  a=1", {"a": "1"}),
        ("a=x+y%20z%2B", {"a": "x y z+"}),
        ("a=1=2", {"a": "1=2"}),
        ("a[b=1", {"a_b": "1"}),
        ("a[b][c=1", {"a": {"b": "1"}}),
        ("a[b]c=1", {"a": {"b": "1"}}),
        ("a[ ]=1", {"a": {"0": "1"}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=1&a=2", {"a": "2"}),
        ("[a]=1", {}),
        ("a=%ff", {"a": "\ufffd"}),
        ("a%00b=1", {"a": "1"}),
    ],
)
def test_parse_query(query, expected):
    assert php.parse_query(query) == expected


def test_variables_beyond_the_servers_maximum_are_lost():
    decoded = php.parse_query("&".join(f"a[]={n}" for n in range(1500)))
    assert len(decoded["a"]) == 1000


def test_too_deep_nesting_is_lost():
    assert php.parse_query("a" + "[b]" * 100 + "=1") == {}


_KEYS = st.text(st.characters(exclude_characters="[]", exclude_categories=["C", "Z"]), min_size=1, max_size=6)
_NESTED = st.dictionaries(
    _KEYS,
    st.recursive(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
        lambda inner: st.dictionaries(_KEYS, inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def _build(value, name=""):
    """What PHP's http_build_query does."""
    if isinstance(value, str):
        return [f"{name}={quote_plus(value)}"]
    return [
        part
        for key, item in value.items()
        for part in _build(item, f"{name}[{quote(key, safe='')}]" if name else quote(key, safe=""))
    ]


@given(_NESTED)
def test_parse_query_reads_what_was_built(params):
    expected = {key.replace(".", "_"): value for key, value in params.items()}
    if len(expected) == len(params):
        assert php.parse_query("&".join(_build(params))) == expected


@given(st.text(max_size=60))
def test_parse_query_survives_everything(query):
    assert all(isinstance(key, str) for key in php.parse_query(query))


@given(st.text(alphabet="ab[]=&%5B.+ \0", max_size=30))
def test_parse_query_survives_brackets(query):
    assert isinstance(php.parse_query(query), dict)


@cases(
    ("value", "expected"),
    [
        ({}, "[]"),
        ([], "[]"),
        ({"a": {}}, '{"a":[]}'),
        ({"0": "a", "1": "b"}, '["a","b"]'),
        ({"1": "a"}, '{"1":"a"}'),
        ({"1": "a", "0": "b"}, '{"1":"a","0":"b"}'),
        ("a/b", r'"a\/b"'),
        ("<>&'\"", '"\\u003C\\u003E\\u0026\\u0027\\u0022"'),
        ('\\"', '"\\\\\\u0022"'),
        ("\u00fc\u4e2d", '"\u00fc\u4e2d"'),
        (2.0, "2"),
        (0.5, "0.5"),
        (None, "null"),
        ("\ud800", '"?"'),
    ],
)
def test_encode(value, expected):
    assert php.encode(value).decode() == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encode_is_json(text):
    assert json.loads(php.encode({"a": [text]})) == {"a": [text]}


@cases("body", [b"{", b"", b"5", b'"x"', b"null", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_unusable_json_is_ignored(body):
    assert php.decode_json(body) is None


def test_json_list_becomes_positional():
    assert php.decode_json(b'["a", 2]') == {"0": "a", "1": 2}


def test_lookup():
    assert php.lookup(["a", "b"], "1") == "b"
    assert php.lookup({"x": 1}, "x") == 1
    assert [php.lookup(v, "9") for v in (["a"], {}, "text", None)] == [None] * 4
