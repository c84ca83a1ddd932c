"""Credentials: how an inbound webhook and an OAuth application address and sign a call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_bitrix24.rest.redaction import MASK, TOKEN_PLACEHOLDER, WEBHOOK_PLACEHOLDER, Secrets

DEFAULT_OAUTH_SERVER = "https://oauth.bitrix.info"


@dataclass(frozen=True)
class Address:
    """A URL whose path may hold a secret, which no ``repr`` shows.

    :param origin: scheme, host and port, such as ``https://portal.bitrix24.com``
    :param path: path and query
    :param shown: the path as it may be seen
    """

    origin: str
    path: str = field(repr=False)
    shown: str

    def reveal(self) -> str:
        """Return the whole URL, secret included."""
        return self.origin + self.path

    def __str__(self) -> str:
        return self.origin + self.shown


@dataclass(frozen=True)
class Webhook:
    """An inbound webhook.

    :param origin: the portal's scheme, host and port
    :param user_id: the user whose rights the calls have
    :param code: the webhook's secret
    """

    origin: str
    user_id: str
    code: str = field(repr=False)

    @cached_property
    def portal(self) -> str:
        """The portal's host and port."""
        return urlsplit(self.origin).netloc

    @cached_property
    def identity(self) -> str:
        """Names these credentials without showing them: whose operating time is used."""
        return _digest(self.portal, self.user_id, self.code)

    @property
    def owner(self) -> str:
        """Whose rights a call has, in words."""
        return f"portal user {self.user_id}, the owner of the webhook"

    @property
    def secrets(self) -> Secrets:
        """What must not be seen."""
        return Secrets({self.code: WEBHOOK_PLACEHOLDER})

    def address(self, method: str) -> Address:
        """Return where a call of the method goes."""
        return Address(
            self.origin,
            f"/rest/{self.user_id}/{self.code}/{method}",
            f"/rest/{self.user_id}/{MASK}/{method}",
        )

    def sign(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as they are: the address carries the secret."""
        return dict(params)

    def moved_to(self, origin: str) -> Webhook:
        """Return the same webhook at the portal's new address."""
        return replace(self, origin=origin)


@dataclass(frozen=True)
class Tokens:
    """A pair of OAuth tokens.

    :param access: signs calls for an hour
    :param refresh: buys the next pair, once; ``""`` where there is none
    """

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)

    @property
    def fingerprint(self) -> str:
        """Tells pairs apart without showing them."""
        return _digest(self.refresh)


@dataclass(frozen=True)
class OAuthApplication:
    """An OAuth application, authorised by a user.

    :param origin: the portal's scheme, host and port
    :param client_id: the application's id
    :param client_secret: the application's secret
    :param tokens: the current pair
    :param server: the authorisation server
    :param user_id: the authorising user, where known
    """

    origin: str
    client_id: str
    client_secret: str = field(repr=False)
    tokens: Tokens = field(repr=False)
    server: str = DEFAULT_OAUTH_SERVER
    user_id: str = ""

    @cached_property
    def portal(self) -> str:
        """The portal's host and port."""
        return urlsplit(self.origin).netloc

    @cached_property
    def identity(self) -> str:
        """Names these credentials without showing them: one for all pairs of tokens."""
        return _digest(self.server, self.client_id, self.portal, self.user_id)

    @property
    def owner(self) -> str:
        """Whose rights a call has, in words."""
        who = f"portal user {self.user_id}, who" if self.user_id else "the portal user who"
        return f"{who} authorised application {self.client_id}"

    @property
    def secrets(self) -> Secrets:
        """What must not be seen."""
        return Secrets({
            self.tokens.access: TOKEN_PLACEHOLDER,
            self.tokens.refresh: "bitrix24-refresh-token",
            self.client_secret: "bitrix24-client-secret",
        })  # fmt: skip

    def address(self, method: str) -> Address:
        """Return where a call of the method goes."""
        return Address(self.origin, f"/rest/{method}", f"/rest/{method}")

    def sign(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with the access token, which belongs into the body."""
        return {**params, "auth": self.tokens.access}

    def moved_to(self, origin: str) -> OAuthApplication:
        """Return the same application at the portal's new address."""
        return replace(self, origin=origin)

    def with_tokens(self, tokens: Tokens) -> OAuthApplication:
        """Return the application with another pair of tokens."""
        return replace(self, tokens=tokens)


Credentials = Webhook | OAuthApplication


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
