"""Taking timeline records off CRM items, as a plan of work.

A record without any binding stays in the portal's database, where nobody can see, change or delete it any
more. Nothing of the API prevents that, so what a record is bound to is read first.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_bitrix24.crm.outcomes import NOT_BOUND, UNBOUND, BindingOutcome, failed
from airflow_provider_bitrix24.crm.records import Record, further_pages
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding, bindings_call
from airflow_provider_bitrix24.rest.bulk import Plan, Work
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import NotFoundError, RejectedError
from airflow_provider_bitrix24.rest.progress import Progress

_METHOD = "crm.timeline.bindings.unbind"


def unbind_records(
    bindings: Sequence[TimelineBinding], progress: Progress, *, missing_ok: bool, keep_last: bool, owner: str
) -> Plan[list[BindingOutcome]]:
    """Take records off items, those that an earlier try did not.

    :param bindings: what to take apart; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :param missing_ok: whether one that is not there counts as done
    :param keep_last: whether to refuse what would leave a record without any binding
    :param owner: whose rights the calls have, for messages
    :return: one outcome for each binding, in order
    """
    distinct = list(dict.fromkeys(bindings))
    found = {distinct[position]: BindingOutcome(distinct[position], UNBOUND) for position in progress.known}
    left = [binding for binding in distinct if binding not in found]
    if keep_last and left:
        records = yield from _read(left)
        for binding in left:
            outcome = _without_unbinding(binding, left, records[binding.record_id], missing_ok, owner)
            if outcome is not None:
                found[binding] = outcome
    missing = [position for position, binding in enumerate(distinct) if binding not in found]
    if missing:
        outcomes = yield Work([distinct[position].unbind_call() for position in missing], missing)
        for position, done in zip(missing, outcomes, strict=True):
            found[distinct[position]] = unbinding_outcome(distinct[position], done, missing_ok, owner)
    return [found[binding] for binding in bindings]


def unbinding_outcome(
    binding: TimelineBinding, outcome: Outcome, missing_ok: bool, owner: str
) -> BindingOutcome:
    """Return what became of a binding that was to be taken apart.

    :param binding: the binding
    :param outcome: of ``crm.timeline.bindings.unbind``
    :param missing_ok: whether one that is not there counts as done
    :param owner: whose rights the call had, for messages
    """
    if outcome.error is None:
        return BindingOutcome(binding, UNBOUND)
    if isinstance(outcome.error, NotFoundError) and missing_ok:
        return BindingOutcome(binding, NOT_BOUND)
    return failed(binding, outcome.error, owner, done="unbound")


def _read(bindings: Sequence[TimelineBinding]) -> Plan[dict[int, Record]]:
    records = {binding.record_id: Record() for binding in bindings}
    outcomes = yield Work([bindings_call(record_id) for record_id in records])
    for (record_id, record), outcome in zip(records.items(), outcomes, strict=True):
        record.note_listing(record_id, outcome)
    yield from further_pages(records)
    return records


def _without_unbinding(
    binding: TimelineBinding, all_: Sequence[TimelineBinding], record: Record, missing_ok: bool, owner: str
) -> BindingOutcome | None:
    """Return the outcome of a binding that is left alone, ``None`` where it is to be taken apart."""
    if record.error is not None:
        return failed(binding, record.error, owner, done="unbound")
    if not record.is_on(binding.item):
        missing = NotFoundError("it is not bound", code="NOT_FOUND", method=_METHOD)
        return unbinding_outcome(binding, Outcome(binding.unbind_call(), error=missing), missing_ok, owner)
    others = {other.item.pair for other in all_ if other.record_id == binding.record_id}
    if record.bound_to <= others:
        return failed(binding, _last(), owner, done="unbound")
    return None


def _last() -> RejectedError:
    return RejectedError(
        "the record would be left without any binding, where nobody can see or delete it",
        code="LAST_BINDING",
        method=_METHOD,
        remedy="Bind it to another item first, delete the comment instead, or give keep_last=False.",
    )
