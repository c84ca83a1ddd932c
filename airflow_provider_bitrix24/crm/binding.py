"""Binding many timeline records, as a plan of work, and what became of each binding.

What the check of a record can know: ``crm.timeline.comment.get`` tells for any kind of record whether it
exists, and ``crm.timeline.bindings.list`` shows what it is bound to. The first is needed because the API
stores bindings of records that do not exist, so a binding proves nothing; the second, to tell what is bound
already. Both together with the binding itself are three calls a record, which is what a list of up to 750
records gets. A longer list would need more requests than a portal lets through at once, so there a record
that is bound to something else is taken to exist, and is not asked for; one without any binding still is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_bitrix24.crm.outcomes import ALREADY_BOUND, BOUND, BindingOutcome, failed
from airflow_provider_bitrix24.crm.records import Record, further_pages, no_such_record
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding, bindings_call, record_call
from airflow_provider_bitrix24.rest.bulk import BATCH_SIZE, Plan, Work
from airflow_provider_bitrix24.rest.progress import Progress

#: requests that the full check may take in any case; together with the binding of as many records, half as
#: many again, they stay within the burst of a portal on the standard plan
_CHECK_REQUESTS = 30


@dataclass
class _Record(Record):
    """What is known of a timeline record, and what it is to be bound to."""

    wanted: set[tuple[str, int]] = field(default_factory=set)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to be bound."""
        return self.exists is False or self.wanted <= self.bound_to


def bind_records(
    bindings: Sequence[TimelineBinding], progress: Progress, *, check_record: bool, owner: str
) -> Plan[list[BindingOutcome]]:
    """Bind records to items, those that an earlier try did not bind.

    :param bindings: what to bind; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :param check_record: whether to find out first which records exist and what they are bound to
    :param owner: whose rights the calls have, for messages
    :return: one outcome for each binding, in order
    """
    distinct = list(dict.fromkeys(bindings))
    found = {distinct[position]: BindingOutcome(distinct[position], BOUND) for position in progress.known}
    left = [binding for binding in distinct if binding not in found]
    if check_record and left:
        records = yield from _look_up(left)
        for binding in left:
            outcome = _without_binding(binding, records[binding.record_id], owner)
            if outcome is not None:
                found[binding] = outcome
    missing = [position for position, binding in enumerate(distinct) if binding not in found]
    if missing:
        outcomes = yield Work([distinct[position].bind_call() for position in missing], missing)
        for position, done in zip(missing, outcomes, strict=True):
            binding = distinct[position]
            found[binding] = (
                BindingOutcome(binding, BOUND) if done.error is None else failed(binding, done.error, owner)
            )
    return [found[binding] for binding in bindings]


def _look_up(bindings: Sequence[TimelineBinding]) -> Plan[dict[int, _Record]]:
    """Find out which records exist and what they are bound to, in as few calls as tell it."""
    records: dict[int, _Record] = {}
    for binding in bindings:
        records.setdefault(binding.record_id, _Record()).wanted.add(binding.item.pair)
    ids = list(records)
    in_full = _requests(2 * len(ids)) <= max(_CHECK_REQUESTS, _requests(len(bindings)))
    calls = [bindings_call(record_id) for record_id in ids]
    outcomes = yield Work(calls + ([record_call(record_id) for record_id in ids] if in_full else []))
    for record_id, outcome in zip(ids, outcomes, strict=False):
        records[record_id].note_listing(record_id, outcome)
    if in_full:
        for record_id, outcome in zip(ids, outcomes[len(ids) :], strict=True):
            records[record_id].note_existence(outcome)
    yield from further_pages(records, lambda record: record.is_settled)
    doubtful = [record_id for record_id, record in records.items() if _is_doubtful(record)]
    if doubtful:
        outcomes = yield Work([record_call(record_id) for record_id in doubtful])
        for record_id, outcome in zip(doubtful, outcomes, strict=True):
            records[record_id].note_existence(outcome)
    return records


def _requests(calls: int) -> int:
    return -(-calls // BATCH_SIZE)


def _is_doubtful(record: _Record) -> bool:
    """Tell whether to ask for the record itself: it has no binding, or needs none that could cost a call."""
    if record.error is not None or record.exists is not None:
        return False
    return not record.bound_to or record.is_settled


def _without_binding(binding: TimelineBinding, record: _Record, owner: str) -> BindingOutcome | None:
    """Return the outcome of a binding that the check settled, ``None`` where it is to be made."""
    if record.exists is False:
        return failed(binding, no_such_record(binding.record_id), owner)
    if record.error is not None:
        return failed(binding, record.error, owner)
    return BindingOutcome(binding, ALREADY_BOUND) if record.is_on(binding.item) else None
