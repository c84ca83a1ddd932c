"""Keeping secrets out of everything a person or a log can see.

A webhook's code is part of every address and an access token may be part of links, so redaction happens
where text comes into being: in messages, in results (whose links carry a placeholder instead) and in what
the HTTP libraries log about the addresses they call.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote

#: stands for a secret in text that a person reads
MASK = "***"
#: stand for the secrets in links returned by the portal; ``hook.download`` puts them back
WEBHOOK_PLACEHOLDER = "bitrix24-webhook-code"
TOKEN_PLACEHOLDER = "bitrix24-access-token"  # noqa: S105 - a placeholder, not a token

#: below this length a secret is an ordinary word, and replacing it everywhere would damage data
_DISTINCT = 8

_ADDRESS = re.compile(r"(/rest/(?:api/)?(?:\d+/|[^/\s?#\"']+/(?=[^/\s?#\"']+/)))[^/\s?#\"']+")
_ENCODED_ADDRESS = re.compile(r"(%2Frest%2F(?:api%2F)?[\w.@-]+%2F)[^/\s?#\"'%&]+", re.IGNORECASE)
#: a user and a password before a host; what follows a port is a path
_USERINFO = re.compile(r"(://)[^\s/?#@:\"']*:(?!\d+[/?#])[^\s@\"']+@")
_PARAMETER = re.compile(
    r"((?:^|[?&\s\"'{,])(?:auth|access_token|refresh_token|client_secret|ap|code)[\"']?\s*[=:]\s*[\"']?)"
    r"[^&\s\"'#,}]+"
)


class Secrets:
    """The secrets of one set of credentials, and how to take them out of text.

    :param placeholders: secret -> what stands for it in a link
    """

    def __init__(self, placeholders: dict[str, str]) -> None:
        self._placeholders = {secret: mark for secret, mark in placeholders.items() if secret}

    def __repr__(self) -> str:
        return f"Secrets({len(self._placeholders)})"

    def redact(self, text: str) -> str:
        """Return the text for a message: no secret, no address that carries one."""
        for secret in self._placeholders:
            for spelling in _spellings(secret):
                text = text.replace(spelling, MASK)
        return redact_addresses(text)

    def hide(self, value: Any) -> Any:
        """Return a result with every secret in it replaced by its placeholder."""
        if isinstance(value, str):
            return self._hide_text(value)
        if isinstance(value, list):
            return [self.hide(item) for item in value]
        if isinstance(value, dict):
            return {self._hide_text(key): self.hide(item) for key, item in value.items()}
        return value

    def occur_in(self, text: str) -> bool:
        """Tell whether any secret stands in the text, so that most results need no walk."""
        return any(spelling in text for secret in self._placeholders for spelling in _spellings(secret))

    def reveal(self, link: str) -> str:
        """Return a link with its placeholders replaced by the secrets again."""
        for secret, mark in self._placeholders.items():
            link = link.replace(mark, secret)
        return link

    def _hide_text(self, text: str) -> str:
        for secret, mark in self._placeholders.items():
            if len(secret) >= _DISTINCT:
                for spelling in _spellings(secret):
                    text = text.replace(spelling, mark)
            else:
                text = re.sub(rf"(?<=[/=]){re.escape(secret)}(?=[/&?#]|$)", mark, text)
        return text


def _spellings(secret: str) -> set[str]:
    """Return a secret as it is, as it stands in a URL, and as PHP writes it into JSON."""
    return {secret, quote(secret, safe=""), secret.replace("/", "\\/")}


def redact_addresses(text: str) -> str:
    """Return the text with whatever looks like a webhook's code, a token or a password in an address masked.

    >>> redact_addresses("https://portal.bitrix24.com/rest/1/abcdef/profile?auth=xyz")
    'https://portal.bitrix24.com/rest/1/***/profile?auth=***'
    """
    text = _ENCODED_ADDRESS.sub(rf"\1{MASK}", _ADDRESS.sub(rf"\1{MASK}", text))
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    return _PARAMETER.sub(rf"\1{MASK}", text)


def holds_password(text: str) -> bool:
    """Tell whether an address in a text has a user and a password before its host.

    :param text: the text
    """
    return _USERINFO.search(text) is not None


#: httpcore2's line that quotes all headers of an answer
_QUOTES_HEADERS = "receive_response_headers.complete"


class _AddressFilter(logging.Filter):
    """Masks addresses in log records that are made outside this package."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            return True  # a broken record is the logging module's to report
        if message.startswith(_QUOTES_HEADERS):
            return False  # a portal may put the secret into any header, under any name
        redacted = redact_addresses(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


_LOGGERS = (
    "urllib3.connectionpool",
    "urllib3.connection",
    "urllib3.util.retry",
    "requests",
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
)
_FILTER = _AddressFilter()


def guard_http_loggers() -> None:
    """Make the HTTP libraries' loggers mask addresses, and httpx2 be quiet. Safe to call again."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
    if (chatty := logging.getLogger("httpx2")).level == logging.NOTSET:
        chatty.setLevel(logging.WARNING)  # at INFO it logs a line a request; Airflow does the same to httpx
