"""The life of a call, without a socket: what is sent, what is sent again, and what never is."""

from __future__ import annotations

import pytest
from cases import cases
from rest_feed import (
    CODE,
    TIMES,
    WEBHOOK,
    Feed,
    html,
    lost,
    ok,
    refusal,
    unreachable,
)
from rest_samples import ADD, DEAL, GET, bind, not_done, unclear

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.exchange import Policy, Session, guard_pages
from airflow_provider_bitrix24.rest.pacing import Limits
from airflow_provider_bitrix24.rest.replies import Failure
from airflow_provider_bitrix24.rest.reply import Reply

# ---------------------------------------------------------------- one call


def test_one_call_is_sent_once_and_paced():
    feed = Feed([ok(DEAL, time=TIMES)])
    assert feed.result(GET) == DEAL
    [request] = feed.sent
    assert request.address.reveal() == f"https://portal.bitrix24.com/rest/1/{CODE}/crm.deal.get"
    assert request.body == b'{"id": 7}'
    assert request.fresh_connection is False
    [settled] = feed.settled
    assert settled.passed is True
    assert settled.readings[0].reset_at == 5000
    assert feed.pauses == []


def test_nothing_to_do():
    assert Feed([]).run() == []


@unclear
@cases(("call", "result"), [(GET, DEAL), (bind(5), True)], ids=["read", "repeatable-write"])
def test_repeated_after_an_unclear_failure(answer, call, result):
    feed = Feed([answer, answer, ok(result)])
    assert feed.result(call) == result
    assert len(feed.sent) == 3
    assert feed.waits == [0.375, 0.75]


@unclear
@cases(
    "call",
    [ADD, Call("some.unknown.method"), Call("crm.deal.get", {"id": 7}, repeatable=False)],
    ids=["add", "unknown", "told-so"],
)
def test_a_one_shot_write_is_sent_exactly_once(answer, call):
    feed = Feed([answer])
    error = feed.error(call)
    assert type(error) is e.AmbiguousWriteError
    assert error.method == call.method
    assert error.portal == "portal.bitrix24.com"
    assert len(feed.sent) == 1
    assert feed.sent[0].fresh_connection
    assert feed.pauses == []


@not_done
def test_a_one_shot_write_that_was_not_done_is_sent_again(answer):
    feed = Feed([answer, ok(5)])
    assert feed.result(ADD) == 5
    assert len(feed.sent) == 2
    assert len(feed.pauses) == 1


def test_a_write_that_may_be_repeated_because_the_caller_says_so():
    feed = Feed([lost(), ok(5)])
    assert feed.result(Call("crm.deal.add", {"fields": {}}, repeatable=True)) == 5


@pytest.mark.parametrize(
    ("answer", "cls"),
    [(lost(), e.ConnectionLostError), (unreachable(), e.PortalUnreachableError), (html(502), e.ServerError)],
    ids=["lost", "unreachable", "http-502"],
)
def test_attempts_end(answer, cls):
    feed = Feed([answer] * 6)
    error = feed.error(GET)
    assert type(error) is cls
    assert error.method == "crm.deal.get"
    assert len(feed.sent) == 6
    assert feed.waits == [0.375, 0.75, 1.5, 3.0, 6.0]
    assert "attempt 5 of 6 failed" in feed.pauses[-1].why


def test_pauses_grow_up_to_a_bound_and_spread():
    policy = Policy(jitter=lambda: 1.0)
    assert [policy.pause(n) for n in (1, 2, 6, 20)] == [0.5, 1.0, 16.0, 16.0]
    assert policy.spread(10.0) == pytest.approx(11.0)


@pytest.mark.parametrize("tls", [e.TlsError, e.InvalidConnectionError])
def test_what_no_retry_cures_is_not_retried(tls):
    feed = Feed([Failure(tls("certificate"))])
    assert type(feed.error(GET)) is tls
    assert feed.pauses == []


# ---------------------------------------------------------------- unbind: gone is done


@unclear
def test_not_found_after_an_unclear_unbind_is_success(answer):
    feed = Feed([answer, refusal("", "Not found.")])
    assert feed.result(bind(5, "unbind")) is True


@pytest.mark.parametrize(
    ("code", "gone"), [("BINDING_NOT_FOUND", True), ("NOT_FOUND", False)], ids=["binding", "activity"]
)
def test_only_a_missing_binding_means_that_an_activity_was_unbound(code, gone):
    call = Call("crm.activity.binding.delete", {"activityId": 5, "entityTypeId": 2, "entityId": 1})
    feed = Feed([lost(), refusal(code, "Not found.")])
    if gone:
        assert feed.result(call) is True
    else:
        assert type(feed.error(call)) is e.NotFoundError


def test_not_found_at_once_is_an_error():
    assert type(Feed([refusal("", "Not found.")]).error(bind(5, "unbind"))) is e.NotFoundError


def test_not_found_after_a_refusal_is_an_error():
    feed = Feed([unreachable(), refusal("", "Not found.")])
    assert type(feed.error(bind(5, "unbind"))) is e.NotFoundError


def test_not_found_after_an_unclear_read_is_an_error():
    assert type(Feed([lost(), refusal("", "Not found")]).error(GET)) is e.NotFoundError


# ---------------------------------------------------------------- results that are none


@cases(
    ("call", "result", "cls"),
    [
        (bind(5), False, e.AccessDeniedError),
        (bind(5, "unbind"), False, e.AccessDeniedError),
        (bind(5), None, e.UnexpectedResultError),
        (bind(5), "1", e.UnexpectedResultError),
        (ADD, False, e.UnexpectedResultError),
        (ADD, 0, e.UnexpectedResultError),
        (ADD, True, e.UnexpectedResultError),
        (GET, [], e.UnexpectedResultError),
        (Call("crm.deal.list"), {"a": 1}, e.UnexpectedResultError),
        (Call("crm.item.update", {"id": 1}), [], e.UnexpectedResultError),
    ],
)
def test_a_wrong_result_is_an_error_and_final(call, result, cls):
    feed = Feed([ok(result)])
    assert type(feed.error(call)) is cls
    assert len(feed.sent) == 1


@cases("result", [None, False, [], 0, "", {}])
def test_any_result_of_an_unknown_method(result):
    assert Feed([ok(result)]).result(Call("some.method")) == result


# ---------------------------------------------------------------- request limit


def test_refused_requests_wait_longer_and_longer_without_using_up_attempts():
    feed = Feed([refusal("QUERY_LIMIT_EXCEEDED", "", 503)] * 8 + [ok(DEAL)])
    assert feed.result(GET) == DEAL
    assert feed.waits == [1, 2, 4, 8, 16, 16, 16, 16]
    assert [step.passed for step in feed.settled] == [False] * 8 + [True]
    assert all(pause.notable for pause in feed.pauses)


def test_a_refusal_beyond_max_wait_is_an_error_that_says_when():
    session = Session(WEBHOOK, policy=Policy(jitter=lambda: 0.0, max_wait=5.0))
    feed = Feed([refusal("QUERY_LIMIT_EXCEEDED", "", 503)] * 3, session=session)
    error = feed.error(GET)
    assert type(error) is e.RequestLimitError
    assert error.retry_after == pytest.approx(4.0)
    assert error.code == "QUERY_LIMIT_EXCEEDED"
    assert feed.waits == [1, 2]


def test_a_full_bucket_beyond_max_wait_sends_nothing():
    session = Session(WEBHOOK, policy=Policy(jitter=lambda: 0.0, max_wait=1.0))
    feed = Feed([], session=session)
    for _ in range(100):
        feed.ledger.reserve(WEBHOOK.portal, session.limits)
    outcomes = feed.run(bind(1), bind(2))
    assert [type(outcome.error) for outcome in outcomes] == [e.RequestLimitError] * 2
    assert outcomes[0].error.retry_after > 20
    assert not feed.sent


def test_short_waits_of_the_ordinary_pace_are_not_notable():
    feed = Feed([ok(DEAL)])
    for _ in range(48):
        feed.ledger.reserve(WEBHOOK.portal, Limits())
    feed.result(GET)
    assert [pause.notable for pause in feed.pauses] == [False]


def test_a_slot_that_became_void_is_not_used():
    """Somebody else is refused while the call waits for its slot: it takes a new one."""
    feed = Feed([ok(DEAL)])
    slots = [feed.ledger.reserve(WEBHOOK.portal, Limits()) for _ in range(50)]
    feed.during_pause = lambda: feed.ledger.settle(
        WEBHOOK.portal, Limits(), slots[0], passed=False, readings=()
    )
    assert feed.result(GET) == DEAL
    assert [step.slot.epoch for step in feed.settled] == [1]


def test_an_answer_that_never_came_says_nothing_about_the_limit():
    feed = Feed([lost(), ok(DEAL)])
    feed.result(GET)
    assert [step.passed for step in feed.settled] == [None, True]


# ---------------------------------------------------------------- operating time


def test_operating_time_is_waited_for_until_the_known_reset():
    feed = Feed([ok(DEAL, time={"operating": 480, "operating_reset_at": 1120})])
    feed.result(GET)
    feed.script = [refusal("OPERATION_TIME_LIMIT", "", 429), ok(DEAL)]
    assert feed.result(GET) == DEAL
    assert feed.waits == [120.0]


@cases(("reset", "wait"), [(500, 10.0), (1000.2, 1.0), (9999, 600.0), (None, 10.0)])
def test_operating_time_with_an_odd_reset(reset, wait):
    feed = Feed([ok(DEAL, time={"operating_reset_at": reset})])
    feed.result(GET)
    feed.script = [refusal("OPERATION_TIME_LIMIT", "", 429), ok(DEAL)]
    feed.result(GET)
    assert feed.waits == [wait]


def test_operating_time_beyond_max_wait_is_an_error_that_says_when():
    session = Session(WEBHOOK, policy=Policy(jitter=lambda: 0.0, max_wait=25.0))
    feed = Feed([refusal("OPERATION_TIME_LIMIT", "", 429)] * 2, session=session)
    error = feed.error(GET)
    assert type(error) is e.OperationTimeLimitError
    assert error.retry_after == 20.0
    assert error.method == "crm.deal.get"
    assert feed.waits == [10.0]
    feed.script = [ok([])]
    assert feed.result(Call("crm.deal.list")) == [], "other methods go on"


# ---------------------------------------------------------------- pages


@cases(
    ("params", "reply", "raises"),
    [
        ({}, Reply([], 120, 50), True),
        ({}, Reply([], None, 50), True),
        ({}, Reply([], 20, None), False),
        ({"START": 50}, Reply([], 120, 100), False),
    ],
    ids=["more", "more-without-total", "whole", "own-start"],
)
def test_a_list_with_more_pages_is_not_passed_off_as_whole(params, reply, raises):
    outcome = guard_pages(Outcome(Call("crm.deal.list", params), reply))
    assert outcome.ok is not raises
    if raises:
        assert type(outcome.error) is e.MorePagesError
        assert outcome.result is None


def test_an_error_stays_what_it_is():
    outcome = Outcome(GET, error=e.NotFoundError())
    assert guard_pages(outcome) is outcome
    with pytest.raises(e.NotFoundError):
        outcome.unwrap()
