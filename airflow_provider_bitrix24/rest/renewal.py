"""Renewing a pair of OAuth tokens, as a generator like an exchange.

A refresh token buys one new pair and is dead from then on, so renewals are serialised by the driver, a
new pair is saved before it is used, and whoever comes late takes the pair that is already there.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from airflow_provider_bitrix24.rest.credentials import Address, OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.errors import (
    AuthorizationServerError,
    Bitrix24Error,
    InsufficientScopeError,
    PlanError,
    Retry,
    TokenRenewalError,
)
from airflow_provider_bitrix24.rest.exchange import Pause, Policy
from airflow_provider_bitrix24.rest.replies import Failure, Response


class TokenKeeper(Protocol):
    """Keeps the renewed pair of one application. Both methods may block."""

    def load(self) -> Tokens | None:
        """Return the newest pair that grew from the connection's, if any."""

    def save(self, tokens: Tokens) -> None:
        """Keep a new pair."""


class Load(NamedTuple):
    """Read the kept pair; answered by ``Tokens`` or ``None``."""


class Save(NamedTuple):
    """Keep this pair; answered by nothing."""

    tokens: Tokens


class SendForm(NamedTuple):
    """POST this form; answered by a ``Response`` or a ``Failure``."""

    address: Address
    body: bytes

    def __repr__(self) -> str:
        return f"SendForm({self.address})"


RenewalStep = Load | Save | SendForm | Pause


def renewal(
    application: OAuthApplication, stale: Tokens, policy: Policy
) -> Generator[RenewalStep, Any, Tokens | Bitrix24Error]:
    """Return a pair that is newer than the stale one, or why there is none.

    :param application: whose tokens they are
    :param stale: the pair that the portal called expired
    :param policy: how often to try while the authorisation server does not answer
    """
    kept: Tokens | None = yield Load()
    if kept is not None and kept.access != stale.access:
        return kept
    answer = yield from _ask(application, stale, policy)
    if isinstance(answer, Tokens):
        yield Save(answer)
        return answer
    if answer.code == "invalid_grant":
        # Somebody beyond our lock may have used the refresh token; then the new pair is kept by now.
        kept = yield Load()
        if kept is not None and kept.access != stale.access:
            return kept
    return answer


def _ask(
    application: OAuthApplication, stale: Tokens, policy: Policy
) -> Generator[RenewalStep, Any, Tokens | Bitrix24Error]:
    form = {
        "grant_type": "refresh_token",
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        "refresh_token": stale.refresh,
    }
    request = SendForm(
        Address(application.server, "/oauth/token/", "/oauth/token/"), urlencode(form).encode()
    )
    attempt = 0
    while True:
        attempt += 1
        result = read_tokens((yield request), application)
        if isinstance(result, Tokens) or result.retry is Retry.NEVER or attempt >= policy.attempts:
            return result
        yield Pause(policy.pause(attempt), f"attempt {attempt} of {policy.attempts} failed: {result}")


def read_tokens(answer: Response | Failure, application: OAuthApplication) -> Tokens | Bitrix24Error:
    """Return what the authorisation server answered: a pair, or the error it stands for.

    :param answer: its answer; the body decides, because the status is not reliable
    :param application: whose tokens were asked for
    """
    server = Address(application.server, "", "").origin.partition("://")[2]
    if isinstance(answer, Failure):
        return AuthorizationServerError(answer.error.description, method="oauth/token", portal=server)
    body = _json_object(answer.body)
    if body.get("access_token") and body.get("refresh_token"):
        return Tokens(str(body["access_token"]), str(body["refresh_token"]))
    code = str(body.get("error") or "")
    text = application.secrets.redact(str(body.get("error_description") or ""))
    cls: type[Bitrix24Error] = TokenRenewalError
    if code.lower() in ("insufficient_scope", "invalid_scope"):
        cls = InsufficientScopeError
    elif code.upper() == "PAYMENT_REQUIRED":
        cls = PlanError
    elif not code and answer.status == 404:
        text = "the authorisation server does not know the portal"
    elif not code:
        cls, text = AuthorizationServerError, f"HTTP {answer.status} without tokens"
    return cls(text, code=code, method="oauth/token", portal=server, status=answer.status)


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
