"""Reading an Airflow connection, strictly: what is wrong is said by field, and no secret is echoed."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_provider_bitrix24.connection.extras import Extras, invalid, refuse_mask
from airflow_provider_bitrix24.connection.form import PACING_CHOICES
from airflow_provider_bitrix24.rest.credentials import (
    DEFAULT_OAUTH_SERVER,
    Credentials,
    OAuthApplication,
    Tokens,
    Webhook,
)
from airflow_provider_bitrix24.rest.errors import InvalidConnectionError
from airflow_provider_bitrix24.rest.pacing import PLANS, Limits
from airflow_provider_bitrix24.rest.redirects import is_loopback
from airflow_provider_bitrix24.rest.session import Policy
from airflow_provider_bitrix24.rest.wire import Wire

_USER = re.compile(r"[1-9][0-9]{0,18}")
_CODE = re.compile(r"[A-Za-z0-9_.~-]+")
_WEBHOOK_PATH = re.compile(r"/rest/(?P<user>[0-9]+)/(?P<code>[^/]+)(?:/[A-Za-z0-9_.]+)?/?")
_REST_3_PATH = re.compile(r"/rest/api(?:/.*)?")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_OAUTH_FIELDS = ("client_id", "client_secret", "refresh_token", "access_token")
#: seconds that an answer is waited for beyond the portal's cut
_LONGER_THAN_CUT = 10.0
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ConnectionLike(Protocol):
    """The fields of an Airflow connection."""

    host: str | None
    port: int | None
    schema: str | None
    login: str | None
    password: str | None
    extra: str | None


@dataclass(frozen=True)
class Settings:
    """All that a connection says.

    :param credentials: a webhook or an OAuth application, with the portal's address
    :param limits: the portal's limits
    :param request_cut: seconds after which the portal cuts a request off
    :param self_hosted: whether the portal is the user's own
    :param pacing: who shares the bookkeeping of the limits
    :param wire: how to reach the portal
    :param trusted_hosts: hosts besides Bitrix24's cloud that a redirect may lead to
    :param redis_conn_id: Airflow connection for ``pacing = redis``
    :param token_store: dotted path of a store of the user's own
    :param secrets: everything that Airflow's masker has to know
    """

    credentials: Credentials
    limits: Limits
    request_cut: float
    self_hosted: bool
    pacing: str
    wire: Wire
    trusted_hosts: frozenset[str]
    redis_conn_id: str = ""
    token_store: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)


def parse_connection(connection: ConnectionLike) -> Settings:
    """Return what a connection says.

    :param connection: an Airflow connection, from the form, JSON or a URI
    :raises InvalidConnectionError: a field is missing, contradictory or misspelt
    """
    try:
        return _Parser(connection).settings()
    except InvalidConnectionError as error:
        problem = error.fields()
    # Raised anew: the frames left behind hold the connection's secrets.
    del connection
    raise InvalidConnectionError.from_fields(problem)


class _Parser:
    def __init__(self, connection: ConnectionLike) -> None:
        self._extras = Extras(connection.extra)
        self._host = _text(connection.host, "host")
        self._schema = _text(connection.schema, "schema")
        self._login = _text(connection.login, "login")
        self._password = _text(connection.password, "password")
        self._port = _checked_port(connection.port)

    def settings(self) -> Settings:
        extras = self._extras
        credentials = self._credentials()
        proxy, proxy_secrets = self._proxy()
        secrets = [self._password, *(extras.text(name) for name in _OAUTH_FIELDS[1:]), *proxy_secrets]
        if isinstance(credentials, Webhook):
            secrets.append(credentials.code)
        cut = extras.number("request_cut", least=1, most=3600) or Policy.cut
        timeout = extras.number("timeout", least=1, most=3600) or cut + _LONGER_THAN_CUT
        return Settings(
            credentials=credentials,
            limits=self._limits(),
            request_cut=cut,
            self_hosted=self._plan() == "self-hosted",
            pacing=extras.choice("pacing", PACING_CHOICES, "machine"),
            wire=Wire(timeout, self._verify(), proxy),
            trusted_hosts=frozenset(
                _checked_host(host.strip("[]"), "trusted_hosts") for host in extras.texts("trusted_hosts")
            ),
            redis_conn_id=extras.text("redis_conn_id"),
            token_store=extras.text("token_store"),
            secrets=tuple(dict.fromkeys(secret for secret in secrets if secret)),
        )

    # --- credentials ---

    def _credentials(self) -> Credentials:
        oauth = [name for name in _OAUTH_FIELDS if self._extras.text(name)]
        if oauth and self._password:
            raise invalid(
                f"password and {oauth[0]}: a webhook and an OAuth application are both given",
                "Keep one: the webhook in Login and Password, or the application's fields.",
            )
        if oauth:
            return self._application()
        if "/rest/" in self._host.lower():
            raise _webhook_in_clear("host")
        if not self._password:
            raise invalid(
                "password: no credentials are given",
                "Paste the inbound webhook's URL into Password, or fill in an OAuth application's fields.",
            )
        return self._webhook_from_url() if "://" in self._password else self._webhook()

    def _webhook(self) -> Webhook:
        code = _checked_code(self._password)
        if not self._login:
            raise invalid(
                "login: the webhook's user id is missing",
                "It is the number in the webhook's URL: /rest/<user id>/<code>/.",
            )
        user = _checked_user(self._login)
        return Webhook(self._origin(), user, code)

    def _webhook_from_url(self) -> Webhook:
        parts = _split(self._password, "password")
        if _REST_3_PATH.fullmatch(parts.path):
            raise invalid(
                "password: the address is one of REST 3.0 (/rest/api/), which this provider does not speak",
                "Leave api out: https://<portal>/rest/<user id>/<code>/.",
            )
        match = _WEBHOOK_PATH.fullmatch(parts.path)
        if match is None or parts.query or parts.fragment or "@" in parts.netloc:
            raise invalid(
                "password: the address is not an inbound webhook's URL",
                "Copy it from Bitrix24 as it is: https://<portal>/rest/<user id>/<code>/.",
            )
        origin = self._checked_origin(parts.scheme, parts.hostname or "", parts.port, "password")
        user, code = _checked_user(match["user"]), _checked_code(match["code"])
        if self._login and self._login != user:
            raise invalid(
                "login: it is not the user of the webhook's URL in Password",
                f"Leave Login empty; the URL is user {user}'s.",
            )
        self._compare_address(origin)
        return Webhook(origin, user, code)

    def _compare_address(self, origin: str) -> None:
        """Refuse a Host, Port or Schema that is filled in and says something else than the pasted URL."""
        pasted = urlsplit(origin)
        host = self._host_parts()
        port = host.port or self._port
        pasted_port = pasted.port or _DEFAULT_PORTS[pasted.scheme]
        schema = host.scheme or self._schema.lower()
        for name, differs, remedy in (
            (
                "host",
                host.hostname and _checked_host(host.hostname, "host") != pasted.hostname,
                "Leave Host empty.",
            ),
            # Airflow's Test button may want a port, so an empty one is no good advice.
            ("port", port and port != pasted_port, f"Enter {pasted_port} as Port."),
            ("schema", schema and schema != pasted.scheme, "Leave Schema empty."),
        ):
            if differs:
                raise invalid(
                    f"{name}: it is not that of the webhook's URL in Password, which leads to {origin}",
                    remedy,
                )

    def _application(self) -> OAuthApplication:
        values = {name: self._extras.text(name) for name in _OAUTH_FIELDS}
        if not values["access_token"] and not values["refresh_token"]:
            raise invalid(
                "refresh_token: neither a refresh token nor an access token is given",
                "Give both where you have them.",
            )
        missing = [name for name in ("client_id", "client_secret") if not values[name]]
        if values["refresh_token"] and missing:
            raise invalid(
                f"{missing[0]}: it is needed to renew tokens",
                "Copy it from the application's card in Bitrix24.",
            )
        return OAuthApplication(
            origin=self._origin(),
            client_id=values["client_id"],
            client_secret=values["client_secret"],
            tokens=Tokens(values["access_token"], values["refresh_token"]),
            server=self._oauth_server(),
            user_id=_checked_user(self._login) if self._login else "",
        )

    def _oauth_server(self) -> str:
        text = self._extras.text("oauth_server") or DEFAULT_OAUTH_SERVER
        parts = _split(text if "://" in text else f"https://{text}", "oauth_server")
        if parts.path.strip("/") not in ("", "oauth/token") or parts.query or "@" in parts.netloc:
            raise invalid(
                "oauth_server: it holds more than an address", "Give it as https://oauth.bitrix24.tech."
            )
        return self._checked_origin(parts.scheme, parts.hostname or "", parts.port, "oauth_server")

    # --- addresses ---

    def _origin(self) -> str:
        parts = self._host_parts()
        if not self._host:
            raise invalid("host: the portal's address is missing", "Give it as portal.bitrix24.com.")
        if parts.port and self._port and parts.port != self._port:
            raise invalid(
                f"port: {self._port} and the {parts.port} in Host disagree", "Enter the right one as Port."
            )
        schema = self._schema.lower()
        if schema and parts.scheme and schema != parts.scheme:
            raise invalid(f"schema: it and the {parts.scheme!r} in Host disagree", "Keep one.")
        name = "schema" if schema else "host"
        if (parts.scheme or schema or "https") not in _DEFAULT_PORTS:
            raise invalid(f"{name}: only https and http lead to a portal", "Leave it empty for https.")
        return self._checked_origin(
            parts.scheme or schema or "https", parts.hostname or "", parts.port or self._port, "host"
        )

    def _host_parts(self) -> SplitResult:
        """Return the parts of Host, which may be a bare name or address, or have a scheme and a port."""
        host = self._host
        if "/rest/" in host.lower():
            raise _webhook_in_clear("host")
        if _is_ipv6(host):
            host = f"[{host}]"
        parts = _split(host if "://" in host else f"//{host}", "host")
        if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise invalid(
                "host: it holds more than an address",
                "Give scheme, host and port only, such as portal.bitrix24.com.",
            )
        return parts

    def _checked_origin(self, scheme: str, host: str, port: int | None, name: str) -> str:
        if scheme not in _DEFAULT_PORTS:
            raise invalid(f"{name}: only https and http lead to a portal", "Begin it with https://.")
        host = _checked_host(host, name)
        if scheme == "http" and not is_loopback(host) and not self._extras.flag("allow_http"):
            raise invalid(
                f"{name}: plain http to {host!r} would send the credentials in clear",
                "Use https; for a self-hosted portal without TLS set allow_http to true.",
            )
        shown = f"[{host}]" if _is_ipv6(host) else host
        return f"{scheme}://{shown}" + (f":{port}" if port and port != _DEFAULT_PORTS[scheme] else "")

    def _proxy(self) -> tuple[str, list[str]]:
        """Return the proxy, and what in it the masker has to know."""
        text = self._extras.text("proxy")
        if not text:
            return "", []
        parts = _split(text, "proxy")
        refuse_mask(unquote(parts.password or ""), "proxy, its password")
        if "://" not in text or not parts.hostname or parts.query or parts.fragment:
            raise invalid("proxy: not a URL", "Give scheme, host and port, such as http://proxy:3128.")
        return text, [text, unquote(parts.password)] if parts.password else []

    # --- everything else ---

    def _verify(self) -> bool | str:
        text = self._extras.text("verify")
        return {"": True, "true": True, "false": False}.get(text.lower(), text)

    def _plan(self) -> str:
        return self._extras.choice("plan", tuple(PLANS), "standard")

    def _limits(self) -> Limits:
        extras = self._extras
        limits = PLANS[self._plan()]
        rate = extras.number("requests_per_second", least=0.01, most=1000)
        burst = extras.number("burst", least=1, most=100_000, whole=True)
        operating = extras.number("operating_limit", least=1, most=600)
        return replace(
            limits,
            requests_per_second=rate if rate is not None else limits.requests_per_second,
            burst=int(burst) if burst is not None else limits.burst,
            operating_seconds=operating if operating is not None else limits.operating_seconds,
        )


def _text(value: Any, name: str) -> str:
    """Return a standard field as text: in JSON a user id may be a number."""
    text = "" if value is None else str(value).strip()
    refuse_mask(text, name)
    return text


def _checked_user(text: str) -> str:
    if not _USER.fullmatch(text):
        # It is not shown: a code, or a whole webhook, may have got into this field.
        raise invalid("login: it is not a user id", "Give the number in the webhook's URL.")
    return text


def _checked_code(text: str) -> str:
    refuse_mask(text, "password")
    if not _CODE.fullmatch(text):
        raise invalid(
            "password: the webhook's code may hold letters and digits only",
            "Give the part of the URL behind the user id, without slashes, or the whole URL with https://.",
        )
    return text


def _checked_port(value: Any) -> int | None:
    text = _text(value, "port")
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535:
        return int(text)
    raise invalid(
        "port: it is not a number from 1 to 65535", "Enter the port of the portal's address, 443 as a rule."
    )


def _checked_host(host: str, name: str) -> str:
    """Return a host's name or address in lower case, IPv6 without brackets."""
    named = len(host) <= 253 and all(_NAME.fullmatch(label) for label in host.split("."))
    if not named and not _is_ipv6(host):
        # It is not shown: there is no telling what got into this field.
        raise invalid(
            f"{name}: it is not the name or address of a host",
            "Give it as portal.bitrix24.com, a name in other letters in its form of xn--...",
        )
    return host.lower()


def _split(text: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise invalid(f"{name}: it is not an address", "Give it as https://portal.bitrix24.com.")
    return parts


def _webhook_in_clear(name: str) -> InvalidConnectionError:
    return invalid(
        f"{name}: this is a webhook's URL, and this field is not masked",
        "Put it into Password, leave Host empty, and replace the webhook if others can read it here.",
    )


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6 and "%" not in host  # a zone is no part of a URL
    except ValueError:
        return False
