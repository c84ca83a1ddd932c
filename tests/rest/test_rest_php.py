"""What a batch command carries is what PHP reads out of it, and nothing else is put into one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as s

from airflow_provider_bitrix24.rest import php
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.testing import php as portal
from airflow_provider_bitrix24.testing.batch import BatchResult, split_command, substitute

_CONSUMED = ("method", "auth", "access_token", "ap", "aplogin", "token", "sessid", "state")
_plain = s.one_of(
    s.text(max_size=12),
    s.sampled_from(["$result[a][b]", "<b>", "a=b&c", "100 %", "#", "1e3", " x ", "Ä€\U0001f600"]),
    s.integers(-(2**63), 2**63 - 1),
    s.floats(allow_nan=False, allow_infinity=False),
)
_keys = s.one_of(
    s.text(max_size=6),
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


@pytest.mark.parametrize(
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
    ids=lambda params: str(params)[:40],
)
def test_carried(params):
    assert php.carries(params)
    call = Call("x.get", params)
    assert as_php(decoded(call.command())) == as_php(call.params)


@pytest.mark.parametrize(
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
        {"a": {"x\x00y": 1}},
        {"a": "x\x00y"},
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
    ids=lambda params: repr(params)[:40],
)
def test_refused(params):
    assert not php.carries(params)
    assert not Call("x.get", params).fits_batch


@pytest.mark.parametrize("method", ["batch", "BATCH", "upload", "download"])
def test_methods_that_a_batch_refuses(method):
    assert not Call(method, {"a": "b"}).fits_batch
