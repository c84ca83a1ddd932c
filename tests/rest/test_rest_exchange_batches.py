"""The life of a batch: what it answers, and which of its calls are sent again."""

from __future__ import annotations

import pytest
from cases import cases
from rest_feed import (
    STEADY,
    TIMES,
    WEBHOOK,
    Feed,
    html,
    lost,
    maps,
    ok,
    refusal,
)
from rest_samples import ADD, DEAL, GET, bind, not_done, unclear

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.exchange import Policy, Session
from airflow_provider_bitrix24.rest.replies import Response

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


@cases("result", [[], None, True, "x", [1, 2]])
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
