"""What both transports agree on: headers, time-outs, proxies, certificates."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import urlsplit

from airflow_provider_bitrix24 import __version__
from airflow_provider_bitrix24.rest.certificates import advice_on
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    InvalidConnectionError,
    PortalUnreachableError,
    TlsError,
)
from airflow_provider_bitrix24.rest.redaction import redact_addresses

_CONNECT_TIMEOUT = 10.0
#: how OpenSSL names an answer in plain text
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST"})
_PLAIN_HTTP = "Check host and port; where a portal of your own has no TLS, give http as the scheme."
_PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})

USER_AGENT = f"airflow-provider-bitrix24/{__version__}"
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": USER_AGENT}
FORM_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "User-Agent": USER_AGENT,
}


@dataclass(frozen=True)
class Wire:
    """How to reach a portal.

    :param timeout: seconds to wait for an answer; the portal itself cuts a call off after 60
    :param verify: whether to check certificates, or the path of a CA bundle to check them with
    :param proxy: proxy URL; where it is empty, the environment's proxies apply
    """

    timeout: float = 70.0
    verify: bool | str = True
    proxy: str = field(default="", repr=False)  # may hold a password

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to wait for a connection and for an answer."""
        return _CONNECT_TIMEOUT, self.timeout

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy to use for an address, by the connection first and then by the environment.

        :raises InvalidConnectionError: it is not the address of a proxy
        """
        proxy = self.proxy or _environment_proxy(url)
        if not proxy:
            return None
        if "://" not in proxy:  # as the environment often has it
            proxy = f"http://{proxy}"
        parts = urlsplit(proxy)
        if parts.scheme.lower() in _PROXY_SCHEMES and parts.hostname:
            return proxy
        raise InvalidConnectionError(
            f"proxy: {parts.scheme}://{parts.hostname or ''} is not the address of a proxy",
            remedy="Give an address like http://proxy.example:3128.",
        )

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """The certificates to trust: the given bundle, the environment's, or the system's with certifi's.

        :raises InvalidConnectionError: the bundle cannot be read
        """
        if not self.verify:
            return _unverified()
        if isinstance(self.verify, str):
            return _bundle(self.verify)
        return _trusted(_environment_bundle())


# Loading these takes longer than most calls, and a triggerer has many hooks.
@cache
def _trusted(bundle: str) -> ssl.SSLContext:
    if bundle:
        return _bundle(bundle)
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _environment_proxy(url: str) -> str | None:
    """Return the environment's proxy as requests finds it: NO_PROXY may name networks and ports."""
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url, get_environ_proxies(url))


def _environment_bundle() -> str:
    """Return the CA bundle that the environment gives to requests, ``""`` where it gives none."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""


def _bundle(bundle: str) -> ssl.SSLContext:
    path = Path(bundle).expanduser()
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        problem = f"verify: no CA bundle can be read from {bundle!r}: {error}"
    raise InvalidConnectionError(problem, remedy="Give the path of a PEM file, or true or false.")


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an exception and everything it was made of, outermost first."""
    causes: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        cause = queue.pop(0)
        if isinstance(cause, BaseException) and cause not in causes:
            causes.append(cause)
            queue += [getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args]
    return causes


def reason_of(causes: list[BaseException]) -> str:
    """Return the innermost reason in words. The outer ones quote addresses, which hold secrets.

    :param causes: from :func:`causes_of`
    """
    innermost = next((cause for cause in reversed(causes) if isinstance(cause, OSError)), causes[-1])
    text = redact_addresses(str(getattr(innermost, "strerror", None) or innermost))
    return f"{type(innermost).__name__}: {text}" if text else type(innermost).__name__


def tls_failure(causes: list[BaseException], text: str) -> Bitrix24Error | None:
    """Return what a failure means where TLS is its reason.

    :param causes: from :func:`causes_of`
    :param text: from :func:`reason_of`
    """
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TlsError(text, remedy=advice_on(cause.verify_code))
        if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
            return PortalUnreachableError(f"it speaks no TLS ({text})", remedy=_PLAIN_HTTP)
    return None


def without_frames(error: BaseException) -> BaseException:
    """Return what interrupted a request without the library's frames, whose variables hold secrets.

    :param error: a cancellation, a time-out of the task, or a mistake of the library
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
