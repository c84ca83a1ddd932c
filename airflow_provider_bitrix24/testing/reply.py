"""Answers on their way out."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape

from . import php

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .faults import Fault

_COMMON = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, or how it fails.

    :param cut: ``drop``: not a byte is sent; ``truncate``: the connection ends in the middle of the body
    :param reset: whether a drop resets the connection instead of closing it
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: Literal["drop", "truncate"] | None = None
    reset: bool = False


def structured(status: int, value: Any, transport: str = "json") -> Reply:
    """Return an answer of the API."""
    if transport == "xml":
        body = '<?xml version="1.0" encoding="utf-8"?>\n<response>' + _xml(value) + "</response>"
        return Reply(status, body.encode(), {"Content-Type": "text/xml; charset=utf-8", **_COMMON})
    return Reply(status, php.encode(value), {"Content-Type": JSON_TYPE, **_COMMON})


def html(status: int, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a page as the web server in front of the portal shows it."""
    title = f"{status} {HTTPStatus(status).phrase}"
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Reply(status, body.encode(), {"Content-Type": HTML_TYPE, **(headers or {})})


def file_download(name: str, content_type: str, content: bytes) -> Reply:
    """Return a file."""
    ascii_name = name.encode("ascii", "replace").decode().replace('"', "")
    return Reply(
        200,
        content,
        {"Content-Type": content_type, "Content-Disposition": f'attachment; filename="{ascii_name}"'},
    )


def dropped(fault: Fault) -> Reply:
    """Return no answer."""
    return Reply(0, b"", cut="drop", reset=fault.reset)


def instead(fault: Fault, reply: Reply) -> Reply:
    """Return what the fault makes of a finished answer."""
    if fault.kind == "drop_after":
        return dropped(fault)
    if fault.kind == "truncate":
        half = reply.body[: len(reply.body) // 2]
        if fault.clean:
            return Reply(reply.status, half, reply.headers)
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        return Reply(reply.status, half, headers, cut="truncate")
    return unexecuted(fault) if fault.kind in ("status", "raw") else reply


def unexecuted(fault: Fault) -> Reply:
    """Return the answer of a fault that does not need the call's own."""
    if fault.kind == "raw":
        return Reply(fault.status or 200, fault.raw, {"Content-Type": HTML_TYPE, **fault.headers})
    if fault.kind != "status":
        return dropped(fault)
    status = fault.status or 500
    if fault.body == "html":
        return html(status, fault.headers)
    if fault.body == "empty":
        return Reply(status, b"", {"Content-Type": HTML_TYPE, **fault.headers})
    code = fault.code or "INTERNAL_SERVER_ERROR"
    description = fault.description or "Internal server error"
    answer = structured(status, {"error": code, "error_description": description})
    return Reply(status, answer.body, {**answer.headers, **fault.headers})


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        numbered = php.is_list_like(value)
        return "".join(
            f"<{'item' if numbered else key}>{_xml(item)}</{'item' if numbered else key}>"
            for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return "".join(f"<item>{_xml(item)}</item>" for item in value)
    return escape(php.text(value))
