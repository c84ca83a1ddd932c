"""Many calls: which of them travel together, and when it is useless to continue."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, RequestLimitError
from airflow_provider_bitrix24.rest.exchange import exchange
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


class Many:
    """Any number of calls, carried out in as few requests as carry them exactly.

    Trouble with the connection that does not pass, such as a revoked webhook, would meet every further
    request. So would a wait for the request limit that takes longer than allowed. After such an error, the
    calls that are not sent yet fail with the same error.

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
