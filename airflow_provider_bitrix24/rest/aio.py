"""Drives the same exchanges over ``httpx2``, in an event loop and without ever blocking it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, assert_never

from airflow_provider_bitrix24.rest import exchange as ex
from airflow_provider_bitrix24.rest import renewal as rn
from airflow_provider_bitrix24.rest import steps as st
from airflow_provider_bitrix24.rest.announcing import announced
from airflow_provider_bitrix24.rest.batches import Many
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.concurrency import Window
from airflow_provider_bitrix24.rest.credentials import OAuthApplication
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    ConnectionLostError,
    InvalidConnectionError,
    PortalUnreachableError,
)
from airflow_provider_bitrix24.rest.plans import Plan, T, Wait
from airflow_provider_bitrix24.rest.reader import Reader
from airflow_provider_bitrix24.rest.redaction import guard_http_loggers
from airflow_provider_bitrix24.rest.replies import Failure, Response
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.spreading import Job
from airflow_provider_bitrix24.rest.wire import (
    FORM_HEADERS,
    JSON_HEADERS,
    Wire,
    causes_of,
    reason_of,
    tls_failure,
    without_frames,
)

if TYPE_CHECKING:
    import httpx2

    from airflow_provider_bitrix24.rest.ledgers import Ledger

log = logging.getLogger(__name__)

_LOCK_POLL = 0.05
#: seconds that an idle connection is kept: those who look once a minute are not to connect each time
_KEPT_SECONDS = 70.0


class AsyncClient:
    """A portal, called from coroutines.

    :param session: credentials, limits and patience, shared with other clients of the same hook
    :param ledger: keeps the portal's limits together with everyone else
    :param wire: how to reach the portal
    :param keeper: keeps renewed tokens; needed for OAuth only
    :param in_thread: runs a function that may block, with its arguments, outside the event loop
    """

    def __init__(
        self,
        session: ex.Session,
        ledger: Ledger,
        wire: Wire,
        keeper: rn.TokenKeeper | None = None,
        in_thread: Callable[..., Awaitable[Any]] = asyncio.to_thread,
    ) -> None:
        self.session = session
        self._ledger = ledger
        self._wire = wire
        self._keeper = keeper
        self._in_thread = in_thread
        self._http: httpx2.AsyncClient | None = None
        self._renewing: set[asyncio.Future[Any]] = set()
        guard_http_loggers()

    async def close(self) -> None:
        """Let renewals end that nobody waits for any more, and close idle connections."""
        if self._renewing:
            await asyncio.wait(self._renewing)
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def call_reply(self, call: Call) -> Reply:
        """Carry out a call and return its reply.

        :raises Bitrix24Error: it failed
        """
        [outcome] = await self._drive(ex.exchange([call], self.session))
        return outcome.unwrap_reply()

    async def batch(self, calls: Iterable[Call]) -> list[Outcome]:
        """Carry out any number of calls in as few requests as carry them exactly; one outcome each."""
        return await self._drive(Many(calls, self.session).in_turn())

    async def carry_out(self, plan: Plan[T]) -> T:
        """Carry out a plan that keeps no progress, and return what it makes of the answers.

        :param plan: the plan
        """
        answer: Any = None
        while True:
            try:
                step = plan.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, Wait) or step.positions:
                raise TypeError("a plan that keeps progress is carried out by the synchronous client")
            answer = await self.batch(step.calls)

    async def records(self, call: Call, *, in_flight: int = 1) -> AsyncGenerator[dict[str, Any]]:
        """Yield every row of a list.

        :param call: a list method with filter, order and select
        :param in_flight: how many requests may be under way at once
        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a page failed
        """
        reader, window = Reader(call, self.session, log, in_flight), Window(in_flight)
        under_way: dict[asyncio.Task[list[Outcome]], Job] = {}
        try:
            while True:
                for job in reader.jobs(window.size - len(under_way)):
                    under_way[asyncio.create_task(self._drive(job.exchange, window))] = job
                rows = reader.next_page()
                if rows is None and reader.is_done:
                    return
                for row in rows or ():
                    yield row
                if under_way:
                    patience = None if rows is None else 0
                    ended, _ = await asyncio.wait(
                        under_way, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in ended:
                        under_way.pop(task).take(task.result())
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _drive(self, generator: Generator[Any, Any, T], window: Window | None = None) -> T:
        """Do what the generator asks for until it has a result.

        :param generator: an exchange, or another one of its kind
        :param window: told what came of each request
        """
        # Before a slot is taken: one that is used late upsets the portal's count.
        await self._in_thread(_prepare, self._wire)
        self._kept_http(self.session.credentials.origin)
        answer: Any = None
        while True:
            try:
                step = generator.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            shrinks = window.shrinks if window else 0
            answer = await self._do(step)
            if window and isinstance(step, st.Send):
                window.answered(shrinks, answer)

    async def _do(self, step: st.Step | rn.RenewalStep) -> Any:
        match step:
            case st.Reserve(portal, at_most):
                return await self._in_thread(self._ledger.reserve, portal, self.session.limits, at_most)
            case st.IsCurrent(portal, slot):
                return await self._in_thread(self._ledger.is_current, portal, slot)
            case st.Blocked(meters):
                return await self._in_thread(self._ledger.blocked, meters)
            case st.Settle(portal, slot, passed, readings):
                return await self._in_thread(
                    self._ledger.settle, portal, self.session.limits, slot, passed=passed, readings=readings
                )
            case st.Pause():
                for seconds in announced(log, step):
                    await asyncio.sleep(seconds)
                return None
            case st.Send(request):
                return await self._post(request, JSON_HEADERS, fresh=request.fresh_connection)
            case st.Renew(application):
                return await self._renew(application)
            case rn.Load(stale, refused):
                if self._keeper is None:
                    return None
                return await self._in_thread(self._keeper.load, stale=stale, refused=refused)
            case rn.Save(tokens):
                return await self._in_thread(self._keeper.save, tokens) if self._keeper else None
            case rn.SendForm():
                return await self._post(step, FORM_HEADERS, fresh=True)
            case _:
                assert_never(step)

    async def _renew(self, application: OAuthApplication) -> st.Renewed | Bitrix24Error:
        """Renew the tokens, to the end even where the caller is cancelled: a pair half renewed is lost."""
        renewing = asyncio.ensure_future(self._renew_locked(application))
        self._renewing.add(renewing)
        renewing.add_done_callback(self._renewing.discard)
        return await asyncio.shield(renewing)

    async def _renew_locked(self, application: OAuthApplication) -> st.Renewed | Bitrix24Error:
        async with self._renewal_lock(application.identity):
            return await self._drive(rn.renewal(application, self.session.policy))

    @asynccontextmanager
    async def _renewal_lock(self, identity: str) -> AsyncIterator[None]:
        """Hold the renewal lock, asking for it again and again: a cancelled wait leaves nothing locked."""
        lock = self._ledger.renewal(identity)
        while not await self._in_thread(lock.acquire, False):  # noqa: ASYNC110 - other processes hold it, too
            await asyncio.sleep(_LOCK_POLL)
        try:
            yield
        finally:
            await self._in_thread(lock.release)

    async def _post(
        self, message: st.Request | rn.SendForm, headers: dict[str, str], *, fresh: bool
    ) -> Response | Failure:
        import httpx2

        started = time.monotonic()
        http = (self._new_http if fresh else self._kept_http)(message.address.origin)
        try:
            response = await http.post(message.address.reveal(), content=message.body, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            failure = _failure(error)
        except BaseException as error:
            raise without_frames(error) from None
        else:
            location = response.headers.get("Location", "")
            return Response(response.status_code, response.content, location, time.monotonic() - started)
        finally:
            if fresh:
                await http.aclose()
        return Failure(failure, time.monotonic() - started)

    def _kept_http(self, origin: str) -> httpx2.AsyncClient:
        if self._http is None:
            self._http = self._new_http(origin)
        return self._http

    def _new_http(self, origin: str) -> httpx2.AsyncClient:
        import httpx2

        connect, read = self._wire.timeouts
        try:
            return httpx2.AsyncClient(
                verify=self._wire.tls,
                proxy=self._wire.proxy_for(origin),
                trust_env=False,  # no .netrc, and the same proxies as the synchronous client
                timeout=httpx2.Timeout(read, connect=connect),
                limits=httpx2.Limits(
                    max_connections=100, max_keepalive_connections=40, keepalive_expiry=_KEPT_SECONDS
                ),
                follow_redirects=False,
            )
        except (ImportError, httpx2.InvalidURL) as error:
            problem = f"proxy: {error}"
        raise InvalidConnectionError(problem)


def _prepare(wire: Wire) -> None:
    """Load the library, and the certificates from disk; both block, the first time."""
    import httpx2  # noqa: F401 - loaded here, used later

    _ = wire.tls


def _failure(error: Exception) -> Bitrix24Error:
    """Tell what a failure of the library means, above all whether anything was sent."""
    import httpx2

    causes = causes_of(error)
    text = reason_of(causes)
    failed = tls_failure(causes, text)
    if failed is not None:
        return failed
    not_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
    if isinstance(error, not_sent):
        return PortalUnreachableError(text)
    return ConnectionLostError(text)
