"""Envelopes in every shape they come in."""

from __future__ import annotations

import json

import pytest
from cases import cases
from rest_feed import CODE, WEBHOOK

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.replies import (
    Failure,
    Response,
    check_result,
    json_object,
    read_batch,
    read_envelope,
)
from airflow_provider_bitrix24.rest.reply import Reply, Timing


def read(body: object, status: int = 200) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_envelope(Response(status, raw), method="x.get", portal="p", secrets=WEBHOOK.secrets)


@cases("result", [None, False, True, 0, "", [], {}, [1], {"a": 1}])
def test_any_result(result):
    assert read({"result": result}) == Reply(result)


def test_everything_a_reply_may_have():
    reply = read({"result": [], "total": 120, "next": 50, "time": {"operating": 1, "operating_reset_at": 9}})
    assert (reply.total, reply.next) == (120, 50)
    assert reply.timing == Timing(1.0, 9.0)


@cases(
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
)
def test_odd_numbers(value, number):
    reply = read({"result": [], "next": value, "total": value})
    assert (reply.next, reply.total) == (number, number)


def test_numbers_beyond_all_bounds():
    assert read(b'{"result": [], "next": 1e999, "total": -Infinity}') == Reply([])
    assert read(b'{"result": [], "next": ' + b"9" * 400 + b"}") == Reply([])


@cases("time", [None, [], "x", {}, {"operating": None}, {"operating": "?"}])
def test_odd_times(time):
    reply = read({"result": 1, "time": time})
    assert reply.timing == Timing()
    assert reply.time == (time if isinstance(time, dict) else None)


@cases(
    "body",
    [b"", b"<html>", b"null", b"[]", b"5", b'{"a": 1}', b'{"result": tr', b"\xff\xfe", b"[" * 99_999],
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


@cases(
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


@cases(
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


# ---------------------------------------------------------------- a single call's result

GET = Call("crm.deal.get", {"id": 7})
ADD = Call("crm.deal.add", {"fields": {}})
ITEMS = Call("crm.item.list", {"entityTypeId": 2})
BIND = Call("crm.timeline.bindings.bind", {"fields": {"OWNER_ID": 1}})


def test_a_result_that_fits_is_passed_on():
    reply = Reply({"ID": "7"}, 1, 2, {"operating": 1})
    assert check_result(GET, reply, "p") == Outcome(GET, reply)


def test_false_is_a_denial_where_the_method_means_it():
    outcome = check_result(BIND, Reply(False), "p")
    error = outcome.error
    assert (outcome.call, outcome.reply, type(error)) == (BIND, Reply(False), e.AccessDeniedError)
    assert (error.code, error.method, error.portal) == ("ACCESS_DENIED", BIND.method, "p")
    assert error.remedy == "Give that user the right to change the CRM item."
    assert "answered 'false'" in error.description


@cases(
    ("call", "result", "problem"),
    [
        (GET, False, "returns an object, but the portal answered false"),
        (GET, None, "returns an object, but the portal answered null"),
        (GET, ["a customer's name"] * 3, "the portal answered a list of 3"),
        (GET, "a customer's name", "the portal answered a text"),
        (ADD, {"ID": "1", "TITLE": "a customer's name"}, "the portal answered an object with ID, TITLE"),
        (ADD, {}, "the portal answered an object with nothing"),
        (ITEMS, {"items": [{"id": 1}, []]}, "rows with fields, but the portal answered rows without fields"),
        (ITEMS, [[]], "rows with fields, but the portal answered rows without fields"),
        (BIND, 0, "returns true, but the portal answered 0"),
    ],
    ids=["false", "null", "list", "text", "object", "empty-object", "some-rows", "all-rows", "zero"],
)
def test_any_other_result_that_does_not_fit_is_unexpected(call, result, problem):
    outcome = check_result(call, Reply(result), "p")
    assert (outcome.call, outcome.reply) == (call, Reply(result))
    assert type(outcome.error) is e.UnexpectedResultError
    assert (outcome.error.method, outcome.error.portal) == (call.method, "p")
    assert outcome.error.description.endswith(problem)


# ---------------------------------------------------------------- a batch's answer


def batch(*calls: Call, result: object) -> list[Outcome]:
    keys = [f"c{position}" for position in range(len(calls))]
    return read_batch(calls, keys, Reply(result), portal="p", secrets=WEBHOOK.secrets)


def test_each_command_gets_what_is_told_of_it():
    times = {"operating": 1.5}
    first, second = batch(
        GET,
        Call("crm.deal.list"),
        result={
            "result": {"c0": {"ID": "7"}, "c1": []},
            "result_total": {"c1": "120"},
            "result_next": {"c1": 50},
            "result_time": {"c0": times},
        },
    )
    assert first == Outcome(GET, Reply({"ID": "7"}, None, None, times))
    assert second.reply == Reply([], 120, 50, None)


@cases(
    "result",
    [None, [], {}, {"result": [1]}, {"result": 5, "result_error": "x"}, {"result": {"other": 1}}],
)
def test_a_command_that_is_not_spoken_of_has_no_clear_outcome(result):
    outcomes = batch(GET, BIND, result=result)
    assert [outcome.call for outcome in outcomes] == [GET, BIND]
    for outcome in outcomes:
        assert type(outcome.error) is e.MalformedReplyError
        assert outcome.error.description == "the batch's answer says nothing of this call"
        assert (outcome.error.method, outcome.error.portal) == (outcome.call.method, "p")


def test_an_error_of_a_command_counts_more_than_its_result():
    [outcome] = batch(GET, result={"result": {"c0": {"ID": "7"}}, "result_error": {"c0": {"error": "X"}}})
    assert type(outcome.error) is e.RejectedError
    assert (outcome.reply, outcome.error.code) == (None, "X")
    assert (outcome.error.method, outcome.error.portal, outcome.error.status) == (GET.method, "p", 200)


@cases(
    ("error", "code", "text"),
    [
        ({"error": "X", "error_description": "d"}, "X", "d"),
        ("X", "X", ""),
        (0, "", ""),
        (None, "", ""),
        ({"error": CODE, "error_description": CODE}, "***", "***"),
    ],
)
def test_an_error_of_a_command_in_every_shape(error, code, text):
    [outcome] = batch(GET, result={"result": [], "result_error": {"c0": error}})
    assert (outcome.error.code, outcome.error.description) == (code, text)


def test_lists_by_position_speak_of_the_commands_in_order():
    first, second = batch(GET, BIND, result={"result": [{"ID": "7"}, True], "result_total": [1, 2]})
    assert [first.reply.total, second.reply.total] == [1, 2]
    assert (first.result, second.result) == ({"ID": "7"}, True)


# ---------------------------------------------------------------- bodies that are not the API's


@cases(
    ("body", "message"),
    [
        (b"", "x.get at p: HTTP 502 with a body that is empty"),
        (b" \n ", "x.get at p: HTTP 502 with a body that is empty"),
        (b"a\n  b", "x.get at p: HTTP 502 with a body that is not the API's JSON, 5 characters long"),
        (b"  <x>", "x.get at p: HTTP 502 with a body that is HTML, 3 characters long"),
        (b"x <HTML>", "x.get at p: HTTP 502 with a body that is HTML, 8 characters long"),
        (b"5", "x.get at p: HTTP 502 with a body that is not the API's JSON, 1 characters long"),
    ],
)
def test_what_came_instead_is_told(body, message):
    error = read(body, 502)
    assert str(error) == message
    assert (type(error), error.status) == (e.ServerError, 502)


@pytest.mark.parametrize(("before", "kind"), [(1995, "HTML"), (1996, "not the API's JSON")])
def test_html_is_looked_for_in_the_beginning(before, kind):
    assert f"a body that is {kind}, " in read(b"x" * before + b"<html>", 502).description


def test_of_a_page_only_its_title_is_shown_without_secrets():
    page = f"<HTML><title lang='en'>502 &amp;\n {CODE} {'y' * 500}</title>INSERT VALUES ('Ann')"
    description = read(page.encode(), 502).description
    assert description.endswith(f": '502 & *** {'y' * 190}'")


def test_half_an_answer_is_not_shown_because_it_holds_data():
    for body in (b'{"result": {"items": [{"title": "Ann"', b"[1, 'Ann'", b"Fatal error: VALUES ('Ann')"):
        assert "Ann" not in read(body, 200).description


def test_secrets_outside_the_result_become_placeholders_too():
    assert read({"result": 1, "time": {"x": CODE}}).time == {"x": "bitrix24-webhook-code"}


@cases(
    ("text", "found"),
    [("{}", {}), ('{"a": 1}', {"a": 1}), ('\ufeff{"a": 1}', {"a": 1}), ("[]", None), ("", None), ("{", None)],
)
def test_json_objects(text, found):
    assert json_object(text) == found


@pytest.mark.parametrize(
    ("time", "timing"),
    [
        ({"operating": "1.5", "operating_reset_at": 9, "duration": 0.25}, Timing(1.5, 9.0, 0.25)),
        ({"duration": 0}, Timing(duration=0.0)),
        ({"operating": True, "operating_reset_at": "inf", "duration": [1]}, Timing()),
    ],
    ids=repr,
)
def test_times(time, timing):
    assert Timing.parse(time) == timing
    assert Reply(None, time=time).timing == timing


def test_an_answer_is_quick_and_leads_nowhere_unless_told():
    assert (Response(200, b"").location, Response(200, b"").elapsed, Failure(e.ServerError()).elapsed) == (
        "",
        0.0,
        0.0,
    )


def test_errors_name_the_method_and_the_portal():
    error = read({"error": "X"}, 400)
    assert (error.method, error.portal, error.status) == ("x.get", "p", 400)
    [outcome] = batch(GET, result={"result": {"c0": []}})
    assert (outcome.error.method, outcome.error.portal) == (GET.method, "p")


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        (r'"\u0000"', True),
        (r'{"\ud83d": 1}', True),
        (r'"\uDE00"', True),
        (r'"\\u0000 \\ud83d"', False),
        (r'"\u0421\ud83d\ude00 \uD83D\uDE00"', False),
    ],
)
def test_an_answer_is_told_as_changed_only_where_it_was(text, is_told, caplog):
    read(f'{{"result": {text}}}'.encode())
    assert ("which became U+FFFD" in caplog.text) is is_told
