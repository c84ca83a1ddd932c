"""Envelopes in every shape they come in."""

from __future__ import annotations

import json

import pytest
from rest_feed import CODE, WEBHOOK

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.replies import Reply, Response, Timing, read_envelope


def read(body: object, status: int = 200) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_envelope(Response(status, raw), method="x.get", portal="p", secrets=WEBHOOK.secrets)


@pytest.mark.parametrize("result", [None, False, True, 0, "", [], {}, [1], {"a": 1}], ids=repr)
def test_any_result(result):
    assert read({"result": result}) == Reply(result)


def test_everything_a_reply_may_have():
    reply = read({"result": [], "total": 120, "next": 50, "time": {"operating": 1, "operating_reset_at": 9}})
    assert (reply.total, reply.next) == (120, 50)
    assert reply.timing == Timing(1.0, 9.0)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("50", 50),
        (50.0, 50),
        (True, None),
        (None, None),
        ("x", None),
        ([], None),
        ("nan", None),
        ("1e999", None),
    ],
    ids=repr,
)
def test_odd_numbers(value, number):
    reply = read({"result": [], "next": value, "total": value})
    assert (reply.next, reply.total) == (number, number)


def test_numbers_beyond_all_bounds():
    assert read(b'{"result": [], "next": 1e999, "total": -Infinity}') == Reply([])
    assert read(b'{"result": [], "next": ' + b"9" * 400 + b"}") == Reply([])


@pytest.mark.parametrize("time", [None, [], "x", {}, {"operating": None}, {"operating": "?"}], ids=repr)
def test_odd_times(time):
    assert read({"result": 1, "time": time}).timing == Timing()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b"5", b'{"a": 1}', b'{"result": tr', b"\xff\xfe", b"[" * 99_999],
    ids=repr,
)
def test_what_is_no_envelope(body):
    error = read(body)
    assert type(error) is e.MalformedReplyError
    assert (error.status, error.method, error.portal) == (200, "x.get", "p")
    assert len(str(error)) < 400


@pytest.mark.parametrize(("body", "kind"), [(b" ", "empty"), (b"<!DOCTYPE", "HTML"), (b"x", "not the API")])
def test_what_came_instead_is_named(body, kind):
    assert kind in str(read(body, 502))


def test_a_byte_order_mark_does_no_harm():
    assert read(b'\xef\xbb\xbf{"result": 1}') == Reply(1)


def test_broken_characters_do_no_harm():
    assert read(b'{"result": "a\xffb"}') == Reply("a\ufffdb")


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"error": "X", "error_description": "text"}, "X", "text"),
        ({"error": "", "error_description": ""}, "", ""),
        ({"error": 0, "error_description": None}, "", ""),
        ({"error": "0"}, "", ""),
        ({"error": None}, "", ""),
        ({"error": 100}, "100", ""),
        ({"error": "E", "error_description": "t", "argument": "id"}, "E", "t (argument id)"),
        ({"error": {"code": "C", "message": "m"}}, "C", "m"),
        (
            {"error": {"code": "C", "message": "m", "validation": [{"field": "f", "message": "no"}, 5]}},
            "C",
            "m; f: no",
        ),
        ({"error": {"code": "C", "message": "m", "validation": 5}}, "C", "m"),
        ({"error": {}}, "", ""),
        ({"error": "X", "result": 5}, "X", ""),
    ],
    ids=repr,
)  # fmt: skip
def test_errors(body, code, text):
    error = read(body, 400)
    assert isinstance(error, e.Bitrix24Error)
    assert (error.code, error.description) == (code, text)


def test_secrets_in_results_become_placeholders():
    link = f"https://portal.bitrix24.com/rest/1/{CODE}/download/?token=x"
    assert read({"result": {"url": [link], CODE: 1}}) == Reply(
        {
            "url": ["https://portal.bitrix24.com/rest/1/bitrix24-webhook-code/download/?token=x"],
            "bitrix24-webhook-code": 1,
        }
    )


@pytest.mark.parametrize(
    "body",
    [
        {"error": "X", "error_description": f"at /rest/1/{CODE}/profile"},
        {"error": CODE, "error_description": "x"},
        {"error": "X", "argument": CODE},
        {"error": {"code": "C", "message": CODE, "validation": [{"field": CODE, "message": CODE}]}},
        f"<html>Not found: /rest/1/{CODE}/profile</html>",
    ],
    ids=["description", "code", "argument", "validation", "html"],
)
def test_secrets_in_errors_are_masked(body):
    error = read(body.encode() if isinstance(body, str) else body, 400)
    assert CODE not in str(error)
    assert CODE not in repr(error.fields())


def test_bodies_are_not_shown():
    assert "private" not in repr(Response(200, b"private"))
