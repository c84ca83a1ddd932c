"""Exchanges whose token has expired, and whose rights an error names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rest_feed import (
    APPLICATION,
    STEADY,
    WEBHOOK,
    Feed,
    maps,
    ok,
    refusal,
)
from rest_samples import ADD, DEAL, GET, bind

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.credentials import Tokens
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.steps import Renewed

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
