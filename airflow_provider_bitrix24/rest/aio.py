"""Drives the same exchanges over ``httpx2``, in an event loop and without ever blocking it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, assert_never

from airflow_provider_bitrix24.rest import exchange as ex
from airflow_provider_bitrix24.rest import renewal as rn
from airflow_provider_bitrix24.rest.bulk import groups
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    ConnectionLostError,
    PortalUnreachableError,
    TlsError,
    TokenRenewalError,
)
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.redaction import guard_http_loggers
from airflow_provider_bitrix24.rest.replies import Failure, Reply, Response
from airflow_provider_bitrix24.rest.waiting import announce
from airflow_provider_bitrix24.rest.wire import FORM_HEADERS, JSON_HEADERS, Wire, causes_of, reason_of

if TYPE_CHECKING:
    import httpx2

    from airflow_provider_bitrix24.rest.ledgers import Ledger

log = logging.getLogger(__name__)

_LOCK_POLL = 0.05


class AsyncClient:
    """A portal, called from coroutines.

    :param session: credentials, limits and patience, shared with other clients of the same hook
    :param ledger: keeps the portal's limits together with everyone else
    :param wire: how to reach the portal
    :param keeper: keeps renewed tokens; needed for OAuth only
    """

    def __init__(
        self, session: ex.Session, ledger: Ledger, wire: Wire, keeper: rn.TokenKeeper | None = None
    ) -> None:
        self.session = session
        self._ledger = ledger
        self._wire = wire
        self._keeper = keeper
        self._http: httpx2.AsyncClient | None = None
        guard_http_loggers()

    async def close(self) -> None:
        """Close idle connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def call_reply(self, call: Call) -> Reply:
        """Carry out a call and return its reply.

        :raises Bitrix24Error: it failed
        """
        [outcome] = await self._drive(ex.exchange([call], self.session))
        outcome.unwrap()
        return outcome.reply  # type: ignore[no-any-return]

    async def batch(self, calls: Iterable[Call]) -> list[Outcome]:
        """Carry out any number of calls in as few requests as carry them exactly; one outcome each."""
        outcomes: list[Outcome] = []
        for group in groups(calls):
            outcomes += await self._drive(ex.exchange(group, self.session))
        return outcomes

    async def records(self, call: Call) -> AsyncIterator[dict[str, Any]]:
        """Yield every row of a list.

        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a page failed
        """
        pager = pager_for(call)
        while (page := pager.next_call()) is not None:
            for row in pager.take(await self.call_reply(page)):
                yield row

    async def _drive(self, generator: Generator[Any, Any, Any]) -> Any:
        """Do what the generator asks for until it has a result."""
        answer: Any = None
        while True:
            try:
                step = generator.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = await self._do(step)

    async def _do(self, step: ex.Step | rn.RenewalStep) -> Any:
        match step:
            case ex.Reserve(portal):
                return await asyncio.to_thread(self._ledger.reserve, portal, self.session.limits)
            case ex.IsCurrent(portal, slot):
                return await asyncio.to_thread(self._ledger.is_current, portal, slot)
            case ex.Blocked(meters):
                return await asyncio.to_thread(self._ledger.blocked, meters)
            case ex.Settle(portal, slot, passed, readings):
                return await asyncio.to_thread(
                    self._ledger.settle, portal, self.session.limits, slot, passed=passed, readings=readings
                )
            case ex.Pause():
                announce(log, step)
                return await asyncio.sleep(step.seconds)
            case ex.Send(request):
                return await self._post(
                    request.address.reveal(), request.body, JSON_HEADERS, request.fresh_connection
                )
            case ex.Renew(stale):
                return await self._renew(stale)
            case rn.Load():
                return await asyncio.to_thread(self._keeper.load) if self._keeper else None
            case rn.Save(tokens):
                return await asyncio.to_thread(self._keeper.save, tokens) if self._keeper else None
            case rn.SendForm(address, body):
                return await self._post(address.reveal(), body, FORM_HEADERS, fresh=True)
            case _:
                assert_never(step)

    async def _renew(self, stale: Tokens) -> Tokens | Bitrix24Error:
        credentials = self.session.credentials
        if not isinstance(credentials, OAuthApplication):
            return TokenRenewalError("a webhook has no token to renew", portal=credentials.portal)
        async with self._renewal_lock(credentials.identity):
            return await self._drive(rn.renewal(credentials, stale, self.session.policy))  # type: ignore[no-any-return]

    @asynccontextmanager
    async def _renewal_lock(self, identity: str) -> AsyncIterator[None]:
        """Hold the renewal lock, asking for it again and again: a cancelled wait leaves nothing locked."""
        lock = self._ledger.renewal(identity)
        while not lock.acquire(blocking=False):  # noqa: ASYNC110 - threads and processes hold it too
            await asyncio.sleep(_LOCK_POLL)
        try:
            yield
        finally:
            lock.release()

    async def _post(self, url: str, body: bytes, headers: dict[str, str], fresh: bool) -> Response | Failure:
        import httpx2

        started = time.monotonic()
        http = await self._new_http(url) if fresh else await self._kept_http(url)
        try:
            response = await http.post(url, content=body, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            failure = _failure(error)
        else:
            location = response.headers.get("Location", "")
            return Response(response.status_code, response.content, location, time.monotonic() - started)
        finally:
            if fresh:
                await http.aclose()
        return Failure(failure, time.monotonic() - started)

    async def _kept_http(self, url: str) -> httpx2.AsyncClient:
        if self._http is None:
            self._http = await self._new_http(url)
        return self._http

    async def _new_http(self, url: str) -> httpx2.AsyncClient:
        import httpx2

        connect, read = self._wire.timeouts
        tls = await asyncio.to_thread(getattr, self._wire, "tls")  # reads certificates from disk, once
        return httpx2.AsyncClient(
            verify=tls,
            proxy=self._wire.proxy_for(url),
            trust_env=False,  # no .netrc, and the same proxies as the synchronous client
            timeout=httpx2.Timeout(read, connect=connect),
            follow_redirects=False,
        )


def _failure(error: Exception) -> Bitrix24Error:
    """Tell what a failure of the library means, above all whether anything was sent."""
    import httpx2

    causes = causes_of(error)
    text = reason_of(causes)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return TlsError(text)
    not_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
    if isinstance(error, not_sent):
        return PortalUnreachableError(text)
    return ConnectionLostError(text)
