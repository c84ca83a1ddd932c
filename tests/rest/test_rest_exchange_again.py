"""What an exchange sends again, in what parts, and what it makes of a list that has more pages."""

from __future__ import annotations

import pytest
from rest_feed import APPLICATION, STEADY, WEBHOOK, Steps, lost, maps, ok, unreachable

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest import steps as st
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.exchange import exchange, guard_pages
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.session import Policy, Session

GET = Call("crm.deal.get", {"id": 7})
LIST = Call("CRM.Deal.List")
DEAL = {"ID": "7"}
PORTAL = "portal.bitrix24.com"


# ---------------------------------------------------------------- batches that are too large


@pytest.mark.parametrize(
    ("elapsed", "sizes"), [(40.0, [3, 3]), (40.1, [3, 1, 1, 1])], ids=["at-the-limit", "longer"]
)
def test_batches_shrink_beyond_forty_seconds(elapsed, sizes):
    calls = [Call("crm.deal.get", {"id": number}) for number in range(3)]
    whole = [maps(result={f"c{n}": DEAL for n in range(3)})] if len(sizes) == 2 else [ok(DEAL)] * 3
    feed = Steps([lost(elapsed), *whole])
    assert all(outcome.ok for outcome in feed.run(*calls))
    assert [len(feed.body(n).get("cmd", "x")) for n in range(len(feed.sent))] == sizes


@pytest.mark.parametrize(("refused", "sizes"), [(4, [4, 2, 2]), (1, [4, 1])], ids=["all", "one"])
def test_a_portal_that_takes_fewer_commands_gets_fewer(refused, sizes):
    surplus = {"error": "ERROR_BATCH_LENGTH_EXCEEDED"}
    calls = [Call("crm.deal.get", {"id": number}) for number in range(4)]
    first = maps(
        result={f"c{n}": DEAL for n in range(4 - refused)},
        error={f"c{n}": surplus for n in range(4 - refused, 4)},
    )
    rest = (
        [ok(DEAL)]
        if refused == 1
        else [maps(result={f"c{n}": DEAL for n in pair}) for pair in ((0, 1), (2, 3))]
    )
    feed = Steps([first, *rest])
    assert all(outcome.ok for outcome in feed.run(*calls))
    assert [len(feed.body(n).get("cmd", "x")) for n in range(len(feed.sent))] == sizes
    assert feed.pauses == []


# ---------------------------------------------------------------- what is sent again


def test_attempts_are_those_of_the_policy():
    session = Session(WEBHOOK, policy=Policy(attempts=2, jitter=lambda: 0.0))
    feed = Steps([unreachable()] * 2, session=session)
    assert type(feed.error(GET)) is e.PortalUnreachableError
    assert [pause.why for pause in feed.pauses] == [
        f"attempt 1 of 2 failed: crm.deal.get at {PORTAL}: refused. {e.PortalUnreachableError.advice}"
    ]


def test_one_attempt_is_one():
    session = Session(WEBHOOK, policy=Policy(attempts=1, jitter=lambda: 0.0))
    assert type(Steps([unreachable()], session=session).error(GET)) is e.PortalUnreachableError


def test_a_failure_of_a_batch_counts_once_for_all_its_calls():
    feed = Steps([lost(), maps(result={"c0": DEAL, "c1": []})])
    feed.run(GET, LIST)
    assert [pause.why.partition(" failed")[0] for pause in feed.pauses] == ["attempt 1 of 6"]


@pytest.mark.parametrize(("calls", "lengths"), [(1, [1, 1]), (2, [2, 2])])
def test_a_chain_is_sent_again_only_as_a_whole(calls, lengths):
    answer = ok([]) if calls == 1 else maps(result={"c0": [], "c1": []})
    feed = Steps([lost(), answer])
    outcomes = feed.drive(exchange([LIST] * calls, feed.session, chained=True))
    assert all(outcome.ok for outcome in outcomes)
    assert [len(feed.body(n).get("cmd", "x")) for n in (0, 1)] == lengths


def test_what_the_portal_says_of_a_part_of_a_chain_is_final():
    feed = Steps([maps(result={"c0": []}, error={"c1": {"error": "INTERNAL_SERVER_ERROR"}})])
    first, second = feed.drive(exchange([LIST, LIST], feed.session, chained=True))
    assert first.ok
    assert type(second.error) is e.ServerError


def test_a_chain_near_the_cut_is_not_sent_again_in_parts():
    feed = Steps([lost(50.0)])
    outcomes = feed.drive(exchange([LIST, LIST], feed.session, chained=True))
    assert [type(outcome.error) for outcome in outcomes] == [e.ConnectionLostError] * 2


def test_a_token_is_renewed_before_anything_is_sent_where_there_is_none():
    application = APPLICATION.with_tokens(type(APPLICATION.tokens)("", "refresh-one"))
    feed = Steps(
        [ok(DEAL)],
        [st.Renewed(APPLICATION.tokens, fresh=True)],
        Session(application, policy=STEADY),
    )
    feed.result(GET)
    assert feed.steps[0] == st.Renew(application)


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize(("total", "told"), [(120, "120"), (0, "0"), (None, "not told")])
def test_a_list_with_more_pages_is_told_with_its_length(total, told):
    call, reply = Call("crm.deal.list"), Reply([], total, 50)
    outcome = guard_pages(Outcome(call, reply))
    assert (outcome.call, outcome.reply, type(outcome.error)) == (call, reply, e.MorePagesError)
    assert outcome.error.description == f"the list has more pages (rows in all: {told})"
    assert outcome.error.method == "crm.deal.list"


def test_an_error_with_a_reply_stays_what_it_is():
    outcome = Outcome(Call("crm.deal.list"), Reply([], 120, 50), e.UnexpectedResultError())
    assert guard_pages(outcome) is outcome
    assert guard_pages(Outcome(GET)) == Outcome(GET)
