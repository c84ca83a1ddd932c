"""The ASGI application: ``/rest/``, the token address, the control address and the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from . import control, page, page_notices, php, reply
from .faults import OAUTH_METHOD
from .gateway import Gateway
from .oauth import OAuthError
from .page_assets import POLICY
from .request import HttpRequest
from .server import close_connection

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .faults import Fault
    from .reply import Reply
    from .world import World

Redirect = Callable[[int], str | None]
_INSTEAD = frozenset({"drop_before", "status", "raw", "error"})


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
                Route("/crm/{kind}/details/{number:int}/", self._card),
                Route("/crm/type/{type_id:int}/details/{number:int}/", self._card),
                Route("/bitrix/{path:path}", _sign_in),
                Route("/disk/{path:path}", _sign_in),
                Mount("/_portal", routes=control.routes(world, actions)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        # A request that is running when the portal stops ends without an answer and without noise.
        with suppress(asyncio.CancelledError):
            await self._route(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take frequent requests past the router."""
        path = scope["path"]
        if path == "/rest" or path.startswith("/rest/"):
            answer = self._rest
        elif path.rstrip("/") == "/oauth/token":
            answer = self._token
        else:
            await self._pages(scope, receive, send)
            return
        http = await _read(scope, receive)
        if http is not None:
            await self._send(await answer(http, scope), scope, receive, send)

    async def _rest(self, http: HttpRequest, scope: Scope) -> Reply:
        return await self._gateway.answer(http, self._moved(scope))

    def _moved(self, scope: Scope) -> str | None:
        target = self._redirect(scope["server"][1])
        if target is None:
            return None
        query = scope["query_string"].decode("latin-1")
        raw_path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        return target.replace("{path}", raw_path + (f"?{query}" if query else ""))

    async def _page(self, request: Request) -> Response:
        """Answer the page, or that the one the browser has is still true."""
        with self._world.lock:
            version = page.etag(self._world)
            headers = {"ETag": version, "Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
            if request.headers.get("if-none-match") == version:
                return Response(status_code=304, headers=headers)
            return HTMLResponse(page.page(self._world, request.query_params.get("card", "")), headers=headers)

    async def _card(self, request: Request) -> Response:
        """Lead from the address that an item's card has in Bitrix24 to its card on the page."""
        found = request.path_params
        types, number = self._world.types, found["number"]
        with self._world.lock:
            owner = types.by_id(found["type_id"]) if "type_id" in found else types.by_name(found["kind"])
            if owner is None or not self._world.crm.exists(owner.kind, number):
                kind = owner.kind if owner is not None else "item"
                headers = {"Content-Security-Policy": POLICY}
                return HTMLResponse(page_notices.not_found(f"{kind} {number}"), 404, headers=headers)
            card = f"{owner.kind}-{number}"
            query = "" if page.is_shown(self._world, (owner.kind, number)) else f"?card={card}"
        return RedirectResponse(f"/{query}#{card}", 302)

    async def _token(self, http: HttpRequest, scope: Scope) -> Reply:
        """Answer the authorisation server's token address, GET or form POST."""
        params = php.parse_query(http.query)
        if http.http_method == "POST":
            params |= php.parse_query(http.body.decode("utf-8", "replace"))
        with self._world.lock:
            before, after = self._world.faults.delays(OAUTH_METHOD, params)
            fault = self._world.faults.for_request(OAUTH_METHOD, params)
        await asyncio.sleep(before)
        if fault is None:
            answer = self._exchange(params)
        elif fault.kind in _INSTEAD and not fault.executed:
            answer = _faulty(fault)
        else:
            answer = reply.instead(fault, self._exchange(params))
            answer = _faulty(fault) if fault.kind == "error" else answer
        await asyncio.sleep(after)
        return answer

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
        headers = {"Date": formatdate(self._world.now(), usegmt=True), **answer.headers}
        headers.setdefault("Content-Length", str(len(answer.body)))
        start = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": start})
        truncated = answer.cut == "truncate"
        await send({"type": "http.response.body", "body": answer.body, "more_body": truncated})
        if truncated:
            transport.close()  # what is written already still goes out
            await _disconnected(receive)


async def _sign_in(_: Request) -> Response:
    """Answer as a real portal does where nobody is signed in; nobody can sign in here."""
    return HTMLResponse(page_notices.SIGN_IN)


def _oauth_error(code: str, description: str) -> dict[str, str]:
    return {"error": code, "error_description": description}


def _faulty(fault: Fault) -> Reply:
    if fault.kind == "error":
        return reply.structured(fault.status or 400, _oauth_error(fault.code, fault.description))
    return reply.unexecuted(fault)


async def _read(scope: Scope, receive: Receive) -> HttpRequest | None:
    """Read a request; ``None`` if the client went away in the middle of it: half a request is none."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
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
