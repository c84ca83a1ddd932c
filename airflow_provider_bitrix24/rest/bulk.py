"""Many calls: which of them travel together, and when there is no use in going on."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, RequestLimitError
from airflow_provider_bitrix24.rest.exchange import exchange
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.session import Session
from airflow_provider_bitrix24.rest.steps import Step

#: commands that a batch takes
BATCH_SIZE = 50
#: bytes of a batch's commands; a web server's usual bound for a whole request is 1 MiB
BATCH_BYTES = 400_000


def groups(calls: Iterable[Call]) -> Iterator[list[Call]]:
    """Split calls into those that travel together, keeping their order.

    A call that a batch would change travels alone, and so does one that fills a batch by itself.

    :param calls: any number of calls
    """
    batch: list[Call] = []
    size = 0
    for call in calls:
        if not call.fits_batch:
            if batch:
                yield batch
            yield [call]
            batch, size = [], 0
            continue
        length = len(call.command())
        if batch and (len(batch) == BATCH_SIZE or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(call)
        size += length
    if batch:
        yield batch


class Work(NamedTuple):
    """Calls to be carried out, whose order does not matter.

    :param calls: the calls
    :param positions: the item of each call, where progress is kept of it; ``None`` for mere questions
    :param shared: whether the answers may be a little old, so that one of many who ask the same asks for all
    """

    calls: list[Call]
    positions: list[int] | None = None
    shared: bool = False


class Wait(NamedTuple):
    """Time that has to pass first.

    :param seconds: how long
    :param why: what for, in words
    """

    seconds: float
    why: str


T = TypeVar("T")

#: work on many items, as a generator that yields what it wants done and is told the outcomes
Plan = Generator[Work | Wait, Any, T]


def carry_out_calls(calls: Sequence[Call], progress: Progress) -> Plan[list[Outcome]]:
    """Carry out calls, each of them once in all tries, and return their outcomes in order.

    :param calls: the calls
    :param progress: what is known of them
    """
    progress.suspect(dict(enumerate(calls)))
    outcomes = {
        position: Outcome(calls[position], Reply(result)) for position, result in progress.known.items()
    }
    for position in progress.unclear:
        outcomes[position] = Outcome(calls[position], error=_left_open(calls[position]))
    missing = [position for position in range(len(calls)) if position not in outcomes]
    if missing:
        done = yield Work([calls[position] for position in missing], missing)
        outcomes.update(zip(missing, done, strict=True))
    return [outcomes[position] for position in range(len(calls))]


def _left_open(call: Call) -> AmbiguousWriteError:
    return AmbiguousWriteError(
        "an earlier try of this task ended while this was under way, so it may have been carried out",
        method=call.method,
    )


class Many:
    """Any number of calls, carried out in as few requests as carry them exactly.

    Trouble of the connection that does not pass, such as a revoked webhook, would meet every further request
    alike, and so would a wait for the request limit that takes longer than allowed: what has not been sent
    then has failed with the same error.

    :param calls: any number of calls
    :param session: credentials, limits and patience
    """

    def __init__(self, calls: Iterable[Call], session: Session) -> None:
        self.groups: list[tuple[int, list[Call]]] = []
        first = 0
        for group in groups(calls):
            self.groups.append((first, group))
            first += len(group)
        self._session = session
        self._end: Bitrix24Error | None = None

    def exchange(self, group: list[Call]) -> Generator[Step, Any, list[Outcome]]:
        """Carry out one of the groups, which may be in flight together."""
        if self._end is not None:
            return [Outcome(call, error=self._end) for call in group]
        outcomes = yield from exchange(group, self._session)
        self._end = next((outcome.error for outcome in outcomes if is_fatal_for_all(outcome)), self._end)
        return outcomes

    def in_turn(self) -> Generator[Step, Any, list[Outcome]]:
        """Carry out all groups one after the other and return the outcomes in order."""
        outcomes: list[Outcome] = []
        for _, group in self.groups:
            outcomes += yield from self.exchange(group)
        return outcomes


def is_fatal_for_all(outcome: Outcome) -> bool:
    """Tell whether every further call would only meet the same trouble.

    :param outcome: of one call
    """
    error = outcome.error
    if isinstance(error, RequestLimitError):
        return error.retry_after is not None
    return error is not None and error.connection_wide and error.permanent
