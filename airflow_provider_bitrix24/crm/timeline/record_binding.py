"""Binding many timeline records, as a plan of work, and what happened to each binding.

The check of a record makes two calls. ``crm.timeline.comment.get`` tells for any kind of record whether it
exists: the API stores bindings of records that do not exist, so a binding proves nothing.
``crm.timeline.bindings.list`` tells what the record is bound to already. With the binding itself these are
three calls a record, in lists of up to 750 records. A longer list would need more requests than a portal
accepts at once. There a record that is bound to something else counts as existing, and only a record without
any binding is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_bitrix24.crm.existence import missing_items
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome, not_done
from airflow_provider_bitrix24.crm.timeline.bindings import ALREADY_BOUND, bind_each
from airflow_provider_bitrix24.crm.timeline.records import Record, further_pages, no_such_record
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import (
    TimelineBinding,
    bindings_call,
    record_call,
)
from airflow_provider_bitrix24.rest.batches import BATCH_SIZE
from airflow_provider_bitrix24.rest.plans import Plan, Work, both
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
    bindings: Sequence[TimelineBinding], progress: Progress, *, check_record: bool, check_item: bool = False
) -> Plan[list[ItemOutcome[TimelineBinding]]]:
    """Bind records to items, except those that an earlier try bound.

    :param bindings: what to bind; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :param check_record: whether to find out first which records exist and what they are bound to
    :param check_item: whether to find out first which items exist
    :return: one outcome for each binding, in order
    """
    settled: dict[TimelineBinding, ItemOutcome[TimelineBinding]] = {}
    left = [] if progress.checked else not_done(bindings, progress)
    records, missing = yield from both(
        _look_up(left if check_record else []),
        missing_items(binding.item for binding in (left if check_item else [])),
    )
    for binding in left:
        if check_record and (outcome := _without_binding(binding, records[binding.record_id])):
            settled[binding] = outcome
        elif binding.item in missing:
            settled[binding] = binding.failed(missing[binding.item], may_be_done=False)
    # what failed is looked for again: only where nothing did, a deferral may skip the looks
    progress.checked = progress.checked or all(outcome.error is None for outcome in settled.values())
    return (yield from bind_each(bindings, progress, settled))


def _look_up(bindings: Sequence[TimelineBinding]) -> Plan[dict[int, _Record]]:
    """Find out which records exist and what they are bound to, in as few calls as tell it."""
    records: dict[int, _Record] = {}
    for binding in bindings:
        records.setdefault(binding.record_id, _Record()).wanted.add(binding.item.pair)
    ids = list(records)
    in_full = _requests(2 * len(ids)) <= max(_CHECK_REQUESTS, _requests(len(bindings)))
    calls = [bindings_call(record_id) for record_id in ids]
    calls += [record_call(record_id) for record_id in ids] if in_full else []
    outcomes = (yield Work(calls)) if calls else []
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


def _without_binding(binding: TimelineBinding, record: _Record) -> ItemOutcome[TimelineBinding] | None:
    """Return the outcome of a binding that the check settled, ``None`` where it is to be made."""
    if record.exists is False:
        return binding.failed(no_such_record(binding.record_id))
    if record.error is not None:
        return binding.failed(record.error, may_be_done=False)
    return ItemOutcome(binding, ALREADY_BOUND) if record.is_on(binding.item) else None
