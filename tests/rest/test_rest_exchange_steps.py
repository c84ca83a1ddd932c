"""What an exchange asks its driver for: slots, meters, pauses, and what it says of each."""

from __future__ import annotations

import pytest
from cases import cases
from rest_feed import (
    CODE,
    STEADY,
    WEBHOOK,
    Steps,
    html,
    lost,
    maps,
    moved,
    ok,
    refusal,
)

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest import steps as st
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.exchange import exchange
from airflow_provider_bitrix24.rest.pacing import Limits, Reading
from airflow_provider_bitrix24.rest.replies import Response
from airflow_provider_bitrix24.rest.session import Policy, Session

GET = Call("crm.deal.get", {"id": 7})
ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})
LIST = Call("CRM.Deal.List")
DEAL = {"ID": "7"}
PORTAL = "portal.bitrix24.com"


def patient(max_wait: float, jitter: float = 0.0) -> Session:
    return Session(WEBHOOK, policy=Policy(jitter=lambda: jitter, max_wait=max_wait))


# ---------------------------------------------------------------- before sending


def test_the_steps_of_one_call_in_order():
    feed = Steps([ok(DEAL)])
    feed.result(GET)
    meter = f"{WEBHOOK.identity}/call/crm.deal.get"
    blocked, reserve, send, settle = feed.steps
    assert blocked == st.Blocked((meter,))
    assert reserve == st.Reserve(PORTAL, 660.0)
    assert type(send) is st.Send
    assert settle == st.Settle(PORTAL, settle.slot, True, (Reading(meter, False),))


def test_a_batch_asks_for_each_of_its_meters_once():
    feed = Steps([maps(result={"c0": DEAL, "c1": [], "c2": DEAL})])
    feed.run(GET, LIST, GET)
    prefix = f"{WEBHOOK.identity}/batch"
    assert feed.of(st.Blocked) == [st.Blocked((f"{prefix}/crm.deal.get", f"{prefix}/crm.deal.list"))]


def test_a_slot_may_be_as_far_away_as_is_left_of_the_patience():
    feed = Steps([refusal("QUERY_LIMIT_EXCEEDED", "", 503)] * 2 + [ok(DEAL)], session=patient(100.0))
    feed.result(GET)
    assert [step.at_most for step in feed.of(st.Reserve)] == pytest.approx([100.0, 100.0, 99.0])


@pytest.mark.parametrize(("max_wait", "waits"), [(70.0, [10, 20, 40]), (69.999, [10, 20])])
def test_patience_ends_with_the_last_second_allowed(max_wait, waits):
    feed = Steps([refusal("OPERATION_TIME_LIMIT", "", 429)] * 3, session=patient(max_wait))
    feed.script += [ok(DEAL)] * (len(waits) - 2)
    [outcome] = feed.run(GET)
    assert feed.waits == waits
    assert outcome.ok is (len(waits) == 3)
    assert all(pause.notable for pause in feed.pauses)


@pytest.mark.parametrize(
    ("calls", "method"), [([GET], "crm.deal.get"), ([GET, ADD], "batch")], ids=["one", "batch"]
)
def test_a_full_bucket_is_told_with_everything(calls, method):
    feed = Steps([], session=patient(0.2))
    feed.fill(60)
    outcomes = feed.run(*calls)
    assert [outcome.call for outcome in outcomes] == calls
    for outcome in outcomes:
        error = outcome.error
        assert (type(error), error.code) == (e.RequestLimitError, "QUERY_LIMIT_EXCEEDED")
        assert (error.method, error.portal) == (method, PORTAL)
        assert error.retry_after == pytest.approx(6.5, rel=0.01)
        assert error.description == "the requests of this machine already fill the portal's limit"


def test_a_bucket_that_others_filled_is_not_blamed_on_this_machine():
    feed = Steps([refusal("QUERY_LIMIT_EXCEEDED", "", 503)], session=patient(0.2))
    error = feed.error(GET)
    assert (type(error), error.code) == (e.RequestLimitError, "QUERY_LIMIT_EXCEEDED")
    assert error.description == "the portal refuses further requests from this address"


def test_used_up_operating_time_is_told_with_everything():
    feed = Steps([refusal("OPERATION_TIME_LIMIT", "", 429)], session=patient(1.0))
    error = feed.error(GET)
    assert (type(error), error.code) == (e.OperationTimeLimitError, "OPERATION_TIME_LIMIT")
    assert (error.method, error.portal, error.retry_after) == ("crm.deal.get", PORTAL, 10.0)
    assert error.description == "the method's operating time is used up, or nearly"


def test_of_several_blocked_methods_the_first_to_be_free_is_waited_for():
    first = maps(
        result={"c0": DEAL, "c2": []},
        error={"c1": _blocked(), "c3": _blocked()},
        time={"c0": {"operating_reset_at": 1200}, "c2": {"operating_reset_at": 1050}},
    )
    feed = Steps([first, ok([]), ok(DEAL)])
    prefix = f"{WEBHOOK.identity}/batch"
    outcomes = feed.run(GET, GET, LIST, LIST)
    assert all(outcome.ok for outcome in outcomes)
    assert feed.waits == [50.0], "the other one then goes alone, which is metered apart"
    assert feed.pauses[0].why == f"crm.deal.get: operating time limit of {PORTAL}"
    assert feed.of(st.Blocked)[1].meters == (f"{prefix}/crm.deal.get", f"{prefix}/crm.deal.list")


def _blocked() -> dict[str, str]:
    return {"error": "OPERATION_TIME_LIMIT", "error_description": "Method is blocked"}


@pytest.mark.parametrize(
    ("requests", "notable", "seconds"),
    [(57, False, 5.0), (58, True, 5.5)],
    ids=["ordinary", "long"],
)
def test_a_longer_wait_for_a_slot_is_notable_and_spread(requests, notable, seconds):
    session = Session(WEBHOOK, Limits(2.0 / 0.999, 51), Policy(jitter=lambda: 1.0))
    feed = Steps([ok(DEAL)], session=session)
    feed.fill(requests)
    feed.result(GET)
    [pause] = feed.pauses
    assert pause.notable is notable
    assert pause.seconds == pytest.approx(seconds * (1.1 if notable else 1.0))
    assert pause.why == f"crm.deal.get: request limit of {PORTAL}"


def test_a_wait_after_a_refusal_is_notable_however_short():
    feed = Steps([refusal("QUERY_LIMIT_EXCEEDED", "", 503), ok(DEAL)], session=patient(660.0, jitter=1.0))
    feed.result(GET)
    assert [(pause.notable, pause.seconds) for pause in feed.pauses] == [(True, pytest.approx(1.1))]


def test_after_an_answer_that_passes_waits_are_ordinary_again():
    feed = Steps([refusal("QUERY_LIMIT_EXCEEDED", "", 503), html(500), ok(DEAL)])
    feed.result(GET)
    assert [pause.notable for pause in feed.pauses] == [True, True, False]
    assert feed.pauses[1].why.startswith("attempt 1 of 6 failed: ")
    assert feed.of(st.IsCurrent)[0] == st.IsCurrent(PORTAL, feed.settled[1].slot)


# ---------------------------------------------------------------- what is sent


def test_characters_are_sent_as_they_are():
    feed = Steps([ok(DEAL)])
    feed.result(Call("crm.deal.get", {"TITLE": "Дом"}))
    assert feed.sent[0].body == '{"TITLE": "Дом"}'.encode()


@pytest.mark.parametrize(("calls", "fresh"), [([GET], False), ([ADD], True), ([GET, ADD], True)])
def test_only_what_must_not_be_repeated_needs_a_new_connection(calls, fresh):
    answer = ok(DEAL if calls == [GET] else 5) if len(calls) == 1 else maps(result={"c0": DEAL, "c1": 5})
    feed = Steps([answer])
    feed.run(*calls)
    assert feed.sent[0].fresh_connection is fresh


# ---------------------------------------------------------------- what an answer is made of


@cases(("calls", "method"), [([GET], "crm.deal.get"), ([GET, LIST], "batch")])
@cases("answer", [lost(), html(502), refusal("INTERNAL_SERVER_ERROR", "", 500)])
def test_trouble_is_named_by_what_was_sent(calls, method, answer):
    feed = Steps([answer] * 6)
    for outcome, call in zip(feed.run(*calls), calls, strict=True):
        assert outcome.call == call
        assert (outcome.error.method, outcome.error.portal) == (method, PORTAL)


def test_what_is_no_batch_is_named():
    outcomes = Steps([ok(5)] * 6).run(GET, LIST)
    assert [outcome.call for outcome in outcomes] == [GET, LIST]
    for outcome in outcomes:
        assert (type(outcome.error), outcome.error.description) == (
            e.MalformedReplyError,
            "not a batch's answer",
        )
        assert (outcome.error.method, outcome.error.portal) == ("batch", PORTAL)


def test_a_wrong_result_and_an_error_of_a_command_are_named():
    single = Steps([ok([])]).error(GET)
    _, wrong, silent, refused = Steps(
        [maps(result={"c0": DEAL, "c1": {}}, error={"c3": {"error": "NOT_FOUND"}})]
    ).drive(exchange([GET, LIST, ADD, GET], Session(WEBHOOK, policy=STEADY)))
    for error, method in (
        (single, "crm.deal.get"),
        (wrong.error, "CRM.Deal.List"),
        (refused.error, GET.method),
    ):
        assert (error.method, error.portal) == (method, PORTAL)
    assert (silent.call, type(silent.error)) == (ADD, e.AmbiguousWriteError)


def test_an_unclear_write_is_told_with_everything_that_came():
    error = Steps([html(502)]).error(ADD)
    assert (error.code, error.method, error.portal, error.status) == ("", "crm.deal.add", PORTAL, 502)
    assert error.description.startswith(
        "it is not known whether the portal carried this out: crm.deal.add at"
    )
    assert error.remedy == e.AmbiguousWriteError.advice
    assert Steps([refusal("INTERNAL_SERVER_ERROR", "", 500)]).error(ADD).code == "INTERNAL_SERVER_ERROR"


@cases(
    ("status", "location", "cls"),
    [
        (300, "/", e.RedirectRefusedError),
        (399, "/", e.RedirectRefusedError),
        (299, "/", e.MalformedReplyError),
        (400, "/", e.RejectedError),
        (302, "", e.MalformedReplyError),
    ],
)
def test_a_redirect_is_a_status_and_an_address(status, location, cls):
    error = Steps([Response(status, b"<html>", location)] * (6 if cls is e.MalformedReplyError else 1)).error(
        GET
    )
    assert type(error) is cls


def test_a_portal_may_move_three_times_in_one_exchange():
    path = f"/rest/1/{CODE}/crm.deal.get"
    moves = [moved(f"https://{name}.bitrix24.com{path}") for name in "abcd"]
    assert Steps([*moves[:3], ok(DEAL)]).result(GET) == DEAL
    feed = Steps(moves)
    error = feed.error(GET)
    assert (error.description, error.portal) == ("the portal redirects in a circle", "c.bitrix24.com")


# ---------------------------------------------------------------- what is accounted for


def test_readings_of_a_batch_are_added_up_by_meter():
    times = [
        {"duration": 0.5, "operating": 3.0, "operating_reset_at": 1100},
        {"duration": 0.25},
        {"duration": 0.05},
    ]
    feed = Steps(
        [
            maps(
                result={"c0": DEAL, "c1": DEAL, "c2": []},
                time={f"c{n}": time for n, time in enumerate(times)},
            )
        ]
    )
    feed.run(GET, GET, LIST)
    prefix = f"{WEBHOOK.identity}/batch"
    assert feed.settled[0].readings == (
        Reading(f"{prefix}/crm.deal.get", False, 1100.0, None, 0.75),
        Reading(f"{prefix}/crm.deal.list", False, None, None, 0.0),
    )


def test_a_block_keeps_what_the_same_batch_told_before():
    feed = Steps(
        [
            maps(
                result={"c0": DEAL},
                error={"c1": _blocked(), "c2": {"error": "NOT_FOUND"}},
                time={"c0": {"duration": 0.5, "operating": 3.0, "operating_reset_at": 1100}},
            ),
            ok(DEAL),
        ]
    )
    feed.run(GET, GET, GET)
    meter = f"{WEBHOOK.identity}/batch/crm.deal.get"
    assert feed.settled[0].readings == (Reading(meter, True, 1100.0, 3.0, 0.5),)


def test_a_refusal_without_more_tells_only_that():
    feed = Steps([refusal("OPERATION_TIME_LIMIT", "", 429), ok(DEAL)])
    feed.result(GET)
    meter = f"{WEBHOOK.identity}/call/crm.deal.get"
    assert feed.settled[0].readings == (Reading(meter, True),)
    assert feed.settled[0].passed is True
    assert feed.settled[0].portal == PORTAL


@pytest.mark.parametrize("answer", [lost(), html(500), refusal("NOT_FOUND")], ids=["lost", "html", "error"])
def test_an_answer_without_times_is_no_reading(answer):
    feed = Steps([answer] + [ok(DEAL)] * (answer != refusal("NOT_FOUND")))
    feed.drive(exchange([GET], feed.session))
    assert feed.settled[0].readings == ()
