"""The life of a request, without a socket: what is sent, what is sent again, and what never is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rest_feed import (
    APPLICATION,
    CODE,
    STEADY,
    TIMES,
    WEBHOOK,
    Feed,
    html,
    lost,
    maps,
    moved,
    ok,
    refusal,
    unreachable,
)

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.credentials import Tokens
from airflow_provider_bitrix24.rest.exchange import Policy, Session, guard_pages
from airflow_provider_bitrix24.rest.pacing import Limits
from airflow_provider_bitrix24.rest.replies import Failure, Response
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.steps import Renewed

GET = Call("crm.deal.get", {"id": 7})
ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})
DEAL = {"ID": "7"}


def bind(record: int, method: str = "bind") -> Call:
    fields = {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 9}
    return Call(f"crm.timeline.bindings.{method}", {"fields": fields})


UNCLEAR = {
    "lost": lost(),
    "http-500": html(500),
    "http-504": html(504),
    "empty-200": html(200, ""),
    "cut-200": html(200, '{"result": tr'),
    "server-error": refusal("INTERNAL_SERVER_ERROR", "", 500),
    "html-408": html(408),
}
unclear = pytest.mark.parametrize("answer", UNCLEAR.values(), ids=UNCLEAR)
NOT_DONE = {
    "unreachable": unreachable(),
    "too-many": refusal("QUERY_LIMIT_EXCEEDED", "", 503),
    "too-many-html": html(429),
    "operating-time": refusal("OPERATION_TIME_LIMIT", "", 429),
    "authorization-server": refusal("CONNECTION_ERROR", "", 401),
}
not_done = pytest.mark.parametrize("answer", NOT_DONE.values(), ids=NOT_DONE)

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
@pytest.mark.parametrize(("call", "result"), [(GET, DEAL), (bind(5), True)], ids=["read", "repeatable-write"])
def test_repeated_after_an_unclear_failure(answer, call, result):
    feed = Feed([answer, answer, ok(result)])
    assert feed.result(call) == result
    assert len(feed.sent) == 3
    assert feed.waits == [0.375, 0.75]


@unclear
@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
    ids=lambda value: value.method if isinstance(value, Call) else repr(value)[:30],
)
def test_a_wrong_result_is_an_error_and_final(call, result, cls):
    feed = Feed([ok(result)])
    assert type(feed.error(call)) is cls
    assert len(feed.sent) == 1


@pytest.mark.parametrize("result", [None, False, [], 0, "", {}])
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


@pytest.mark.parametrize(
    ("reset", "wait"), [(500, 10.0), (1000.2, 1.0), (9999, 600.0), (None, 10.0)], ids=str
)
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


# ---------------------------------------------------------------- batches


def test_a_batch_in_order():
    feed = Feed([maps(result={"c1": DEAL, "c0": True, "c2": []}, total={"c2": 0}, time={"c0": TIMES})])
    outcomes = feed.run(bind(5), GET, Call("crm.deal.list"))
    assert [outcome.unwrap() for outcome in outcomes] == [True, DEAL, []]
    assert outcomes[2].reply.total == 0
    assert feed.body(0) == {
        "halt": 0,
        "cmd": {
            "c0": "crm.timeline.bindings.bind?"
            "fields[OWNER_ID]=5&fields[ENTITY_TYPE]=deal&fields[ENTITY_ID]=9",
            "c1": "crm.deal.get?id=7",
            "c2": "crm.deal.list",
        },
    }
    assert feed.sent[0].address.reveal().endswith("/batch")


def test_a_batch_with_a_one_shot_write_goes_out_on_a_new_connection():
    feed = Feed([maps(result={"c0": True, "c1": 5})])
    feed.run(bind(5), ADD)
    assert feed.sent[0].fresh_connection


def test_lists_instead_of_maps():
    feed = Feed([maps(result=[True, DEAL], error=[], time=[TIMES, TIMES], total=[3])])
    outcomes = feed.run(bind(5), GET)
    assert [outcome.unwrap() for outcome in outcomes] == [True, DEAL]
    assert outcomes[1].reply.timing.operating == 1.5
    assert outcomes[0].reply.total is None, "a shorter list does not say whose total it is"


@pytest.mark.parametrize(
    "error",
    [{"error": "", "error_description": "Not found."}, {"error": "NOT_FOUND"}, "NOT_FOUND"],
    ids=["empty-code", "no-text", "bare"],
)
def test_an_error_of_one_command(error):
    feed = Feed([maps(result={"c0": True}, error={"c1": error})])
    first, second = feed.run(bind(5), GET)
    assert first.ok
    assert type(second.error) is e.NotFoundError
    assert (second.error.method, second.error.portal) == ("crm.deal.get", "portal.bitrix24.com")


def test_an_error_without_anything():
    feed = Feed([maps(result={"c0": True}, error={"c1": None})])
    assert type(feed.run(bind(5), GET)[1].error) is e.RejectedError


def test_false_and_null_results():
    feed = Feed([maps(result={"c0": False, "c1": None, "c2": None})])
    denied, unexpected, null = feed.run(bind(5), GET, Call("crm.timeline.comment.delete", {"id": 1}))
    assert type(denied.error) is e.AccessDeniedError
    assert type(unexpected.error) is e.UnexpectedResultError
    assert null.ok
    assert null.unwrap() is None


def test_silent_commands_are_unclear():
    """Those that may be repeated are; the one-shot write among them is not."""
    feed = Feed([maps(result={"c0": True}), maps(result={"c1": True, "c3": DEAL})])
    outcomes = feed.run(bind(1), bind(2), ADD, GET)
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None),
        type(None),
        e.AmbiguousWriteError,
        type(None),
    ]
    assert feed.commands(0) == ["c0", "c1", "c2", "c3"]
    assert feed.commands(1) == ["c1", "c3"]


@unclear
def test_after_an_unclear_batch_only_what_may_be_repeated_is_sent_again(answer):
    feed = Feed([answer, maps(result={"c0": True, "c2": True})])
    outcomes = feed.run(bind(1), ADD, bind(2))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), e.AmbiguousWriteError, type(None)]
    assert feed.commands(1) == ["c0", "c2"]
    assert not feed.sent[1].fresh_connection


@pytest.mark.parametrize("result", [[], None, True, "x", [1, 2]], ids=repr)
def test_an_answer_that_is_no_batch(result):
    feed = Feed([ok(result), maps(result={"c0": True, "c1": DEAL})])
    assert all(outcome.ok for outcome in feed.run(bind(1), GET))


@not_done
def test_a_batch_that_was_not_done_is_sent_again_as_a_whole(answer):
    feed = Feed([answer, maps(result={"c0": True, "c1": 5})])
    assert [outcome.unwrap() for outcome in feed.run(bind(1), ADD)] == [True, 5]
    assert feed.commands(1) == ["c0", "c1"]


def test_what_is_left_of_a_batch_may_be_a_single_call():
    feed = Feed([maps(result={"c1": DEAL}, error={"c0": {"error": "ERROR_UNEXPECTED_ANSWER"}}), ok(True)])
    assert [outcome.unwrap() for outcome in feed.run(bind(5), GET)] == [True, DEAL]
    assert feed.sent[1].address.shown.endswith("/crm.timeline.bindings.bind")


def test_attempts_end_for_a_batch_too():
    feed = Feed([lost()] * 6)
    assert [type(outcome.error) for outcome in feed.run(bind(1), GET)] == [e.ConnectionLostError] * 2
    assert len(feed.sent) == 6


def test_not_found_after_an_unclear_batch_counts_as_unbound():
    missing = {"error": "", "error_description": "Not found."}
    feed = Feed([lost(), maps(result={"c0": True}, error={"c1": missing})])
    assert [outcome.unwrap() for outcome in feed.run(bind(1, "unbind"), bind(2, "unbind"))] == [True, True]


def test_an_unclear_batch_says_nothing_of_a_later_refusal_of_rights():
    feed = Feed([lost(), maps(result={"c0": False, "c1": True})])
    assert type(feed.run(bind(1), bind(2))[0].error) is e.AccessDeniedError


def test_surplus_commands_are_sent_again_in_smaller_batches():
    surplus = {"error": "ERROR_BATCH_LENGTH_EXCEEDED", "error_description": "Max batch length exceeded"}
    calls = [bind(record) for record in range(1, 8)]
    feed = Feed(
        [
            maps(result={f"c{n}": True for n in range(3)}, error={f"c{n}": surplus for n in range(3, 7)}),
            maps(result={f"c{n}": True for n in range(3, 6)}),
            ok(True),
        ]
    )
    assert all(outcome.ok for outcome in feed.run(*calls))
    assert feed.commands(1) == ["c3", "c4", "c5"]
    assert feed.pauses == []


def test_a_batch_refused_as_too_long_is_halved():
    refused = refusal("ERROR_BATCH_LENGTH_EXCEEDED", "", 400)
    feed = Feed([refused, maps(result={"c0": True, "c1": True}), maps(result={"c2": True, "c3": True})])
    assert all(outcome.ok for outcome in feed.run(*(bind(record) for record in range(1, 5))))


def test_a_single_call_that_is_called_surplus_ends():
    assert type(Feed([refusal("ERROR_BATCH_LENGTH_EXCEEDED", "", 400)]).error(GET)) is e.SurplusCommandError


@pytest.mark.parametrize("outcome", ["answered", "cut-off"])
def test_batches_near_the_cut_shrink(outcome):
    """A batch that ran for most of the 60 seconds is not tried again at the same size."""
    answer = lost(61.0) if outcome == "cut-off" else html(504)
    if outcome == "answered":
        answer = Response(504, b"", elapsed=60.0)
    calls = [bind(record) for record in range(1, 9)]
    halves = [maps(result={f"c{n}": True for n in part}) for part in (range(4), range(4, 8))]
    feed = Feed([answer, *halves])
    assert all(result.ok for result in feed.run(*calls))
    assert [len(feed.commands(n)) for n in range(3)] == [8, 4, 4]


def test_a_slow_single_call_has_nothing_to_shrink():
    assert Feed([lost(61.0), ok(DEAL)]).result(GET) == DEAL


# ---------------------------------------------------------------- operating time inside batches


LIMIT = {"error": "OPERATION_TIME_LIMIT", "error_description": "Method is blocked"}


def test_a_blocked_method_waits_until_the_reset_that_the_same_batch_told():
    feed = Feed(
        [
            maps(
                result={"c0": True, "c2": DEAL},
                error={"c1": LIMIT, "c3": LIMIT},
                time={"c0": {"operating_reset_at": 1090}},
            ),
            maps(result={"c1": True, "c3": True}),
        ]
    )
    outcomes = feed.run(bind(1), bind(2), GET, bind(3))
    assert [outcome.unwrap() for outcome in outcomes] == [True, True, DEAL, True]
    assert feed.waits == [90.0]


def test_a_method_known_to_be_blocked_is_left_out_of_the_batch():
    blocked = maps(result={"c0": DEAL, "c1": []}, error={"c2": LIMIT, "c3": LIMIT})
    feed = Feed([blocked], session=Session(WEBHOOK, policy=Policy(jitter=lambda: 0.0, max_wait=1.0)))
    outcomes = feed.run(GET, Call("crm.deal.list"), bind(1), bind(2))
    assert [type(outcome.error) for outcome in outcomes[2:]] == [e.OperationTimeLimitError] * 2
    assert [outcome.error.retry_after for outcome in outcomes[2:]] == [10.0] * 2
    feed.session = Session(WEBHOOK, policy=STEADY)
    feed.script = [maps(result={"c0": DEAL, "c2": []}), maps(result={"c1": True, "c3": True})]
    assert all(outcome.ok for outcome in feed.run(GET, bind(1), Call("crm.deal.list"), bind(2)))
    assert feed.commands(1) == ["c0", "c2"]
    assert feed.waits == [10.0]


def test_what_travels_alone_beside_a_blocked_method_is_metered_as_such():
    """A refusal of a call that was left over from a batch is waited for, not asked for again and again."""
    feed = Feed(
        [
            maps(error={"c0": LIMIT, "c1": {"error": "ERROR_UNEXPECTED_ANSWER"}}),
            refusal("OPERATION_TIME_LIMIT", "", 429),
            maps(result={"c0": True, "c1": DEAL}),
        ]
    )
    assert all(outcome.ok for outcome in feed.run(bind(1), GET))
    assert len(feed.sent) == 3


def test_direct_calls_and_commands_are_metered_apart():
    feed = Feed([maps(result={"c0": DEAL}, error={"c1": LIMIT}), ok(True)])
    feed.run(GET, bind(1))
    feed.script = [ok(True)]
    assert feed.result(bind(3)) is True
    assert feed.pauses == [], "the rest of the batch went alone at once, and so does the next call"


# ---------------------------------------------------------------- tokens

EXPIRED = refusal("expired_token", "The access token provided has expired", 401)
SECOND, THIRD = Tokens("access-two", "refresh-two"), Tokens("access-three", "refresh-three")


def oauth(script, renewals, tokens=APPLICATION.tokens):
    return Feed(script, renewals, Session(APPLICATION.with_tokens(tokens), policy=STEADY))


def test_an_expired_token_is_renewed_and_the_call_repeated():
    feed = oauth([EXPIRED, ok(5)], [Renewed(SECOND, fresh=True)])
    assert feed.result(ADD) == 5
    assert [feed.body(n)["auth"] for n in (0, 1)] == ["access-one", "access-two"]
    assert feed.renewed == [APPLICATION.tokens]
    assert feed.session.credentials.tokens == SECOND
    assert feed.pauses == []


def test_a_fresh_token_that_is_refused_is_not_renewed_again():
    feed = oauth([EXPIRED, EXPIRED], [Renewed(SECOND, fresh=True)])
    assert type(feed.error(GET)) is e.ExpiredTokenError


def test_a_kept_token_that_has_run_out_too_is_renewed():
    feed = oauth([EXPIRED, EXPIRED, ok(DEAL)], [Renewed(SECOND, fresh=False), Renewed(THIRD, fresh=True)])
    assert feed.result(GET) == DEAL
    assert feed.renewed == [APPLICATION.tokens, SECOND]


def test_another_error_after_the_renewal():
    feed = oauth([EXPIRED, refusal("insufficient_scope", "", 401)], [Renewed(SECOND, fresh=True)])
    assert type(feed.error(GET)) is e.InsufficientScopeError


def test_a_renewal_that_fails_is_the_outcome_of_all():
    refused = e.TokenRenewalError("used", code="invalid_grant")
    feed = oauth([EXPIRED], [refused])
    assert [outcome.error for outcome in feed.run(GET, ADD)] == [refused, refused]


def test_only_a_refresh_token():
    feed = oauth([ok(DEAL)], [Renewed(SECOND, fresh=False)], Tokens("", "refresh-one"))
    assert feed.result(GET) == DEAL
    assert feed.body(0)["auth"] == "access-two"
    feed = oauth([], [e.TokenRenewalError("no")], Tokens("", "refresh-one"))
    assert type(feed.error(GET)) is e.TokenRenewalError


def test_no_refresh_token():
    feed = oauth([EXPIRED], [], Tokens("access-one"))
    assert type(feed.error(GET)) is e.ExpiredTokenError


def test_a_webhook_is_not_renewed():
    assert type(Feed([EXPIRED]).error(GET)) is e.ExpiredTokenError


def test_an_expired_token_inside_a_batch():
    part = {"error": "expired_token", "error_description": ""}
    feed = oauth([maps(result={"c0": DEAL}, error={"c1": part}), ok(True)], [Renewed(SECOND, fresh=True)])
    assert [outcome.unwrap() for outcome in feed.run(GET, bind(1))] == [DEAL, True]


def test_secrets_of_the_request_are_hidden_though_others_renewed_meanwhile():
    """The answer carries the token that the call was signed with, not the newest one."""
    feed = oauth([], [])

    def answer(request):
        feed.session.credentials = feed.session.credentials.with_tokens(SECOND)
        return ok({"url": "https://portal.bitrix24.com/rest/download.json?auth=access-one&token=x"})

    feed.script = [answer]
    assert feed.result(Call("some.get"))["url"].endswith("?auth=bitrix24-access-token&token=x")


# ---------------------------------------------------------------- a renamed portal

PATH = f"/rest/1/{CODE}/crm.deal.add"


def test_a_renamed_portal_is_followed_with_the_same_request():
    feed = Feed([moved(f"https://new.bitrix24.com{PATH}"), ok(5)])
    assert feed.result(ADD) == 5
    assert [request.address.origin for request in feed.sent] == [
        "https://portal.bitrix24.com",
        "https://new.bitrix24.com",
    ]
    assert feed.sent[0].body == feed.sent[1].body
    assert feed.session.credentials.portal == "new.bitrix24.com"
    feed.script = [ok(6)]
    feed.result(ADD)
    assert feed.sent[2].address.origin == "https://new.bitrix24.com", "remembered"


def test_a_renamed_portal_does_not_count_as_a_failure():
    feed = Feed([moved(f"https://new.bitrix24.com{PATH}")] + [unreachable()] * 6)
    assert type(feed.error(ADD)) is e.PortalUnreachableError


@pytest.mark.parametrize(
    "location",
    [
        f"https://evil.example{PATH}",
        f"https://bitrix24.com{PATH}",
        f"https://a.b.bitrix24.com{PATH}",
        f"https://portal.bitrix24.com.evil.example{PATH}",
        f"https://portal.bitrix24.evil{PATH}",
        f"http://portal.bitrix24.com{PATH}",
        "https://new.bitrix24.com/login",
        f"https://new.bitrix24.com{PATH}?x=1",
        f"https://user:pw@new.bitrix24.com{PATH}",
        f"ftp://new.bitrix24.com{PATH}",
        f"https://evil.example\\@new.bitrix24.com{PATH}",
        f"http://127.0.0.1{PATH}",
    ],
)
def test_redirects_that_are_refused(location):
    feed = Feed([moved(location)])
    error = feed.error(ADD)
    assert type(error) is e.RedirectRefusedError
    assert CODE not in str(error)
    assert "pw" not in str(error)
    assert len(feed.sent) == 1
    assert feed.session.credentials == WEBHOOK


@pytest.mark.parametrize("shape", ["relative", "trailing-slash", "other-port"])
def test_redirects_on_the_same_host(shape):
    location = {
        "relative": PATH,
        "trailing-slash": f"https://portal.bitrix24.com{PATH}/",
        "other-port": f"https://portal.bitrix24.com:8443{PATH}",
    }[shape]
    assert Feed([moved(location), ok(5)]).result(ADD) == 5


def test_a_trusted_host_is_followed():
    session = Session(WEBHOOK, policy=STEADY, trusted_hosts=frozenset({"crm.example"}))
    feed = Feed([moved(f"https://crm.example{PATH}"), ok(5)], session=session)
    assert feed.result(ADD) == 5


def test_redirects_in_a_circle_end():
    there, back = (moved(f"https://{name}.bitrix24.com{PATH}") for name in ("a", "b"))
    feed = Feed([there, back, there, back])
    error = feed.error(ADD)
    assert type(error) is e.RedirectRefusedError
    assert "circle" in str(error)


def test_two_calls_that_are_redirected_at_once():
    """The second one learns of a move that the first has already followed."""
    feed = Feed([])

    def late(request):
        feed.session.credentials = WEBHOOK.moved_to("https://new.bitrix24.com")
        return moved(f"https://new.bitrix24.com{PATH}")

    feed.script = [late, ok(5)]
    assert feed.result(ADD) == 5


def test_a_batch_is_redirected_as_a_whole():
    feed = Feed([moved(f"https://new.bitrix24.com/rest/1/{CODE}/batch"), maps(result={"c0": True, "c1": 5})])
    assert [outcome.unwrap() for outcome in feed.run(bind(1), ADD)] == [True, 5]


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize(
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


# ---------------------------------------------------------------- whose rights were missing

DENIAL = refusal("ACCESS_DENIED", "Access denied.", 403)


@pytest.mark.parametrize(
    ("credentials", "owner"),
    [
        (WEBHOOK, "portal user 1, the owner of the webhook"),
        (APPLICATION, "the portal user who authorised application app.1"),
        (
            replace(APPLICATION, user_id="7"),
            "portal user 7, who authorised application app.1",
        ),
    ],
    ids=["webhook", "application", "application-of-a-user"],
)
def test_missing_rights_say_whose(credentials, owner):
    error = Feed([DENIAL], session=Session(credentials, policy=STEADY)).error(GET)
    assert type(error) is e.AccessDeniedError
    assert error.owner == owner
    assert (error.method, error.portal, error.code) == (
        "crm.deal.get",
        "portal.bitrix24.com",
        "ACCESS_DENIED",
    )


def test_a_false_that_means_missing_rights_says_whose():
    error = Feed([ok(False)]).error(bind(5))
    assert type(error) is e.AccessDeniedError
    assert error.owner == WEBHOOK.owner


def test_missing_rights_of_a_command_say_whose():
    error = {"c1": {"error": "ACCESS_DENIED", "error_description": "Access denied."}}
    feed = Feed([maps(result={"c0": True, "c2": False}, error=error)])
    done, *failed = feed.run(bind(5), bind(6), bind(7))
    assert done.ok
    assert [type(outcome.error) for outcome in failed] == [e.AccessDeniedError] * 2
    assert [outcome.error.owner for outcome in failed] == [WEBHOOK.owner] * 2
    assert [outcome.call for outcome in failed] == [bind(6), bind(7)]


def test_after_a_renewal_it_is_the_same_user():
    feed = Feed(
        [refusal("expired_token", "", 401), DENIAL],
        renewals=[Renewed(Tokens("access-two", "refresh-two"), fresh=True)],
        session=Session(APPLICATION, policy=STEADY),
    )
    assert feed.error(GET).owner == APPLICATION.owner


@pytest.mark.parametrize(
    "answer",
    [
        refusal("NOT_FOUND", "", 400),
        refusal("insufficient_scope", "", 403),
        refusal("NO_AUTH_FOUND", "", 401),
    ],
    ids=["not-found", "scope", "revoked"],
)
def test_other_errors_name_no_owner(answer):
    assert Feed([answer]).error(GET).owner == ""
