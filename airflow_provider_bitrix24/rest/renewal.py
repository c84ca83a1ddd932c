"""Renewing a pair of OAuth tokens, as a generator like an exchange.

A refresh token buys one new pair and is dead from then on, so renewals are serialised by the driver, a
new pair is saved before it is used, and whoever comes late takes the pair that is already there.
"""

from __future__ import annotations

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
from airflow_provider_bitrix24.rest.replies import Failure, Response, json_object
from airflow_provider_bitrix24.rest.session import Policy
from airflow_provider_bitrix24.rest.steps import Pause, Renewed

_WRONG_CLIENT = (
    "Correct client_id and client_secret in the connection; the application's card shows them. If they are "
    "right, see that the application is installed."
)
_CLIENT_CODES = frozenset({"invalid_client", "unauthorized_client", "wrong_client"})
#: a refresh token that buys nothing
_NOBODYS = "no-refresh-token"
#: what the authorisation server means for good, whatever the status
_FINAL = frozenset(
    {"invalid_grant", "invalid_client", "wrong_client", "bad_verification_code", "invalid_request"}
)


class TokenKeeper(Protocol):
    """Keeps the renewed pair of one application. Both methods may block."""

    def load(self, *, stale: Tokens | None = None, refused: bool = False) -> Tokens | None:
        """Return the newest pair that grew from the connection's, if any.

        :param stale: a pair that has expired, so that it is no answer
        :param refused: the authorisation server has refused the newest pair that is known
        :raises TokensUnreadableError: it cannot be told whether there is one
        """

    def save(self, tokens: Tokens) -> None:
        """Keep a new pair."""


class Load(NamedTuple):
    """Read the stored pair; answered by ``Tokens`` or ``None``.

    :param stale: the pair that has expired
    :param refused: the authorisation server has refused the newest pair that is known
    """

    stale: Tokens
    refused: bool = False


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
    application: OAuthApplication, policy: Policy
) -> Generator[RenewalStep, Any, Renewed | Bitrix24Error]:
    """Return a pair that is newer than the application's, or why there is none.

    :param application: with the pair that the portal called expired
    :param policy: how often to try while the authorisation server does not answer
    """
    stale = application.tokens
    stored: Tokens | None = yield Load(stale)
    if stored is not None and stored.access != stale.access:
        return Renewed(stored, fresh=False)
    answer = yield from _ask(application, application.tokens.refresh, policy)
    if isinstance(answer, Tokens):
        yield Save(answer)
        return Renewed(answer, fresh=True)
    if answer.code.lower() == "invalid_grant":
        # Somebody beyond our lock may have used the refresh token; then the new pair is kept by now.
        stored = yield Load(stale, refused=True)
        if stored is not None and stored.access != stale.access:
            return Renewed(stored, fresh=False)
    return answer


def refused_client(
    application: OAuthApplication, policy: Policy
) -> Generator[RenewalStep, Any, Bitrix24Error | None]:
    """Return the authorisation server's error if it does not accept the application's id and secret.

    It is asked with a refresh token that nobody has, so nothing is renewed.

    :param application: the application
    :param policy: how often to try while the authorisation server does not answer
    """
    answer = yield from _ask(application, _NOBODYS, policy)
    if isinstance(answer, Tokens) or answer.code.lower() not in _CLIENT_CODES:
        return None
    return answer


def _ask(
    application: OAuthApplication, refresh_token: str, policy: Policy
) -> Generator[RenewalStep, Any, Tokens | Bitrix24Error]:
    form = {
        "grant_type": "refresh_token",
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        "refresh_token": refresh_token,
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
        # What no other try cures, such as a certificate that is not accepted, stays what it is.
        failed = type(answer.error) if answer.error.retry is Retry.NEVER else AuthorizationServerError
        return failed(answer.error.description, method="oauth/token", portal=server)
    body = json_object(answer.body.decode("utf-8", errors="replace")) or {}
    if body.get("access_token") and body.get("refresh_token"):
        return Tokens(str(body["access_token"]), str(body["refresh_token"]))
    code = application.secrets.redact(str(body.get("error") or ""))
    text = application.secrets.redact(str(body.get("error_description") or ""))
    cls: type[Bitrix24Error] = TokenRenewalError
    remedy = _WRONG_CLIENT if code.lower() in _CLIENT_CODES else ""
    if code.lower() in ("insufficient_scope", "invalid_scope"):
        cls = InsufficientScopeError
    elif code.upper() == "PAYMENT_REQUIRED":
        cls = PlanError
    elif answer.status >= 500 and code.lower() not in _FINAL:
        cls, text = AuthorizationServerError, text or f"HTTP {answer.status} without tokens"
    elif not code and answer.status == 404:
        text = "the authorisation server does not know the portal"
    elif not code:
        cls, text = AuthorizationServerError, f"HTTP {answer.status} without tokens"
    return cls(text, code=code, method="oauth/token", portal=server, status=answer.status, remedy=remedy)
