"""Carrying out changes of items: chunk by chunk, each change once in all tries.

``crm.item.add`` cannot be done idempotently. An item that may have been added is looked up by its key, and
added only if it is not there; without a key that is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from airflow_provider_bitrix24.crm.writing.changes import Change
from airflow_provider_bitrix24.crm.writing.chunk import Chunk
from airflow_provider_bitrix24.crm.writing.deleting import delete
from airflow_provider_bitrix24.crm.writing.privacy import in_private
from airflow_provider_bitrix24.crm.writing.writing import Writing, Written
from airflow_provider_bitrix24.rest.batches import is_fatal_for_all
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress

#: changes that are made together: their look-ups fill a request
CHUNK = 2_500


def write(
    writing: Writing,
    chunks: Iterable[Sequence[Change]],
    progress: Progress,
    sink: Callable[[Written], None],
) -> Plan[None]:
    """Carry out changes, those of a chunk side by side.

    :param writing: how the items are written
    :param chunks: the changes, up to :data:`CHUNK` at a time
    :param progress: what is known of them, by position
    :param sink: is given the outcome of each, in order
    """
    end: Bitrix24Error | None = None
    earlier_since = progress.earlier_since
    for changes in chunks:
        if end is not None:  # every further call would only meet the same trouble
            outcomes = [_given_up(writing, change, progress, end) for change in changes]
        elif writing.operation == "delete":
            outcomes = yield from delete(writing, changes, progress)
        else:
            chunk = Chunk(writing, changes, progress, earlier_since)
            outcomes = yield from in_private(chunk.carry_out(), [change.wanted for change in changes])
        for outcome in outcomes:
            sink(outcome)
        end = end or _end(outcomes)
    if end is not None:  # of the changes that were given up, still nothing is known
        progress.earlier_since = earlier_since


def write_all(writing: Writing, changes: Sequence[Change], progress: Progress) -> Plan[list[Written]]:
    """Carry out changes that are all at hand, and return their outcomes in order.

    :param writing: how the items are written
    :param changes: the changes
    :param progress: what is known of them, by position
    """
    outcomes: list[Written] = []
    chunks = (changes[start : start + CHUNK] for start in range(0, len(changes), CHUNK))
    yield from write(writing, chunks, progress, outcomes.append)
    return outcomes


def _end(outcomes: Sequence[Written]) -> Bitrix24Error | None:
    call = Call("crm.item.update")
    errors = (outcome.error for outcome in outcomes if outcome.error is not None)
    return next((error for error in errors if is_fatal_for_all(Outcome(call, error=error))), None)


def _given_up(writing: Writing, change: Change, progress: Progress, error: Bitrix24Error) -> Written:
    known = progress.known.get(change.position)
    if known is not None and not known.get("NOT_TAKEN"):
        return writing.done(change, known["STATUS"], known["ID"])
    return writing.failed(change, error)
