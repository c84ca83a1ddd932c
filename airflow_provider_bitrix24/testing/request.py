"""Reading an HTTP request to ``/rest/``: who, which method, with which parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import php

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_DISPOSITION_NAME = re.compile(rb'name="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
# Taken by the server itself, never seen by a method.
_CONSUMED = (
    "method",
    "auth",
    "access_token",
    "auth_connector",
    "ap",
    "aplogin",
    "start",
    "state",
    "token",
    "sessid",
)


@dataclass(frozen=True)
class HttpRequest:
    """A request as it arrived."""

    http_method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    source: str
    secure: bool


@dataclass
class RestRequest:
    """A request understood.

    :param method: as written, without suffix
    :param transport: ``json`` or ``xml``
    :param login: webhook: the user's number
    :param code: webhook: the secret
    :param access_token: application: the token
    :param signature: ``token`` of a signed link
    :param public_path: the path without the secret
    :param version: 2, or 3 below ``/rest/api/``
    """

    method: str
    transport: str
    params: dict[str, Any]
    start: int | None
    login: str | None
    code: str | None
    access_token: str | None
    signature: str | None
    encoding: str
    public_path: str
    version: int


def understand(request: HttpRequest) -> RestRequest:
    """Take a request apart; later sources of parameters win: query, body, path."""
    encoding, from_body = _decode_body(request)
    params = {**php.parse_query(request.query), **from_body}
    version, login, code, method = _split_path(request.path)
    if login is None:
        login, code = _text(params.get("aplogin")), _text(params.get("ap"))
    method, transport = _split_suffix(method)
    token, auth = params.get("token"), params.get("auth") or params.get("access_token")
    start = take_start(params)
    return RestRequest(
        method=method,
        transport=transport,
        params=params,
        start=start,
        login=login,
        code=code,
        access_token=_bearer(request) or _text(auth),
        signature=_text(token),
        encoding=encoding,
        public_path=public_path(request.path),
        version=version,
    )


def take_start(params: dict[str, Any]) -> int | None:
    """Remove what never reaches a method from its parameters, and return the offset among it."""
    start = params.get("start")
    for name in _CONSUMED:
        params.pop(name, None)
    return None if start is None else php.int_cast(start)


def public_path(path: str) -> str:
    """Return a path without the webhook's code."""
    segments = path.split("/")
    first = 4 if segments[2:3] == ["api"] else 3
    if len(segments) > first + 1:
        segments[first] = "***"
    return "/".join(segments)


def _split_path(path: str) -> tuple[int, str | None, str | None, str]:
    segments = path.removeprefix("/rest").strip("/").split("/")
    version = 2
    if segments[0] == "api":
        version, segments = 3, segments[1:]
    if len(segments) >= 3:
        return version, segments[0], segments[1], "/".join(segments[2:])
    return version, None, None, "/".join(segments)


def _split_suffix(method: str) -> tuple[str, str]:
    base, dot, suffix = method.rpartition(".")
    return (base, suffix) if dot and suffix in ("json", "xml") else (method, "json")


def _bearer(request: HttpRequest) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


# ---------------------------------------------------------------- bodies


def _decode_body(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """Decode the body; one that cannot be read is ignored, the method runs without it."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not request.body or request.http_method == "GET":
        return "query" if request.query else "none", {}
    if content_type == "application/json" or content_type.endswith("+json"):
        return "json", php.decode_json(request.body) or {}
    if content_type == _FORM:
        return "form", php.parse_query(request.body.decode("utf-8", "replace"))
    if content_type == _MULTIPART:
        return "multipart", _decode_multipart(request)
    return "unknown", {}


def _decode_multipart(request: HttpRequest) -> dict[str, Any]:
    found = re.search(r'boundary="?([^";]+)"?', request.headers["content-type"])
    if found is None:
        return {}
    variables = []
    for part in request.body.split(b"--" + found[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _DISPOSITION_NAME.search(head)
        if name and b"filename=" not in head.lower():
            value = content.removesuffix(b"\r\n").decode("utf-8", "replace")
            variables.append((name[1].decode("utf-8", "replace"), value))
    return php.build_array(variables[: php.MAX_INPUT_VARS])
