"""The life of a request, as a generator that says what it wants done and is told what happened.

Retrying, pacing, renewal of tokens and the judgement of errors exist here and nowhere else. The two
transports do what the generator asks for: take a slot, send, wait, renew; so everything in here is tested
without a socket, by feeding it answers.

An exchange carries one call, or up to fifty as a batch. Some calls of a batch may be done, refused by a
limit or unclear while others are not, so an exchange keeps what is still to do and sends that again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.credentials import Address, Credentials, OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.errors import (
    Acted,
    AmbiguousWriteError,
    Bitrix24Error,
    LimitError,
    MalformedReplyError,
    MorePagesError,
    NotFoundError,
    OperationTimeLimitError,
    RedirectRefusedError,
    RequestLimitError,
    Retry,
    SurplusCommandError,
)
from airflow_provider_bitrix24.rest.pacing import Limits, Reading, Slot
from airflow_provider_bitrix24.rest.redirects import new_origin
from airflow_provider_bitrix24.rest.replies import (
    Failure,
    Reply,
    Response,
    check_result,
    read_batch,
    read_envelope,
)

#: a batch that ran this long came near the portal's cut at 60 s, so the next one is made smaller
_NEAR_THE_CUT = 40.0
_MOST_REDIRECTS = 3
#: a longer wait for a slot is worth a log line, in seconds
_ORDINARY_WAIT = 5.0


@dataclass(frozen=True)
class Policy:
    """How patient an exchange is.

    :param attempts: how often a call is sent at most when portal or network fail
    :param first_pause: seconds before the second attempt; every further pause is twice as long
    :param longest_pause: bound of these pauses, in seconds
    :param max_wait: seconds that an exchange may wait for limits in all
    :param jitter: returns a number in [0, 1) that spreads the pauses of many callers
    """

    attempts: int = 6
    first_pause: float = 0.5
    longest_pause: float = 16.0
    max_wait: float = 660.0
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after so many failed attempts."""
        longest = min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1))
        return longest * (0.75 + 0.25 * self.jitter())

    def spread(self, wait: float) -> float:
        """Return a wait for a limit, lengthened a little so that not everyone comes back at once."""
        return wait * (1.0 + 0.1 * self.jitter())


@dataclass
class Session:
    """What the exchanges of one client share.

    :param credentials: replaced when a token is renewed or the portal moves
    :param limits: what the portal allows
    :param policy: how patient to be
    :param trusted_hosts: hosts besides Bitrix24's cloud that a redirect may lead to
    """

    credentials: Credentials
    limits: Limits = field(default_factory=Limits)
    policy: Policy = field(default_factory=Policy)
    trusted_hosts: frozenset[str] = frozenset()


class Request(NamedTuple):
    """An HTTP request, a POST of JSON."""

    address: Address
    body: bytes
    #: a write that must not be repeated goes out on a new connection, for a stale one could leave it unclear
    fresh_connection: bool

    def __repr__(self) -> str:
        return f"Request({self.address}, {len(self.body)} bytes)"


class Reserve(NamedTuple):
    """Take a slot in the flow of requests; answered by a ``Slot``."""

    portal: str


class IsCurrent(NamedTuple):
    """Is the slot still good? Answered by a boolean."""

    portal: str
    slot: Slot


class Blocked(NamedTuple):
    """Which of these methods are blocked? Answered by seconds to wait, by meter."""

    meters: tuple[str, ...]


class Settle(NamedTuple):
    """Account for an answer; answered by nothing."""

    portal: str
    slot: Slot
    passed: bool | None
    readings: tuple[Reading, ...]


class Send(NamedTuple):
    """Send this; answered by a ``Response`` or a ``Failure``."""

    request: Request


class Pause(NamedTuple):
    """Wait; answered by nothing. ``notable`` is false for the short waits of an ordinary pace."""

    seconds: float
    why: str
    notable: bool = True


class Renew(NamedTuple):
    """Renew these tokens; answered by ``Tokens`` or the error that prevents it."""

    stale: Tokens


Step = Reserve | IsCurrent | Blocked | Settle | Send | Pause | Renew


def exchange(calls: Sequence[Call], session: Session) -> Generator[Step, Any, list[Outcome]]:
    """Carry out one call, or some calls as a batch, and return their outcomes in order.

    :param calls: one call, or up to fifty that fit a batch
    :param session: credentials, limits and patience
    """
    return (yield from _Exchange(calls, session).run())


class _Exchange:
    def __init__(self, calls: Sequence[Call], session: Session) -> None:
        self.calls = calls
        self.session = session
        self.outcomes: dict[int, Outcome] = {}
        self.pending = list(range(len(calls)))
        self.width = max(1, len(calls))
        self.failures = 0
        self.waited = 0.0
        self.redirects = 0
        self.renewed = False
        self.refused = False
        self.signed_by = session.credentials
        self.unclear: set[int] = set()

    def run(self) -> Generator[Step, Any, list[Outcome]]:
        while self.pending:
            turn, blocked = yield from self._turn()
            if not turn:
                yield from self._wait_for_method(blocked)
                continue
            slot = yield from self._take_slot()
            if slot is None:
                continue
            answer = yield Send(self._request(turn))
            judged = self._judge(turn, answer)
            if judged is None:  # the portal has moved; nothing was carried out
                continue
            yield self._settlement(turn, slot, judged, answered=isinstance(answer, Response))
            self._adapt_width(turn, answer, judged)
            yield from self._digest(turn, judged)
        return [self.outcomes[index] for index in range(len(self.calls))]

    # --- before sending ---

    def _turn(self) -> Generator[Step, Any, tuple[list[int], Mapping[str, float]]]:
        """Return the calls to send now: the pending ones whose method is not blocked."""
        meters = {index: self._meter(index, batched=len(self.pending) > 1) for index in self.pending}
        blocked: Mapping[str, float] = yield Blocked(tuple(sorted(set(meters.values()))))
        return [index for index in self.pending if meters[index] not in blocked][: self.width], blocked

    def _wait_for_method(self, blocked: Mapping[str, float]) -> Generator[Step, Any, None]:
        wait = min(blocked.values())
        method = self.calls[self.pending[0]].method
        error = OperationTimeLimitError(
            "the method's operating time is used up",
            code="OPERATION_TIME_LIMIT",
            method=method,
            portal=self._portal,
        )
        yield from self._wait_for_limit(wait, error, "operating time limit")

    def _take_slot(self) -> Generator[Step, Any, Slot | None]:
        """Reserve a slot and wait for it; ``None`` where it became void or the wait is too long."""
        slot: Slot = yield Reserve(self._portal)
        if slot.wait <= 0:
            return slot
        error = RequestLimitError(
            "the requests of this machine already fill the portal's limit",
            code="QUERY_LIMIT_EXCEEDED",
            method=self._label(self.pending),
            portal=self._portal,
        )
        notable = self.refused or slot.wait > _ORDINARY_WAIT
        if not (yield from self._wait_for_limit(slot.wait, error, "request limit", notable=notable)):
            return None
        return slot if (yield IsCurrent(self._portal, slot)) else None

    def _wait_for_limit(
        self, wait: float, error: LimitError, limit: str, *, notable: bool = True
    ) -> Generator[Step, Any, bool]:
        """Wait, unless that would take longer than allowed: then the pending calls have failed."""
        if notable:
            wait = self.session.policy.spread(wait)
        if self.waited + wait > self.session.policy.max_wait:
            failed = type(error).from_fields({**error.fields(), "retry_after": wait})
            self._finish_all(self.pending, failed)
            return False
        self.waited += wait
        yield Pause(wait, f"{error.method}: {limit} of {self._portal}", notable)
        return True

    def _request(self, turn: Sequence[int]) -> Request:
        calls = [self.calls[index] for index in turn]
        credentials = self.signed_by = self.session.credentials
        if len(calls) == 1:
            method, params = calls[0].method, calls[0].params
        else:
            commands = {key: call.command() for key, call in zip(_keys(turn), calls, strict=True)}
            method, params = "batch", {"halt": 0, "cmd": commands}
        body = json.dumps(credentials.sign(params), ensure_ascii=False).encode()
        fresh = not all(call.may_repeat for call in calls)
        return Request(credentials.address(method), body, fresh)

    # --- after sending ---

    def _judge(self, turn: Sequence[int], answer: Response | Failure) -> list[Outcome] | None:
        """Return what became of each call of this turn; ``None`` where the portal has moved."""
        calls = [self.calls[index] for index in turn]
        if isinstance(answer, Failure):
            return [Outcome(call, error=self._named(answer.error, turn)) for call in calls]
        if 300 <= answer.status < 400 and answer.location:
            refused = self._follow(turn, answer.location)
            return None if refused is None else [Outcome(call, error=refused) for call in calls]
        credentials = self.session.credentials
        reply = read_envelope(
            answer, method=self._label(turn), portal=self._portal, secrets=credentials.secrets
        )
        if isinstance(reply, Bitrix24Error):
            return [Outcome(call, error=reply) for call in calls]
        if len(calls) == 1:
            return [check_result(calls[0], reply, self._portal)]
        if not isinstance(reply.result, dict):
            broken = MalformedReplyError("not a batch's answer", method="batch", portal=self._portal)
            return [Outcome(call, error=broken) for call in calls]
        return read_batch(calls, _keys(turn), reply, portal=self._portal, secrets=credentials.secrets)

    def _follow(self, turn: Sequence[int], location: str) -> RedirectRefusedError | None:
        """Move to where a renamed portal points, or return why not."""
        credentials = self.session.credentials
        origin = new_origin(credentials.address(self._label(turn)), location, self.session.trusted_hosts)
        if isinstance(origin, RedirectRefusedError):
            return origin
        self.redirects += 1
        if self.redirects > _MOST_REDIRECTS:
            return RedirectRefusedError("the portal redirects in a circle", portal=self._portal)
        self.session.credentials = credentials.moved_to(origin)
        return None

    def _settlement(
        self, turn: Sequence[int], slot: Slot, judged: Sequence[Outcome], *, answered: bool
    ) -> Settle:
        batched = len(turn) > 1
        self.refused = any(isinstance(outcome.error, RequestLimitError) for outcome in judged)
        readings = []
        for index, outcome in zip(turn, judged, strict=True):
            meter = self._meter(index, batched=batched)
            if isinstance(outcome.error, OperationTimeLimitError):
                readings.append(Reading(meter, blocked=True))
            elif outcome.reply is not None:
                readings.append(Reading(meter, blocked=False, reset_at=outcome.reply.timing.reset_at))
        # In one batch a method may succeed first and be blocked later; what counts is the end, told once.
        last = {reading.meter: reading for reading in readings}
        passed = not self.refused if answered else None
        return Settle(self._portal, slot, passed, tuple(last.values()))

    def _adapt_width(
        self, turn: Sequence[int], answer: Response | Failure, judged: Sequence[Outcome]
    ) -> None:
        """Make batches smaller when one came near the cut, or held more than the portal takes."""
        surplus = sum(isinstance(outcome.error, SurplusCommandError) for outcome in judged)
        if surplus:
            self.width = max(1, len(turn) - surplus)
        elif answer.elapsed > _NEAR_THE_CUT and len(turn) > 1:
            self.width = max(1, len(turn) // 2)

    def _digest(self, turn: Sequence[int], judged: Sequence[Outcome]) -> Generator[Step, Any, None]:
        """Keep what is final; wait or renew before sending the rest again."""
        again: list[Bitrix24Error] = []
        for index, outcome in zip(turn, judged, strict=True):
            final = self._final(index, outcome)
            if final is not None:
                self._finish(index, final)
            elif outcome.error is not None:
                again.append(outcome.error)
        if not again:
            return
        if any(error.retry is Retry.RENEW for error in again):
            yield from self._renew()
        # Limits are waited for where slots are taken; everything else is a failure to wait out here.
        failed = next(
            (error for error in again if error.retry is Retry.BACK_OFF and not _is_limit(error)), None
        )
        if failed is not None:
            self.failures += 1
            pause = self.session.policy.pause(self.failures)
            attempt = f"attempt {self.failures} of {self.session.policy.attempts} failed"
            yield Pause(pause, f"{attempt}: {failed}")

    def _final(self, index: int, outcome: Outcome) -> Outcome | None:
        """Return an outcome that stays, or ``None`` where the call is to be sent again."""
        call, error = outcome.call, outcome.error
        if error is None:
            return outcome
        if isinstance(error, NotFoundError) and index in self.unclear and call.facts.gone_is_done:
            return Outcome(call, Reply(True))
        if error.acted is Acted.UNKNOWN and error.retry is not Retry.NEVER:
            self.unclear.add(index)
            if not call.may_repeat:
                return Outcome(call, error=_ambiguous(call, error, self._portal))
        if error.retry is Retry.RENEW and (self.renewed or not self._can_renew):
            return outcome
        if error.retry is Retry.NEVER:
            return outcome
        if (
            error.retry is Retry.BACK_OFF
            and not _is_limit(error)
            and self.failures + 1 >= self.session.policy.attempts
        ):
            return outcome
        return None

    def _renew(self) -> Generator[Step, Any, None]:
        self.renewed = True
        if not isinstance(self.signed_by, OAuthApplication):
            return
        renewed: Tokens | Bitrix24Error = yield Renew(self.signed_by.tokens)
        current = self.session.credentials
        if isinstance(renewed, Bitrix24Error):
            self._finish_all(self.pending, renewed)
        elif isinstance(current, OAuthApplication):
            self.session.credentials = current.with_tokens(renewed)

    # --- helpers ---

    @property
    def _portal(self) -> str:
        return self.session.credentials.portal

    @property
    def _can_renew(self) -> bool:
        credentials = self.session.credentials
        return isinstance(credentials, OAuthApplication) and bool(credentials.tokens.refresh)

    def _label(self, turn: Sequence[int]) -> str:
        return self.calls[turn[0]].method if len(turn) == 1 else "batch"

    def _meter(self, index: int, *, batched: bool) -> str:
        place = "batch" if batched else "call"
        return f"{self.session.credentials.identity}/{place}/{self.calls[index].method.lower()}"

    def _named(self, error: Bitrix24Error, turn: Sequence[int]) -> Bitrix24Error:
        return type(error).from_fields(
            {**error.fields(), "method": self._label(turn), "portal": self._portal}
        )

    def _finish(self, index: int, outcome: Outcome) -> None:
        self.outcomes[index] = outcome
        self.pending.remove(index)

    def _finish_all(self, indexes: Sequence[int], error: Bitrix24Error) -> None:
        for index in list(indexes):
            self._finish(index, Outcome(self.calls[index], error=error))


def _keys(turn: Sequence[int]) -> list[str]:
    """Name the commands of a batch; not by bare numbers, which PHP would turn into a list."""
    return [f"c{index}" for index in turn]


def _is_limit(error: Bitrix24Error) -> bool:
    return isinstance(error, LimitError)


def _ambiguous(call: Call, error: Bitrix24Error, portal: str) -> AmbiguousWriteError:
    return AmbiguousWriteError(
        f"it is not known whether the portal carried this out: {error}",
        code=error.code,
        method=call.method,
        portal=portal,
        status=error.status,
    )


def guard_pages(outcome: Outcome) -> Outcome:
    """Return the outcome, as an error where a list has more pages and the caller did not ask for one of them.

    :param outcome: outcome of a call made by itself, not by a reader of whole lists
    """
    reply = outcome.reply
    if not outcome.ok or reply is None or reply.next is None or outcome.call.reads_page:
        return outcome
    error = MorePagesError(
        f"the list has more pages (rows in all: {reply.total if reply.total is not None else 'not told'})",
        method=outcome.call.method,
    )
    return Outcome(outcome.call, reply, error)
