"""The OAuth application of the portal and its tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .users import DEFAULT_SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

ACCESS_LIFETIME = 3600
REFRESH_LIFETIME = 180 * 24 * 3600
CODE_LIFETIME = 30


class OAuthError(Exception):
    """An answer of the authorisation server that is an error."""

    def __init__(self, code: str, description: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status


@dataclass
class Token:
    """A token or code: whose it is and until when it works."""

    user_id: int
    expires: float


@dataclass
class OAuthApplication:
    """One local application.

    Renewing kills the old refresh token at once; the old access token works until it runs out.
    """

    clock: Callable[[], float]
    client_id: str = field(default_factory=lambda: f"local.demo{secrets.token_hex(6)}")
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    member_id: str = field(default_factory=lambda: secrets.token_hex(16))
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    installed: bool = True
    renew_count: int = 0
    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)
    codes: dict[str, Token] = field(default_factory=dict)

    def issue(self, user_id: int) -> tuple[str, str]:
        """Create a pair of access and refresh token."""
        now = self.clock()
        access, refresh = secrets.token_hex(35), secrets.token_hex(35)
        self.access[access] = Token(user_id, now + ACCESS_LIFETIME)
        self.refresh[refresh] = Token(user_id, now + REFRESH_LIFETIME)
        return access, refresh

    def authorise(self, user_id: int) -> str:
        """Return a code as the browser would bring it back; valid for 30 seconds, once."""
        code = secrets.token_hex(20)
        self.codes[code] = Token(user_id, self.clock() + CODE_LIFETIME)
        return code

    def expire_access(self) -> None:
        """Make every access token given out so far run out."""
        for token in self.access.values():
            token.expires = min(token.expires, self.clock())

    def revoke_refresh(self, user_id: int) -> None:
        """Make the user's refresh tokens useless."""
        self.refresh = {key: token for key, token in self.refresh.items() if token.user_id != user_id}

    def exchange(self, params: dict[str, Any], portal_url: str) -> dict[str, Any]:
        """Answer a request to the token address.

        :param params: the request's parameters
        :param portal_url: address that the answer names
        """
        grant = params.get("grant_type")
        if grant not in ("refresh_token", "authorization_code"):
            raise OAuthError("invalid_request", "Grant type is not supported or missing", 400)
        if (params.get("client_id"), params.get("client_secret")) != (self.client_id, self.client_secret):
            raise OAuthError("invalid_client", "Application or its secret is wrong", 401)
        if not self.installed:
            raise OAuthError("invalid_client", "Application is not installed", 401)
        if grant == "refresh_token":
            user_id = self._redeem(self.refresh, params.get("refresh_token"))
            self.renew_count += 1
        else:
            user_id = self._redeem(self.codes, params.get("code"))
        return self._answer(user_id, portal_url)

    def _redeem(self, tokens: dict[str, Token], key: Any) -> int:
        token = tokens.pop(key, None) if isinstance(key, str) else None
        if token is None or token.expires <= self.clock():
            raise OAuthError("invalid_grant", "Token is wrong, used or expired", 400)
        return token.user_id

    def _answer(self, user_id: int, portal_url: str) -> dict[str, Any]:
        access, refresh = self.issue(user_id)
        return {
            "access_token": access,
            "expires": int(self.access[access].expires),
            "expires_in": ACCESS_LIFETIME,
            "scope": ",".join(self.scopes),
            "domain": portal_url.partition("://")[2],
            "server_endpoint": f"{portal_url}/rest/",
            "status": "L",
            "client_endpoint": f"{portal_url}/rest/",
            "member_id": self.member_id,
            "user_id": user_id,
            "refresh_token": refresh,
        }
