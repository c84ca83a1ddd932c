"""Renewing tokens, without a socket."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from cases import cases
from rest_feed import APPLICATION, STEADY, html, lost, run_renewal, unreachable

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.credentials import Tokens
from airflow_provider_bitrix24.rest.renewal import read_tokens, renewal
from airflow_provider_bitrix24.rest.replies import Failure, Response
from airflow_provider_bitrix24.rest.steps import Renewed

NEW = Tokens("access-two", "refresh-two")


def answer(status: int = 200, **body: object) -> Response:
    return Response(status, json.dumps(body).encode())


def pair() -> Response:
    return answer(access_token="access-two", refresh_token="refresh-two", expires_in=3600)


def renew(*script: object, kept: list[Tokens | None] | None = None) -> tuple:
    return run_renewal(APPLICATION, kept if kept is not None else [None], list(script))


def test_a_new_pair_is_saved_before_it_is_used():
    result, [sent], saved, waits = renew(pair())
    assert result == Renewed(NEW, fresh=True)
    assert saved == [NEW]
    assert waits == []
    assert sent.address.reveal() == "https://oauth.bitrix.info/oauth/token/"
    assert parse_qs(sent.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["app.1"],
        "client_secret": ["client-secret-xyz"],
        "refresh_token": ["refresh-one"],
    }
    assert repr(sent) == "SendForm(https://oauth.bitrix.info/oauth/token/)"


def test_a_pair_that_is_already_there_is_taken():
    assert renew(kept=[NEW]) == (Renewed(NEW, fresh=False), [], [], [])


def test_a_kept_pair_that_is_the_stale_one_is_renewed():
    assert renew(pair(), kept=[APPLICATION.tokens])[0] == Renewed(NEW, fresh=True)


@pytest.mark.parametrize("code", ["invalid_grant", "INVALID_GRANT"])
def test_a_refresh_token_used_by_somebody_else_may_have_left_a_new_pair(code):
    result, _, saved, _ = renew(answer(400, error=code), kept=[None, NEW])
    assert result == Renewed(NEW, fresh=False)
    assert saved == []


@pytest.mark.parametrize("kept", [None, APPLICATION.tokens], ids=["nothing", "the-stale-pair"])
def test_a_refresh_token_that_is_dead(kept):
    result, sent, _, _ = renew(
        answer(400, error="invalid_grant", error_description="used"), kept=[None, kept]
    )
    assert type(result) is e.TokenRenewalError
    assert (result.code, result.description, result.portal) == ("invalid_grant", "used", "oauth.bitrix.info")
    assert len(sent) == 1


@cases(
    ("code", "cls"),
    [
        ("invalid_client", e.TokenRenewalError),
        ("wrong_client", e.TokenRenewalError),
        ("bad_verification_code", e.TokenRenewalError),
        ("invalid_request", e.TokenRenewalError),
        ("something_else", e.TokenRenewalError),
        ("insufficient_scope", e.InsufficientScopeError),
        ("invalid_scope", e.InsufficientScopeError),
        ("PAYMENT_REQUIRED", e.PlanError),
        ("payment_required", e.PlanError),
    ],
)
@cases("status", [200, 400, 401])
def test_refusals_are_final_whatever_the_status(code, cls, status):
    result, sent, _, waits = renew(answer(status, error=code))
    assert type(result) is cls
    assert result.permanent
    assert (result.code, result.status) == (code, status)
    assert (len(sent), waits) == (1, [])


def test_an_unknown_portal():
    result, sent, _, _ = renew(html(404))
    assert type(result) is e.TokenRenewalError
    assert "does not know the portal" in str(result)
    assert len(sent) == 1


@cases(
    "trouble",
    [
        lost(),
        unreachable(),
        html(500),
        html(503, ""),
        answer(500, error="INTERNAL_SERVER_ERROR", error_description="boom"),
        html(200, "<html>"),
        answer(200, access_token="x"),
        answer(200, access_token="", refresh_token="y"),
        html(200, "[1]"),
        html(200, "[" * 99_999),
    ],
    ids=["lost", "unreachable", "500", "503", "500-json", "html", "no-refresh", "no-access", "list", "deep"],
)
def test_trouble_passes_or_ends(trouble):
    assert renew(trouble, trouble, pair())[0] == Renewed(NEW, fresh=True)
    result, sent, saved, waits = renew(*[trouble] * 6)
    assert type(result) is e.AuthorizationServerError
    assert not result.permanent
    assert (len(sent), len(waits), saved) == (6, 5, [])


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client"])
def test_a_known_code_is_final_with_a_status_of_trouble_too(code):
    assert type(renew(answer(503, error=code), kept=[None, None])[0]) is e.TokenRenewalError


def test_a_certificate_that_is_not_accepted_is_final():
    result, sent, _, _ = renew(Failure(e.TlsError("self-signed certificate")))
    assert type(result) is e.TlsError
    assert (result.portal, len(sent)) == ("oauth.bitrix.info", 1)


def test_no_secret_in_what_the_server_says():
    result, *_ = renew(answer(400, error="refresh-one", error_description="client-secret-xyz is wrong"))
    assert "refresh-one" not in str(result)
    assert "client-secret-xyz" not in str(result)


# ---------------------------------------------------------------- what an error says


def read(given: object) -> e.Bitrix24Error:
    result = read_tokens(given, APPLICATION)
    assert isinstance(result, e.Bitrix24Error)
    assert (result.method, result.portal) == ("oauth/token", "oauth.bitrix.info")
    return result


def test_no_answer_is_told_in_the_words_of_what_happened():
    assert (type(read(lost())), read(lost()).description) == (e.AuthorizationServerError, "reset by peer")
    certificate = read(Failure(e.TlsError("self-signed")))
    assert (type(certificate), certificate.description) == (e.TlsError, "self-signed")


@cases(
    ("given", "text"),
    [
        (html(500), "HTTP 500 without tokens"),
        (html(499), "HTTP 499 without tokens"),
        (answer(500, error="X", error_description="boom"), "boom"),
        (answer(500, error="X"), "HTTP 500 without tokens"),
        (answer(200, error_description="boom"), "HTTP 200 without tokens"),
    ],
    ids=["html", "below-500", "with-text", "with-code", "without-code"],
)
def test_trouble_of_the_server_is_told(given, text):
    error = read(given)
    assert (type(error), error.description, error.status) == (e.AuthorizationServerError, text, given.status)


def test_a_body_that_is_not_quite_text_is_read_all_the_same():
    body = b'{"access_token": "a", "refresh_token": "b", "x": "\xff"}'
    assert read_tokens(Response(200, body), APPLICATION) == Tokens("a", "b")


@pytest.mark.parametrize("server", ["https://oauth.example:8443", "http://localhost:1"])
def test_another_server_is_asked_and_named(server):
    application = replace(APPLICATION, server=server)
    result, [sent], _, _ = run_renewal(application, [None], [answer(400, error="invalid_client")])
    assert sent.address.reveal() == f"{server}/oauth/token/"
    assert result.portal == server.partition("://")[2]


def test_a_wrong_client_is_cured_in_the_connection_not_by_authorising_anew():
    result, *_ = run_renewal(APPLICATION, [None], [answer(400, error="invalid_client")])
    assert result.remedy.startswith("Correct client_id and client_secret")
    used_up, *_ = run_renewal(APPLICATION, [None, None], [answer(400, error="invalid_grant")])
    assert used_up.remedy.startswith("Authorise the application anew")


def test_pauses_between_attempts_grow_and_say_why():
    generator = renewal(APPLICATION, STEADY)
    next(generator)
    generator.send(None)
    pauses = []
    for _ in range(3):
        pauses.append(generator.send(html(500)))
        next(generator)
    assert [pause.seconds for pause in pauses] == [0.375, 0.75, 1.5]
    assert pauses[1].why == (
        "attempt 2 of 6 failed: oauth/token at oauth.bitrix.info: HTTP 500 without tokens"
    )
