"""The ASGI application: ``/rest/``, the token address, the control address and the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from . import control, page, php, reply
from .faults import OAUTH_METHOD
from .gateway import Gateway
from .oauth import OAuthError
from .request import HttpRequest
from .server import close_connection

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .reply import Reply
    from .world import World

Redirect = Callable[[int], str | None]


class PortalApp:
    """The portal as an ASGI application.

    :param redirect: tells for the port of a request where the portal has moved to
    :param actions: what the control address may do, by name
    """

    def __init__(self, world: World, redirect: Redirect, actions: control.Actions) -> None:
        self._world = world
        self._gateway = Gateway(world)
        self._redirect = redirect
        self._pages: ASGIApp = Starlette(
            routes=[
                Route("/", self._page),
                Mount("/_portal", routes=control.routes(world, actions)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the frequent ones do not take the way through the router."""
        path = scope.get("path", "")
        if scope["type"] != "http":
            return
        if path == "/rest" or path.startswith("/rest/"):
            http = await _read(scope, receive)
            await self._send(await self._gateway.answer(http, self._moved(scope)), scope, receive, send)
        elif path.rstrip("/") == "/oauth/token":
            http = await _read(scope, receive)
            await self._send(await self._token(http), scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def _moved(self, scope: Scope) -> str | None:
        target = self._redirect(scope["server"][1])
        if target is None:
            return None
        query = scope["query_string"].decode("latin-1")
        raw_path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        return target.replace("{path}", raw_path + (f"?{query}" if query else ""))

    async def _page(self, _: Request) -> Response:
        with self._world.lock:
            return HTMLResponse(page.render(self._world))

    async def _token(self, http: HttpRequest) -> Reply:
        """Answer the authorisation server's token address, GET or form POST."""
        params = php.parse_query(http.query)
        if http.http_method == "POST":
            params |= php.parse_query(http.body.decode("utf-8", "replace"))
        faults = self._world.faults
        before, after = faults.delays(OAUTH_METHOD, params)
        fault = faults.for_request(OAUTH_METHOD, params)
        await asyncio.sleep(before)
        if fault is not None and fault.kind == "error":
            return reply.structured(fault.status or 400, _oauth_error(fault.code, fault.description))
        if fault is not None and fault.kind in ("drop_before", "status", "raw") and not fault.executed:
            return reply.unexecuted(fault)
        answer = self._exchange(params)
        await asyncio.sleep(after)
        return answer if fault is None else reply.instead(fault, answer)

    def _exchange(self, params: dict[str, Any]) -> Reply:
        with self._world.lock:
            try:
                return reply.structured(200, self._world.oauth.exchange(params, self._world.base_url))
            except OAuthError as error:
                return reply.structured(error.status, _oauth_error(error.code, error.description))

    async def _send(self, answer: Reply, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope["state"]["transport"]
        if answer.cut == "drop":
            close_connection(transport, reset=answer.reset)
            await _disconnected(receive)
            return
        headers = {"Date": formatdate(self._world.clock(), usegmt=True), **answer.headers}
        headers.setdefault("Content-Length", str(len(answer.body)))
        start = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": start})
        truncated = answer.cut == "truncate"
        await send({"type": "http.response.body", "body": answer.body, "more_body": truncated})
        if truncated:
            transport.close()  # what is written already still goes out
            await _disconnected(receive)


def _oauth_error(code: str, description: str) -> dict[str, str]:
    return {"error": code, "error_description": description}


async def _read(scope: Scope, receive: Receive) -> HttpRequest:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    client = scope.get("client")
    return HttpRequest(
        http_method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(chunks),
        source=client[0] if client else "",
        secure=scope["scheme"] == "https",
    )


async def _disconnected(receive: Receive) -> None:
    """Wait until the connection is gone, so that nobody tries to answer on it."""
    while (await receive())["type"] != "http.disconnect":
        pass
