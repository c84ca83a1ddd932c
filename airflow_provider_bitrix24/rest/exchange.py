"""An exchange: a generator that carries out one request. It yields steps and receives their results.

Retries, pacing, token renewal and the judgement of errors exist here and nowhere else. The two drivers
perform the steps: reserve a slot, send, wait, renew. So tests need no socket: they feed the generator
answers.

An exchange carries one call, or up to fifty as a batch. Some calls of a batch may be done, refused by a
limit or unclear while others are not, so an exchange keeps what is still to do and sends that again.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_bitrix24.rest.announcing import announce_move
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.credentials import OAuthApplication
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
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
from airflow_provider_bitrix24.rest.list_query import ends_unproven
from airflow_provider_bitrix24.rest.methods import Repeatability
from airflow_provider_bitrix24.rest.pacing import Reading, Slot, counted
from airflow_provider_bitrix24.rest.redirects import new_origin
from airflow_provider_bitrix24.rest.replies import Failure, Response, check_result, read_batch, read_envelope
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.session import Policy, Session, can_renew, renew
from airflow_provider_bitrix24.rest.steps import (
    Blocked,
    IsCurrent,
    Pause,
    Request,
    Reserve,
    Send,
    Settle,
    Step,
)

_MOST_REDIRECTS = 3
#: a longer wait for a slot is worth a log line, in seconds
_ORDINARY_WAIT = 5.0


__all__ = ["Policy", "Session", "command_name", "exchange", "guard_pages"]


def exchange(
    calls: Sequence[Call], session: Session, *, chained: bool = False
) -> Generator[Step, Any, list[Outcome]]:
    """Carry out one call, or some calls as a batch, and return their outcomes in order.

    :param calls: one call, or up to fifty that fit a batch
    :param session: credentials, limits and patience
    :param chained: each call refers to the one before, by its :func:`command_name`; so they are sent again
        all together or not at all, and what the portal says of a single one is final
    """
    return (yield from _Exchange(calls, session, chained=chained).run())


class _Exchange:
    def __init__(self, calls: Sequence[Call], session: Session, *, chained: bool = False) -> None:
        self.calls = calls
        self.session = session
        self.chained = chained
        self.spoke_of_each = False
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
        if can_renew(self.signed_by) and not self.signed_by.tokens.access:  # only a refresh token is known
            yield from self._renew(self.signed_by)
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
        batched = len(self.pending) > 1 and self.width > 1
        turn, blocked = yield from self._free(self.pending, batched=batched)
        if batched and len(turn) == 1:  # what is left of the batch travels alone, which is metered apart
            turn, blocked = yield from self._free(turn, batched=False)
        return turn[: self.width], blocked

    def _free(
        self, indexes: Sequence[int], *, batched: bool
    ) -> Generator[Step, Any, tuple[list[int], Mapping[str, float]]]:
        meters = {index: self._meter(index, batched=batched) for index in indexes}
        blocked: Mapping[str, float] = yield Blocked(tuple(sorted(set(meters.values()))))
        return [index for index in indexes if meters[index] not in blocked], blocked

    def _wait_for_method(self, blocked: Mapping[str, float]) -> Generator[Step, Any, None]:
        wait = min(blocked.values())
        method = self.calls[self.pending[0]].method
        error = OperationTimeLimitError(
            "the method's operating time is used up, or nearly",
            code="OPERATION_TIME_LIMIT",
            method=method,
            portal=self._portal,
        )
        yield from self._wait_for_limit(wait, error, "operating time limit")

    def _take_slot(self) -> Generator[Step, Any, Slot | None]:
        """Reserve a slot and wait for it; ``None`` where it became void or the wait is too long."""
        slot: Slot = yield Reserve(self._portal, self.session.policy.max_wait - self.waited)
        if slot.wait <= 0:
            return slot
        error = RequestLimitError(
            "the portal refuses further requests from this address"
            if self.refused
            else "the requests of this machine already fill the portal's limit",
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
        if self.waited + wait > self.session.policy.max_wait:
            failed = error.but(retry_after=wait)
            self._finish_all(self.pending, failed)
            return False
        if notable:
            wait = self.session.policy.spread(wait)
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
        """Return what happened to each call of this turn; ``None`` where the portal has moved."""
        calls = [self.calls[index] for index in turn]
        self.spoke_of_each = False
        if isinstance(answer, Failure):
            return [Outcome(call, error=self._named(answer.error, turn)) for call in calls]
        if 300 <= answer.status < 400 and answer.location:
            refused = self._follow(turn, answer.location)
            return None if refused is None else [Outcome(call, error=refused) for call in calls]
        secrets = self.signed_by.secrets  # others may have renewed the tokens meanwhile
        reply = read_envelope(answer, method=self._label(turn), portal=self._portal, secrets=secrets)
        if isinstance(reply, Bitrix24Error):
            return [Outcome(call, error=self.session.understood(reply)) for call in calls]
        if len(calls) == 1:
            return [check_result(calls[0], reply, self._portal)]
        if not isinstance(reply.result, dict):
            broken = MalformedReplyError("not a batch's answer", method="batch", portal=self._portal)
            return [Outcome(call, error=broken) for call in calls]
        self.spoke_of_each = True
        return read_batch(calls, _keys(turn), reply, portal=self._portal, secrets=secrets)

    def _follow(self, turn: Sequence[int], location: str) -> RedirectRefusedError | None:
        """Move to where a renamed portal points, or return why not."""
        asked = self.signed_by.address(self._label(turn))
        origin = new_origin(asked, location, self.session.trusted_hosts, self.signed_by.secrets)
        if isinstance(origin, RedirectRefusedError):
            return origin
        self.redirects += 1
        if self.redirects > _MOST_REDIRECTS:
            return RedirectRefusedError("the portal redirects in a circle", portal=self._portal)
        announce_move(asked.origin, origin)
        self.session.credentials = self.session.credentials.moved_to(origin)
        return None

    def _settlement(
        self, turn: Sequence[int], slot: Slot, judged: Sequence[Outcome], *, answered: bool
    ) -> Settle:
        batched = len(turn) > 1
        self.refused = any(isinstance(outcome.error, RequestLimitError) for outcome in judged)
        readings: dict[str, Reading | None] = {}
        for index, outcome in zip(turn, judged, strict=True):
            meter = self._meter(index, batched=batched)
            readings[meter] = _read_meter(meter, outcome, readings.get(meter))
        passed = not self.refused if answered else None
        return Settle(self._portal, slot, passed, tuple(filter(None, readings.values())))

    def _adapt_width(
        self, turn: Sequence[int], answer: Response | Failure, judged: Sequence[Outcome]
    ) -> None:
        """Make batches smaller when one came near the cut, or held more than the portal takes."""
        surplus = sum(isinstance(outcome.error, SurplusCommandError) for outcome in judged)
        if surplus:
            self.width = len(turn) - surplus or max(1, len(turn) // 2)
        elif answer.elapsed > self.session.policy.near_the_cut and len(turn) > 1:
            self.width = max(1, len(turn) // 2)

    def _digest(self, turn: Sequence[int], judged: Sequence[Outcome]) -> Generator[Step, Any, None]:
        """Keep what is final; wait or renew before sending the rest again."""
        again: list[Bitrix24Error] = []
        for index, outcome in zip(turn, map(self._owned, judged), strict=True):
            final = self._final(index, outcome, alone=len(turn) == 1)
            if final is not None:
                self._finish(index, final)
            elif outcome.error is not None:
                again.append(outcome.error)
        if not again:
            return
        if any(error.retry is Retry.RENEW for error in again) and can_renew(self.signed_by):
            yield from self._renew(self.signed_by)
        # Limits are waited for where slots are taken; everything else is a failure to wait out here.
        failed = next(
            (error for error in again if error.retry is Retry.BACK_OFF and not _is_limit(error)), None
        )
        if failed is not None:
            self.failures += 1
            pause = self.session.policy.pause(self.failures)
            attempt = f"attempt {self.failures} of {self.session.policy.attempts} failed"
            yield Pause(pause, f"{attempt}: {failed}")

    def _final(self, index: int, outcome: Outcome, *, alone: bool) -> Outcome | None:
        """Return an outcome that stays, or ``None`` where the call is to be sent again."""
        call, error = outcome.call, outcome.error
        if error is None:
            return outcome
        if self.chained and (self.spoke_of_each or self.width < len(self.calls)):
            return outcome  # a part of the chain would refer to what is not in its request
        if index in self.unclear and _is_gone(call, error):
            return Outcome(call, Reply(True))
        if error.acted is Acted.UNKNOWN and error.retry is not Retry.NEVER:
            self.unclear.add(index)
            if not call.may_repeat:
                return Outcome(call, error=_ambiguous(call, error, self._portal))
        if error.retry is Retry.RENEW and (self.renewed or not can_renew(self.signed_by)):
            return outcome
        if error.retry is Retry.NEVER or (alone and isinstance(error, SurplusCommandError)):
            return outcome
        if (
            error.retry is Retry.BACK_OFF
            and not _is_limit(error)
            and self.failures + 1 >= self.session.policy.attempts
        ):
            return outcome
        return None

    def _renew(self, refused: OAuthApplication) -> Generator[Step, Any, None]:
        renewed = yield from renew(self.session, refused)
        if isinstance(renewed, Bitrix24Error):
            self._finish_all(self.pending, renewed)
        else:
            self.renewed = renewed.fresh

    # --- helpers ---

    @property
    def _portal(self) -> str:
        return self.session.credentials.portal

    def _label(self, turn: Sequence[int]) -> str:
        return self.calls[turn[0]].method if len(turn) == 1 else "batch"

    def _meter(self, index: int, *, batched: bool) -> str:
        place = "batch" if batched else "call"
        return f"{self.session.credentials.identity}/{place}/{self.calls[index].method.lower()}"

    def _named(self, error: Bitrix24Error, turn: Sequence[int]) -> Bitrix24Error:
        return error.but(method=self._label(turn), portal=self._portal)

    def _owned(self, outcome: Outcome) -> Outcome:
        """Return the outcome; where rights were missing, its error says whose."""
        if not isinstance(outcome.error, AccessDeniedError):
            return outcome
        return replace(outcome, error=outcome.error.but(owner=self.signed_by.owner))

    def _finish(self, index: int, outcome: Outcome) -> None:
        error, is_read = outcome.error, outcome.call.facts.kind is Repeatability.READ
        if index in self.unclear and error is not None and error.acted is Acted.NO and not is_read:
            outcome = replace(outcome, error=error.but(in_doubt=True))
        self.outcomes[index] = outcome
        self.pending.remove(index)

    def _finish_all(self, indexes: Sequence[int], error: Bitrix24Error) -> None:
        for index in list(indexes):
            self._finish(index, Outcome(self.calls[index], error=error))


def _read_meter(meter: str, outcome: Outcome, before: Reading | None) -> Reading | None:
    """Return what an answer says of a meter: in one batch a method may succeed and then be blocked."""
    known = before or Reading(meter, blocked=False)
    if isinstance(outcome.error, OperationTimeLimitError):
        return known._replace(blocked=True)
    if outcome.reply is None:
        return before
    timing = outcome.reply.timing
    spent = known.spent + counted(timing.duration)
    return Reading(meter, False, timing.reset_at or known.reset_at, timing.operating, spent)


def command_name(index: int) -> str:
    """Name a command of a batch; not by a bare number, because PHP would turn those into a list.

    :param index: the call's place among those of the exchange
    """
    return f"c{index}"


def _keys(turn: Sequence[int]) -> list[str]:
    return [command_name(index) for index in turn]


def _is_limit(error: Bitrix24Error) -> bool:
    return isinstance(error, LimitError)


def _is_gone(call: Call, error: Bitrix24Error) -> bool:
    """Tell whether an error says that what a call removes is not there."""
    facts = call.facts
    return facts.gone_is_done and isinstance(error, NotFoundError) and facts.gone_code in ("", error.code)


def _ambiguous(call: Call, error: Bitrix24Error, portal: str) -> AmbiguousWriteError:
    return AmbiguousWriteError(
        f"{AmbiguousWriteError.unclear}{error}",
        code=error.code,
        method=call.method,
        portal=portal,
        status=error.status,
    )


def guard_pages(outcome: Outcome) -> Outcome:
    """Return the outcome, as an error where a list may have more pages and the caller did not ask for one.

    :param outcome: outcome of a call made by itself, not by a reader of whole lists
    """
    reply = outcome.reply
    if not outcome.ok or reply is None or outcome.call.reads_page:
        return outcome
    if reply.next is not None:
        problem = "the list has more pages"
    elif ends_unproven(outcome.call, reply):
        problem = "the page is full, and the portal does not say whether more follow"
    else:
        return outcome
    total = reply.total if reply.total is not None else "not told"
    error = MorePagesError(f"{problem} (rows in all: {total})", method=outcome.call.method)
    return Outcome(outcome.call, reply, error)
