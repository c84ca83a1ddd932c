"""The poller: sends the calls of all sensors of one connection together, as batches.

A triggerer runs hundreds of sensors in one event loop. Alone, each of them would spend a request on every
look, and a portal accepts two requests a second. Together, fifty looks are one request.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context
from typing import Any, NamedTuple, TypeVar

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import join
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.rest.batches import BATCH_SIZE, is_fatal_for_all
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.waiting.trouble import LogOnce, waiting_hook

T = TypeVar("T")

#: a call waits for company for this part of the interval between two looks
_ALLOWANCE = 0.1
#: and for so many seconds at most
_LONGEST_ALLOWANCE = 5.0
#: requests of one poller that may be under way at once
_IN_FLIGHT = 4
#: seconds for which a connection that was read, and an answer that is shared, are trusted
_TRUSTED_SECONDS = 300.0
#: seconds until a connection is read again that could not be read; what it said before is trusted meanwhile
_UNREADABLE_SECONDS = 30.0


class _Question(NamedTuple):
    call: Call
    due: float


class _SharedAnswer(NamedTuple):
    asking: asyncio.Task[Outcome]
    until: float

    @property
    def failed(self) -> bool:
        """Whether the answer is none that others could use."""
        asking = self.asking
        return asking.done() and (
            asking.cancelled() or asking.exception() is not None or not asking.result().ok
        )


#: questions by who waits for the answer
_Questions = dict["asyncio.Future[Outcome | Exception]", _Question]


class Poller:
    """Carries out the calls of all who ask one connection in one event loop.

    The poller sends a batch when it is full, or when one of its calls has waited as long as its caller
    allows.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    def __init__(self, bitrix24_conn_id: str) -> None:
        self.askers = 0
        self.log_once = LogOnce()
        self._conn_id = bitrix24_conn_id
        self._loop = asyncio.get_running_loop()
        self._waiting: _Questions = {}
        self._flights: set[asyncio.Task[None]] = set()
        self._shared: dict[str, _SharedAnswer] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._opening = asyncio.Lock()
        self._hook: Bitrix24Hook | None = None
        self._open_client = AsyncExitStack()
        self._trusted_until = 0.0

    async def call(self, call: Call, allowance: float) -> Outcome:
        """Carry out a call.

        :param call: the call
        :param allowance: seconds that it may wait for company
        :raises InvalidConnectionError: the connection is not valid
        """
        answer: asyncio.Future[Outcome | Exception] = self._loop.create_future()
        self._waiting[answer] = _Question(call, self._loop.time() + allowance)
        self._dispatch()
        try:
            found = await answer
        finally:
            self._waiting.pop(answer, None)  # who is cancelled takes back what was not sent
        if isinstance(found, Exception):
            raise found
        return found

    async def shared(self, call: Call, allowance: float) -> Outcome:
        """Carry out a call once for all who ask the same, as long as its answer is trusted.

        :param call: the call
        :param allowance: seconds that it may wait for company
        """
        key = call.command()
        shared = self._shared.get(key)
        if shared is None or shared.until < self._loop.time() or shared.failed:
            asking = self._loop.create_task(self.call(call, allowance), context=Context())
            shared = self._shared[key] = _SharedAnswer(asking, self._loop.time() + _TRUSTED_SECONDS)
        return await asyncio.shield(shared.asking)

    async def close(self) -> None:
        """Cancel what is under way: nobody waits for it any more."""
        if self._timer is not None:
            self._timer.cancel()
        ending = [*self._flights, *(shared.asking for shared in self._shared.values())]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await self._open_client.aclose()

    def _dispatch(self) -> None:
        """Send what is due, as far as requests may be under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and len(self._flights) < _IN_FLIGHT:
            if len(self._waiting) < BATCH_SIZE:
                due = min(question.due for question in self._waiting.values())
                if due > self._loop.time():
                    self._timer = self._loop.call_at(due, self._dispatch, context=Context())
                    return
            self._launch()

    def _launch(self) -> None:
        questions = dict(itertools.islice(self._waiting.items(), BATCH_SIZE))
        for answer in questions:
            del self._waiting[answer]
        # What cannot travel in a batch would split it.
        questions = dict(sorted(questions.items(), key=lambda item: not item[1].call.fits_batch))
        # In a context of its own: in the asker's, all that is logged would stand in that one's task log.
        flight = self._loop.create_task(self._send_batch(questions), context=Context())
        self._flights.add(flight)
        flight.add_done_callback(self._on_done)

    def _on_done(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        if self.askers:
            self._dispatch()

    async def _send_batch(self, questions: _Questions) -> None:
        """Carry out a batch and answer whoever still waits for it."""
        try:
            calls = [question.call for question in questions.values()]
            self._answer(questions, await self._outcomes(calls))
        except Exception as error:
            for answer in _open(questions):
                answer.set_result(error)
        finally:
            for answer in _open(questions):
                answer.cancel()

    async def _outcomes(self, calls: list[Call]) -> list[Outcome]:
        """Carry out the calls with the connection as it was read last; a failure is an outcome of each."""
        known = self._hook
        try:
            hook = await self._read_hook()
            outcomes = await self._retry_in_halves(hook, calls)
            if hook is known and any(map(_rejects_connection, outcomes)):
                # A verdict on what the connection said a while ago: it may have been edited since.
                hook = await self._read_hook(rejected=hook)
                outcomes = await self._retry_in_halves(hook, calls)
        except rest.Bitrix24Error as error:
            return [Outcome(call, error=error) for call in calls]
        if self._hook is hook and any(map(_rejects_connection, outcomes)):
            self._hook = None
        return outcomes

    async def _read_hook(self, rejected: Bitrix24Hook | None = None) -> Bitrix24Hook:
        """Return a hook that has read the connection not too long ago, or as long ago as it must be.

        :param rejected: one that the portal does not accept
        :raises ConnectionUnreadableError: the connection cannot be read, and nothing is known of it
        :raises InvalidConnectionError: it is not valid
        """
        async with self._opening:  # the connection is read once, not by each request
            known = None if self._hook is rejected else self._hook
            if known is not None and self._loop.time() < self._trusted_until:
                return known
            hook = waiting_hook(self._conn_id)
            trusted = _TRUSTED_SECONDS
            try:
                settings = (await hook.aopen()).settings
            except rest.ConnectionUnreadableError:
                if known is None:
                    raise
                hook, trusted = known, _UNREADABLE_SECONDS
            else:
                if known is not None and (await known.aopen()).settings == settings:
                    hook = known
            if hook is not known:
                await self._keep_open(hook)
            self._hook, self._trusted_until = hook, self._loop.time() + trusted
            return hook

    async def _keep_open(self, hook: Bitrix24Hook) -> None:
        """Keep a hook's client, and with it the connections to the portal, instead of another hook's."""
        before, self._open_client = self._open_client, AsyncExitStack()
        await self._open_client.enter_async_context(hook.aclient())
        await before.aclose()  # what is under way with it ends first

    async def _retry_in_halves(self, hook: Bitrix24Hook, calls: list[Call]) -> list[Outcome]:
        """Carry out the calls; if all of them fail midway, send them once more in two random halves.

        One call may break the portal, and calls that traveled together look together from then on. In random
        halves each of the others is soon in the half that does not fail.
        """
        outcomes = await self._carry_out(hook, calls)
        if len(calls) < 2 or not all(map(_failed_midway, outcomes)):
            return outcomes
        order = random.sample(range(len(calls)), len(calls))
        for half in (order[: len(calls) // 2], order[len(calls) // 2 :]):
            again = await self._carry_out(hook, [calls[position] for position in half])
            for position, outcome in zip(half, again, strict=True):
                outcomes[position] = outcome
        return outcomes

    async def _carry_out(self, hook: Bitrix24Hook, calls: list[Call]) -> list[Outcome]:
        """Carry out the calls, one outcome each."""
        try:
            async with hook.aclient() as client:
                return await client.batch(calls)
        except rest.Bitrix24Error as error:
            return [Outcome(call, error=error) for call in calls]

    def _answer(self, questions: _Questions, outcomes: list[Outcome]) -> None:
        for (answer, question), outcome in zip(questions.items(), outcomes, strict=True):
            if not answer.done():
                answer.set_result(_own(question.call, outcome))
        ending = next(filter(is_fatal_for_all, outcomes), None)
        if ending is None:
            return
        for answer in _open(self._waiting):  # they would only hear the same
            call = self._waiting[answer].call
            answer.set_result(_own(call, Outcome(call, error=ending.error)))
        self._waiting.clear()


def _open(questions: _Questions) -> list[asyncio.Future[Outcome | Exception]]:
    return [answer for answer in questions if not answer.done()]


def _rejects_connection(outcome: Outcome) -> bool:
    """Tell whether the portal, or Airflow, does not accept the connection."""
    return outcome.error is not None and outcome.error.connection_wide and outcome.error.permanent


def _failed_midway(outcome: Outcome) -> bool:
    """Tell whether the call was sent and came to nothing, in a way that may pass."""
    error = outcome.error
    return error is not None and error.passes and error.acted is rest.Acted.UNKNOWN


def _own(call: Call, outcome: Outcome) -> Outcome:
    """Return the outcome with an error of its own, of a class that Airflow knows."""
    if outcome.error is None:
        return outcome
    error = join(outcome.error)
    return Outcome(call, error=error.but())


class PollingClient:
    """One of those who ask a portal together.

    :param poller: carries out the calls
    :param allowance: seconds that a call may wait for company
    """

    def __init__(self, poller: Poller, allowance: float) -> None:
        self.log_once = poller.log_once
        self._poller = poller
        self._allowance = allowance

    async def call(self, call: Call) -> Outcome:
        """Carry out a call; its failure is an outcome.

        :param call: the call
        """
        return await self._poller.call(call, self._allowance)

    async def look(self, plan: Plan[T]) -> T:
        """Carry out a plan that only asks, and return what it makes of the answers.

        :param plan: the plan
        """
        answer: Any = None
        while True:
            try:
                step = plan.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            assert isinstance(step, Work), "who only asks waits for nothing"  # noqa: S101
            ask = self._poller.shared if step.shared else self._poller.call
            answer = await asyncio.gather(*(ask(call, self._allowance) for call in step.calls))


#: by event loop and connection; loops come after one another, and what one of them left must not stay
_POLLERS: dict[tuple[asyncio.AbstractEventLoop, str], Poller] = {}


@asynccontextmanager
async def polling(bitrix24_conn_id: str, poke_interval: float) -> AsyncIterator[PollingClient]:
    """Ask a portal together with all others of this event loop who use the same connection.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """
    allowance = min(poke_interval * _ALLOWANCE, _LONGEST_ALLOWANCE)
    for other in list(_POLLERS):
        if other[0].is_closed():
            _POLLERS.pop(other, None)
    key = (asyncio.get_running_loop(), bitrix24_conn_id)
    poller = _POLLERS.get(key) or _POLLERS.setdefault(key, Poller(bitrix24_conn_id))
    poller.askers += 1
    try:
        yield PollingClient(poller, allowance)
    finally:
        poller.askers -= 1
        if not poller.askers:
            _POLLERS.pop(key, None)
            await poller.close()
