"""Drives exchanges over ``requests``."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import IO, TYPE_CHECKING, Any, assert_never

from airflow_provider_bitrix24.rest import exchange as ex
from airflow_provider_bitrix24.rest import renewal as rn
from airflow_provider_bitrix24.rest import steps as st
from airflow_provider_bitrix24.rest.announcing import Headway, announced
from airflow_provider_bitrix24.rest.batches import Many
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.concurrency import Limiter, Stops
from airflow_provider_bitrix24.rest.credentials import OAuthApplication
from airflow_provider_bitrix24.rest.downloads import Download, DownloadStep, download, may_be_page
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    ConnectionLostError,
    InvalidConnectionError,
    PortalUnreachableError,
)
from airflow_provider_bitrix24.rest.plans import Plan, T, Wait, Work
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reader import Reader
from airflow_provider_bitrix24.rest.redaction import guard_http_loggers
from airflow_provider_bitrix24.rest.replies import Failure, Response
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.side_by_side import SideBySide
from airflow_provider_bitrix24.rest.wire import (
    FORM_HEADERS,
    JSON_HEADERS,
    USER_AGENT,
    Wire,
    causes_of,
    reason_of,
    tls_failure,
    without_frames,
)

if TYPE_CHECKING:
    import requests

    from airflow_provider_bitrix24.rest.ledgers import Ledger

log = logging.getLogger(__name__)

_CHUNK = 1 << 16


class Client:
    """A portal, called from ordinary code.

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
        self._http: requests.Session | None = None
        self._opened_by = os.getpid()
        self._stopping = threading.Event()
        self._stops = Stops()
        self._is_stopped = False
        guard_http_loggers()

    def close(self) -> None:
        """Close idle connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def stop(self) -> None:
        """Send nothing more from now on: what is under way ends, what waits is given up.

        This may be called by a signal's handler.
        """
        self._is_stopped = True
        # The thread that the handler interrupts may hold an event's lock.
        for stop in (self._stopping.set, self._stops.set):
            threading.Thread(target=stop, daemon=True).start()

    def call_reply(self, call: Call) -> Reply:
        """Carry out a call and return its reply.

        :raises Bitrix24Error: it failed
        """
        [outcome] = self._drive(ex.exchange([call], self.session))
        return outcome.unwrap_reply()

    def batch(self, calls: Sequence[Call], *, in_flight: int = 1) -> list[Outcome]:
        """Carry out any number of calls in as few requests as carry them exactly; one outcome each.

        :param calls: the calls
        :param in_flight: how many requests may be under way at once; above 1 the calls must not depend on
            each other's order
        """
        return self._work(Work(list(calls)), Progress(), in_flight)

    def carry_out(self, plan: Plan[T], progress: Progress, *, in_flight: int = 1) -> T:
        """Carry out work on many items and return what the plan makes of it.

        :param plan: the work
        :param progress: what is known of the items, kept up to date
        :param in_flight: how many requests may be under way at once
        """
        answer: Any = None
        try:
            while True:
                step = plan.send(answer)
                if isinstance(step, Wait):
                    self._pause(st.Pause(step.seconds, step.why))
                    answer = None
                else:
                    answer = self._work(step, progress, in_flight)
        except StopIteration as stop:
            result: T = stop.value
            return result
        except BaseException:
            progress.flush()
            raise

    def _work(self, work: Work, progress: Progress, in_flight: int) -> list[Outcome]:
        """Carry out calls, several requests at once where that is allowed, and keep track of their items."""
        many, limiter = Many(work.calls, self.session), Limiter(in_flight)
        headway = Headway(log, len(work.calls))

        def carry_out(group: tuple[int, list[Call]]) -> list[Outcome]:
            first, calls = group
            items = (work.positions or [])[first : first + len(calls)]
            with limiter.passing():
                self._go_on()
                sending = partial(progress.sending, dict(zip(items, calls, strict=True))) if items else None
                outcomes: list[Outcome] = self._drive(many.exchange(calls), limiter, sending)
                if items:
                    progress.ended(dict(zip(items, outcomes, strict=True)), work.kept)
            headway.made(len(calls))
            return outcomes

        if in_flight == 1 or len(many.groups) < 2:
            return [outcome for group in many.groups for outcome in carry_out(group)]
        self._prepare()
        self._kept_http()  # threads that all begin now would make one each, and lose all but the last
        with ThreadPoolExecutor(in_flight, thread_name_prefix="bitrix24") as pool:
            try:
                parts = [pool.submit(carry_out, group) for group in many.groups]
                for part in as_completed(parts):
                    part.result()  # what went wrong in any of them is raised at once
            except BaseException:
                # The task is being stopped: what is under way ends, what waits is not sent any more.
                self._stopping.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                if not self._is_stopped:
                    self._stopping.clear()
        return [outcome for part in parts for outcome in part.result()]

    def records(self, call: Call, *, in_flight: int = 1) -> Generator[dict[str, Any]]:
        """Yield every row of a list.

        :param call: a list method with filter, order and select
        :param in_flight: how many requests may be under way at once
        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a page failed
        """
        reader = Reader(call, self.session, log, in_flight)
        with self._stops.own() as stop, SideBySide(partial(self._drive, stop=stop), stop, in_flight) as work:
            while True:
                for job in reader.jobs(work.room):
                    if reader.is_spread:
                        self._kept_http()  # threads that all begin now would make one each
                        work.begin(job)
                    else:
                        job.take(self._drive(job.exchange))
                if (rows := reader.next_page()) is not None:
                    yield from rows
                elif reader.is_done:
                    return
                work.take_answers(wait=rows is None)

    def download(self, link: str, target: IO[bytes]) -> int:
        """Write what a link of the portal leads to into a file, and return the number of bytes.

        :raises InvalidInputError: the link is not this portal's
        :raises Bitrix24Error: it could not be fetched
        """
        result: int | Bitrix24Error = self._drive(download(link, target, self.session))
        if isinstance(result, Bitrix24Error):
            raise result
        return result

    def refused_client(self, application: OAuthApplication) -> Bitrix24Error | None:
        """Return the authorisation server's error if it does not accept the application's id and secret."""
        return self._drive(rn.refused_client(application, self.session.policy))

    def _drive(
        self,
        generator: Generator[Any, Any, T],
        limiter: Limiter | None = None,
        sending: Callable[[], None] | None = None,
        stop: threading.Event | None = None,
    ) -> T:
        """Do what the generator asks for until it has a result.

        :param generator: an exchange, or another one of its kind
        :param limiter: told what came of each request
        :param sending: called before each request
        :param stop: ends it besides the client's own
        """
        self._prepare()
        answer: Any = None
        while True:
            try:
                step = generator.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, (st.Send, rn.SendForm, Download)):
                self._go_on(stop=stop)
            if sending and isinstance(step, st.Send):
                sending()
            shrinks = limiter.shrinks if limiter else 0
            answer = self._do(step, stop)
            if limiter and isinstance(step, st.Send):
                limiter.answered(shrinks, answer)

    def _prepare(self) -> None:
        """Load what sending needs before a slot is taken: one that is used late upsets the portal's count."""
        import airflow_provider_bitrix24.rest.adapter  # noqa: F401 - and with it the library

        _ = self._wire.tls

    def _do(self, step: st.Step | rn.RenewalStep | DownloadStep, stop: threading.Event | None = None) -> Any:
        match step:
            case st.Reserve(portal, at_most):
                return self._ledger.reserve(portal, self.session.limits, at_most)
            case st.IsCurrent(portal, slot):
                return self._ledger.is_current(portal, slot)
            case st.Blocked(meters):
                return self._ledger.blocked(meters)
            case st.Settle(portal, slot, passed, readings):
                return self._ledger.settle(
                    portal, self.session.limits, slot, passed=passed, readings=readings
                )
            case st.Pause():
                return self._pause(step, stop)
            case st.Send(request):
                return self._post(request, JSON_HEADERS, fresh=request.fresh_connection)
            case st.Renew(application):
                return self._renew(application)
            case rn.Load(stale, refused):
                return self._keeper.load(stale=stale, refused=refused) if self._keeper else None
            case rn.Save(tokens):
                return self._keeper.save(tokens) if self._keeper else None
            case rn.SendForm():
                return self._post(step, FORM_HEADERS, fresh=True)
            case Download():
                return self._fetch(step)
            case _:
                assert_never(step)

    def _pause(self, pause: st.Pause, stop: threading.Event | None = None) -> None:
        for seconds in announced(log, pause):
            self._go_on(seconds, stop)

    def _go_on(self, seconds: float = 0.0, stop: threading.Event | None = None) -> None:
        """Sleep and go on, unless the task is being stopped."""
        if (stop or self._stopping).wait(seconds) or self._is_stopped:
            raise InterruptedError("the task is being stopped: nothing more is sent")

    def _renew(self, application: OAuthApplication) -> st.Renewed | Bitrix24Error:
        lock = self._ledger.renewal(application.identity)
        lock.acquire()
        try:
            return self._drive(rn.renewal(application, self.session.policy))
        finally:
            lock.release()

    def _post(
        self, message: st.Request | rn.SendForm, headers: dict[str, str], *, fresh: bool
    ) -> Response | Failure:
        import requests

        http = self._new_http() if fresh else self._kept_http()
        started = time.monotonic()
        try:
            with http.post(
                message.address.reveal(),
                data=message.body,
                headers=headers,
                timeout=self._wire.timeouts,
                proxies=self._proxies(message.address.origin),
                allow_redirects=False,
            ) as response:
                content = response.content
        except (requests.RequestException, OSError) as error:
            failure = _failure(error)
        except BaseException as error:
            raise without_frames(error) from None
        else:
            location = response.headers.get("Location", "")
            return Response(response.status_code, content, location, time.monotonic() - started)
        finally:
            if fresh:
                http.close()
        return Failure(failure, time.monotonic() - started)

    def _fetch(self, step: Download) -> Response | Failure:
        """Stream a file into the step's target; the answer's body holds only what is not the file."""
        import requests

        started = time.monotonic()
        http = self._kept_http()
        try:
            with http.get(
                step.address.reveal(),
                headers={"User-Agent": USER_AGENT},
                timeout=self._wire.timeouts,
                proxies=self._proxies(step.address.origin),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = b""
                if response.status_code == requests.codes.ok and not may_be_page(response.headers):
                    for chunk in response.iter_content(_CHUNK):
                        step.target.write(chunk)
                else:
                    body = response.content
        except requests.RequestException as error:
            failure = _failure(error)
        except BaseException as error:
            raise without_frames(error) from None
        else:
            location = response.headers.get("Location", "")
            return Response(response.status_code, body, location, time.monotonic() - started)
        return Failure(failure, time.monotonic() - started)

    def _proxies(self, url: str) -> dict[str, str]:
        proxy = self._wire.proxy_for(url)
        return {"http": proxy, "https": proxy} if proxy else {}

    def _kept_http(self) -> requests.Session:
        if self._http is None or self._opened_by != os.getpid():
            # After a fork the parent's connections would bring its answers to this process as well.
            self._http, self._opened_by = self._new_http(), os.getpid()
        return self._http

    def _new_http(self) -> requests.Session:
        from airflow_provider_bitrix24.rest.adapter import Adapter, PlainSession

        http = PlainSession()
        http.trust_env = False  # no .netrc, and the same proxies as the asynchronous client
        http.verify = self._wire.verify is not False
        for scheme in ("https://", "http://"):
            http.mount(scheme, Adapter(self._wire.tls))
        return http


def _failure(error: Exception) -> Bitrix24Error:
    """Tell what a failure of the library means, above all whether anything was sent."""
    from urllib3.exceptions import NewConnectionError

    causes = causes_of(error)
    text = reason_of(causes)
    failed = tls_failure(causes, text)
    if failed is not None:
        return failed
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        return PortalUnreachableError(text)
    if isinstance(error, ValueError):  # the library refuses the address, the proxy's as a rule
        return InvalidConnectionError(text)
    return ConnectionLostError(text)
