"""Calls: what can be sent, and what is refused before anything is."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from fractions import Fraction

import numpy
import pendulum
import pytest
from cases import cases

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.methods import Repeatability
from airflow_provider_bitrix24.rest.reply import Reply


class Stage(str, enum.Enum):  # noqa: UP042 - the older form, whose str() is not its value
    WON = "WON"


class Kinds(enum.IntEnum):
    DEAL = 2


class Index:
    """Like numpy's integers."""

    def __index__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return "Index()"


@cases(
    ("value", "sent"),
    [
        ("text", "text"),
        ("", ""),
        (None, None),
        (True, True),
        (5, 5),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        (1.5, 1.5),
        (Index(), 7),
        (Kinds.DEAL, 2),
        (Stage.WON, "WON"),
        (Decimal("10.50"), "10.50"),
        (Decimal("1E+3"), "1000"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (pendulum.datetime(2026, 1, 2, 3, 4, 5, tz="Europe/Berlin"), "2026-01-02T03:04:05+01:00"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=datetime.UTC), "2026-01-02T03:04:05+00:00"),
        (("a", "b"), ["a", "b"]),
        ({"x": {1: (None,)}}, {"x": {"1": [None]}}),
        ({Kinds.DEAL: 1, Stage.WON: 2}, {"2": 1, "WON": 2}),
    ],
)
def test_values(value, sent):
    params = Call("x.get", {"value": value}).params
    assert params == {"value": sent}
    assert type(params["value"]) is type(sent)


@cases(
    ("value", "problem"),
    [
        (float("nan"), r"params\.value: nan cannot be sent"),
        (float("inf"), "inf cannot be sent"),
        (Decimal("NaN"), "cannot be sent"),
        (2**63, "the portal would round it"),
        (-(2**63) - 1, "the portal would round it"),
        (10**5000, "the portal would round it"),
        (b"bytes", "cannot be sent"),
        ({1, 2}, "cannot be sent"),
        (numpy.array([1, 2]), r"params\.value: array\(\[1, 2\]\) cannot be sent"),
        (Fraction(1, 2), "cannot be sent"),
        (object, "cannot be sent"),
        (datetime.time(1, 2), "cannot be sent"),
        (datetime.datetime(2026, 1, 2, 3, 4), "has no time zone"),
        ("half \ud800", "lone surrogate"),
        ([["ok", b"x"]], r"params\.value\[0\]\[1\]"),
        ({"a": {"b": {1.5}}}, r"params\.value\.a\.b"),
        ({None: 1}, "None is not a parameter's name"),
        ({True: 1}, "True is not a parameter's name"),
        ({"\ud800": 1}, "lone surrogate"),
        ({1: "a", "1": "b"}, "twice"),
    ],
)
def test_values_that_are_refused(value, problem):
    with pytest.raises(e.InvalidInputError, match=problem) as caught:
        Call("x.get", {"value": value})
    assert len(str(caught.value)) < 400


@cases("method", ["profile", "crm.deal.get", "CRM.Deal.Get", "user_x.get", "a1.b2"])
def test_methods(method):
    assert Call(method).method == method


@cases(
    "method",
    [
        "",
        " profile",
        "profile ",
        "a..b",
        ".a",
        "a.",
        "a/b",
        "a?b=1",
        "a&b",
        "a#b",
        "1a",
        "ä.get",
        None,
        5,
        b"a",
    ],
)
def test_methods_that_are_refused(method):
    with pytest.raises(e.InvalidInputError, match="is not the name of an API method"):
        Call(method)


@cases("tail", ["profile", "", "profile?auth=s3cr3tcode12345", "/"])
def test_an_address_given_as_method_is_not_echoed(tail):
    with pytest.raises(e.InvalidInputError) as caught:
        Call(f"https://portal.bitrix24.com/rest/1/s3cr3tcode12345/{tail}".rstrip("/"))
    assert "s3cr3tcode12345" not in str(caught.value)


@cases("name", ["auth", "AUTH", "access_token", "ap", "token", "sessid", "method", "state"])
def test_names_that_the_portal_takes_for_itself(name):
    with pytest.raises(e.InvalidInputError, match=rf"params\.{name}: Bitrix24 takes this name") as caught:
        Call("x.get", {name: "s3cr3t"})
    assert "s3cr3t" not in str(caught.value)
    assert Call("x.get", {"fields": {name: 1}}).params == {"fields": {name: 1}}, "further in it is free"


@pytest.mark.parametrize("params", ["id=7", [("id", 7)], 5], ids=repr)
def test_params_are_a_mapping(params):
    with pytest.raises(e.InvalidInputError, match="is not a mapping"):
        Call("x.get", params)


def test_params_are_a_copy():
    given = {"fields": {"A": [1]}}
    call = Call("x.get", given)
    given["fields"]["A"].append(2)
    assert call.params == {"fields": {"A": [1]}}


def test_params_are_not_shown():
    assert repr(Call("x.get", {"TITLE": "private"})) == "Call(method='x.get', repeatable=None)"


@pytest.mark.parametrize("repeatable", ["true", 1, 0], ids=repr)
def test_repeatable_is_a_boolean(repeatable):
    with pytest.raises(e.InvalidInputError, match="repeatable"):
        Call("x.get", repeatable=repeatable)


@cases(
    ("method", "repeatable", "expected"),
    [
        ("crm.deal.get", None, True),
        ("crm.deal.get", False, False),
        ("crm.deal.add", None, False),
        ("crm.deal.add", True, True),
        ("crm.timeline.bindings.bind", None, True),
    ],
)
def test_may_repeat(method, repeatable, expected):
    assert Call(method, repeatable=repeatable).may_repeat is expected


@pytest.mark.parametrize(("params", "reads"), [({}, False), ({"start": 0}, True), ({"START": 50}, True)])
def test_reads_page(params, reads):
    assert Call("crm.deal.list", params).reads_page is reads


@pytest.mark.parametrize(
    ("params", "command"),
    [({}, "x.get"), ({"id": 7}, "x.get?id=7"), ({"filter": {">ID": "a&b"}}, "x.get?filter[%3EID]=a%26b")],
)
def test_command(params, command):
    assert Call("x.get", params).command() == command


def test_outcomes():
    call = Call("x.get")
    good, bad = Outcome(call, Reply([1])), Outcome(call, Reply(False), e.AccessDeniedError("no"))
    assert (good.ok, good.result, good.unwrap()) == (True, [1], [1])
    assert (bad.ok, bad.result) == (False, None)
    assert Outcome(call).unwrap() is None
    with pytest.raises(e.AccessDeniedError):
        bad.unwrap()


# ---------------------------------------------------------------- what is known of methods

READ, REPEATABLE, ONE_SHOT = Repeatability.READ, Repeatability.REPEATABLE, Repeatability.ONE_SHOT
_NEW, _OLD = [{"VALUE": "+1"}], [{"ID": "5", "VALUE": "+1"}]


@cases(
    ("method", "params", "kind"),
    [
        ("crm.deal.get", {}, READ),
        ("CRM.DEAL.LIST", {}, READ),
        ("crm.item.fields", {}, READ),
        ("user.current", {}, READ),
        ("user.search", {}, READ),
        ("app.info", {}, READ),
        ("profile", {}, READ),
        ("scope", {}, READ),
        ("server.time", {}, READ),
        ("event.offline.get", {}, ONE_SHOT),
        ("crm.deal.add", {}, ONE_SHOT),
        ("crm.item.add", {}, ONE_SHOT),
        ("crm.deal.delete", {}, ONE_SHOT),
        ("crm.timeline.comment.add", {}, ONE_SHOT),
        ("crm.timeline.comment.update", {}, ONE_SHOT),
        ("im.notify.personal.add", {}, ONE_SHOT),
        ("some.budget", {}, ONE_SHOT),
        ("batch", {}, ONE_SHOT),
        ("crm.timeline.bindings.bind", {}, REPEATABLE),
        ("crm.timeline.bindings.unbind", {}, REPEATABLE),
        ("crm.deal.update", {"id": 1, "fields": {"TITLE": "x"}}, REPEATABLE),
        ("crm.deal.update", {}, REPEATABLE),
        ("crm.contact.update", {"fields": {"PHONE": _OLD}}, REPEATABLE),
        ("crm.contact.update", {"fields": {"PHONE": []}}, REPEATABLE),
        ("crm.contact.update", {"fields": {"PHONE": _NEW}}, ONE_SHOT),
        ("crm.contact.update", {"FIELDS": {"phone": _OLD + _NEW}}, ONE_SHOT),
        ("crm.contact.update", {"fields": {"EMAIL": {"0": _NEW[0]}}}, ONE_SHOT),
        ("crm.contact.update", {"fields": {"EMAIL": {"0": _OLD[0]}}}, REPEATABLE),
        ("crm.contact.update", {"fields": {"WEB": "x"}}, ONE_SHOT),
        ("crm.item.update", {"fields": {"fm": {"n0": {"value": "x"}}}}, ONE_SHOT),
        ("crm.item.update", {"fields": {"fm": {"0": {"value": "x"}}}}, ONE_SHOT),
        ("crm.item.update", {"fields": {"fm": [{"value": "x"}]}}, ONE_SHOT),
        ("crm.item.update", {"fields": {"fm": {"156": {"value": "x"}}}}, REPEATABLE),
        ("crm.item.update", {"fields": {"title": "x"}}, REPEATABLE),
    ],
)
def test_kinds(method, params, kind):
    assert Call(method, params).facts.kind is kind


@cases(
    ("method", "result", "fits"),
    [
        ("crm.timeline.bindings.bind", True, True),
        ("crm.timeline.bindings.bind", 1, False),
        ("crm.deal.add", 5, True),
        ("crm.deal.add", "5", True),
        ("crm.deal.add", "0", False),
        ("crm.deal.add", "²", False),
        ("crm.deal.add", True, False),
        ("crm.deal.add", None, False),
        ("crm.deal.get", {"ID": "1"}, True),
        ("crm.deal.get", [], False),
        ("crm.deal.get", {}, False),
        ("crm.deal.list", [], True),
        ("crm.deal.list", {}, False),
        ("crm.deal.update", True, True),
        ("crm.deal.update", False, False),
        ("crm.category.get", [], True),
    ],
)
def test_results(method, result, fits):
    assert Call(method).facts.returns(result) is fits


def test_an_update_that_adds_keeps_its_result():
    facts = Call("crm.contact.update", {"fields": {"PHONE": _NEW}}).facts
    assert facts.returns(True)
    assert not facts.returns(5)


# ---------------------------------------------------------------- what a refusal says


@cases(
    ("method", "params", "message"),
    [
        ("a/b", {}, "method: 'a/b' is not the name of an API method. Give a name like 'crm.deal.get'"),
        ("x.get", [1], r"params: \[1\] is not a mapping. Give the method's parameters by name\."),
        ("x.get", {"AUTH": 1}, "params.AUTH: .* would not get it. Leave it out: credentials come from"),
        ("x.get", {"a": [b"x"]}, r"params\.a\[0\]: b'x' cannot be sent as JSON. Send text, whole or finite"),
        (
            "x.get",
            {"a": 2**63},
            r"params\.a: the number lies outside -2\^63 to 2\^63-1, so .* Send it as text\.",
        ),
        (
            "x.get",
            {"a": datetime.datetime(2026, 1, 2)},
            r"params\.a: datetime.datetime\(2026, 1, 2, 0, 0\) has no time zone.* Give a time with a zone",
        ),
        ("x.get", {"a": {"b": "\ud800"}}, r"params\.a\.b: the text holds half a character"),
        ("x.get", {"a": {"\ud800": 1}}, r"params\.a: the text holds half a character"),
        ("x.get", {"a": {None: 1}}, r"params\.a: None is not a parameter's name"),
        ("x.get", {None: 1}, "params: None is not a parameter's name"),
        ("x.get", {"a": {"1": 0, 1: 0}}, r"params\.a: a name is there twice"),
        ("x.get", {"a": {"b": [[], {5: {1}}]}}, r"params\.a\.b\[1\]\.5: \{1\} cannot be sent"),
    ],
)
def test_a_refusal_names_the_field_the_value_and_the_remedy(method, params, message):
    with pytest.raises(e.InvalidInputError, match=message):
        Call(method, params)


def test_a_refused_flag_is_named():
    with pytest.raises(e.InvalidInputError, match="repeatable: 'yes' is not one of True, False, None"):
        Call("x.get", repeatable="yes")


@pytest.mark.parametrize(
    ("length", "shown"),
    [(78, f"'{'/' * 78}' is not"), (79, f"'{'/' * 76}... is not")],
    ids=["at-the-limit", "longer"],
)
def test_a_long_value_is_shown_in_part(length, shown):
    with pytest.raises(e.InvalidInputError, match=f"method: {shown}"):
        Call("/" * length)


@cases("method", ["batch", "BATCH", "upload", "download"])
def test_what_no_batch_takes(method):
    assert Call(method).fits_batch is False


@pytest.mark.parametrize(("params", "fits"), [({}, True), ({"a": 1}, True), ({"a": None}, False)])
def test_what_a_batch_carries(params, fits):
    assert Call("x.get", params).fits_batch is fits


def test_a_float_of_another_library_is_sent_as_a_plain_one():
    [value] = Call("x.get", {"a": numpy.float64(1.5)}).params.values()
    assert (value, type(value)) == (1.5, float)


def test_any_integer_of_another_library_is_sent_as_a_plain_one():
    [value] = Call("x.get", {"a": numpy.int64(2**63 - 1)}).params.values()
    assert (value, type(value)) == (2**63 - 1, int)
