"""Removing timeline records from CRM items, as a plan.

A record without any binding stays in the portal's database, where nobody can see, change or delete it any
more. Nothing of the API prevents that, so what a record is bound to is read first.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_bitrix24.crm.outcomes import ItemOutcome, not_done
from airflow_provider_bitrix24.crm.timeline.bindings import unbind_each
from airflow_provider_bitrix24.crm.timeline.records import Record, further_pages
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding, bindings_call
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import FinalRejectionError, NotFoundError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.progress import Progress

_METHOD = "crm.timeline.bindings.unbind"


def unbind_records(
    bindings: Sequence[TimelineBinding], progress: Progress, *, missing_ok: bool, keep_last: bool
) -> Plan[list[ItemOutcome[TimelineBinding]]]:
    """Remove records from items, except those that an earlier try removed.

    :param bindings: what to take apart; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :param missing_ok: whether one that is not there counts as done
    :param keep_last: whether to refuse what would leave a record without any binding
    :return: one outcome for each binding, in order
    """
    settled: dict[TimelineBinding, ItemOutcome[TimelineBinding]] = {}
    left = not_done(bindings, progress)
    if keep_last and left:
        records = yield from _read(left)
        leaving: dict[int, set[tuple[str, int]]] = {}
        for binding in left:
            leaving.setdefault(binding.record_id, set()).add(binding.item.pair)
        for binding in left:
            record, items = records[binding.record_id], leaving[binding.record_id]
            outcome = _without_unbinding(binding, record, items, missing_ok=missing_ok)
            if outcome is not None:
                settled[binding] = outcome
    return (yield from unbind_each(bindings, progress, missing_ok=missing_ok, settled=settled))


def _read(bindings: Sequence[TimelineBinding]) -> Plan[dict[int, Record]]:
    records = {binding.record_id: Record() for binding in bindings}
    outcomes = yield Work([bindings_call(record_id) for record_id in records])
    for (record_id, record), outcome in zip(records.items(), outcomes, strict=True):
        record.note_listing(record_id, outcome)
    yield from further_pages(records)
    return records


def _without_unbinding(
    binding: TimelineBinding, record: Record, leaving: set[tuple[str, int]], *, missing_ok: bool
) -> ItemOutcome[TimelineBinding] | None:
    """Return the outcome of a binding that is left alone, ``None`` where it is to be taken apart.

    :param leaving: all items that the record is to be taken off
    """
    if record.error is not None:
        return binding.failed(record.error, "unbound", may_be_done=False)
    if not record.is_on(binding.item):
        missing = NotFoundError("it is not bound", code="NOT_FOUND", method=_METHOD)
        return binding.when_unbound(Outcome(binding.unbind_call(), error=missing), missing_ok=missing_ok)
    if record.bound_to <= leaving:
        return binding.failed(_last(), "unbound")
    return None


def _last() -> FinalRejectionError:
    return FinalRejectionError(
        "the record would be left without any binding, where nobody can see or delete it",
        code="LAST_BINDING",
        method=_METHOD,
        remedy="Bind it to another item first, delete the comment instead, or give keep_last=False.",
    )
