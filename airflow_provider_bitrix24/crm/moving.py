"""Moving timeline records between CRM items, and making a record's bindings exactly what they should be.

What is to come is always bound before what is to go is unbound, so a record is on some item at every moment.
Both steps may be repeated, and what is there is read first: after a crash anywhere, doing it again ends in
the same state, with no memory of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ALREADY_BOUND, BOUND, FAILED, BindingOutcome, failed
from airflow_provider_bitrix24.crm.records import Record, check_record, read_records
from airflow_provider_bitrix24.crm.relations import check_items
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.crm.unbinding import unbinding_outcome
from airflow_provider_bitrix24.rest.bulk import Plan, Work
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, NotFoundError

MOVED = "moved"
ALREADY_MOVED = "already_moved"


def check_ends(source: CrmItem, target: CrmItem) -> None:
    """Refuse to move from an item to itself.

    :raises InvalidInputError: it is the same item
    """
    if source == target:
        raise InvalidInputError(f"target: {target} is the source itself", remedy="Give another item.")


def move_record(record_id: int, source: CrmItem, target: CrmItem, *, owner: str) -> Plan[BindingOutcome]:
    """Move a record from one item to another.

    :param record_id: the record
    :param source: the item that it leaves
    :param target: the item to which it goes
    :param owner: whose rights the calls have, for messages
    """
    binding = TimelineBinding(record_id, target)
    records = yield from read_records([record_id])
    record = records[record_id]
    try:
        check_record(record_id, record)
    except Bitrix24Error as error:
        return failed(binding, error, owner, done="moved")
    if not record.is_on(source):
        if record.is_on(target):
            return BindingOutcome(binding, ALREADY_MOVED)
        return failed(binding, _not_on(source), owner, done="moved")
    try:
        yield from check_items(target=target)  # being bound to it proves nothing: bind takes any number
    except Bitrix24Error as error:
        return failed(binding, error, owner, done="moved")
    [outcome] = yield from move_records({record_id: record.is_on(target)}, source, target, owner=owner)
    return outcome


def move_records(
    on_target: Mapping[int, bool], source: CrmItem, target: CrmItem, *, owner: str
) -> Plan[list[BindingOutcome]]:
    """Move records that are on one item to another.

    :param on_target: the records, each with whether it is on the target already
    :param source: the item that they leave
    :param target: the item to which they go
    :param owner: whose rights the calls have, for messages
    """
    there = yield from share_records(on_target, target, owner=owner)
    leaving = [outcome.binding.record_id for outcome in there if outcome.error is None]
    gone: dict[int, BindingOutcome] = {}
    if leaving:
        old = [TimelineBinding(record_id, source) for record_id in leaving]
        outcomes = yield Work([binding.unbind_call() for binding in old])
        for binding, done in zip(old, outcomes, strict=True):
            gone[binding.record_id] = unbinding_outcome(binding, done, True, owner)
    return [_moved(outcome, gone.get(outcome.binding.record_id)) for outcome in there]


def share_records(
    on_target: Mapping[int, bool], target: CrmItem, *, owner: str
) -> Plan[list[BindingOutcome]]:
    """Show records on an item, too.

    :param on_target: the records, each with whether it is there already
    :param target: the item
    :param owner: whose rights the calls have, for messages
    """
    found = {
        record_id: BindingOutcome(TimelineBinding(record_id, target), ALREADY_BOUND)
        for record_id in on_target
    }
    missing = [found[record_id].binding for record_id, is_there in on_target.items() if not is_there]
    for outcome in (yield from _bind(missing, owner)):
        found[outcome.binding.record_id] = outcome
    return list(found.values())


def set_bindings(record_id: int, items: Sequence[CrmItem], *, owner: str) -> Plan[list[BindingOutcome]]:
    """Make a record's bindings exactly these; where one cannot be made, none is taken away.

    :param record_id: the record
    :param items: what it is to be bound to
    :param owner: whose rights the calls have, for messages
    :raises NotFoundError: one of the items does not exist; nothing was changed
    :return: one outcome for each item, then one for each binding that was taken away
    """
    wanted = [TimelineBinding(record_id, item) for item in dict.fromkeys(items)]
    records = yield from read_records([record_id])
    record = records[record_id]
    try:
        check_record(record_id, record)
    except Bitrix24Error as error:
        return [failed(binding, error, owner) for binding in wanted]
    yield from check_items(**{f"items[{items.index(b.item)}]": b.item for b in wanted})
    missing = [binding for binding in wanted if not record.is_on(binding.item)]
    made = {binding: BindingOutcome(binding, ALREADY_BOUND) for binding in wanted}
    for outcome in (yield from _bind(missing, owner)):
        made[outcome.binding] = outcome
    outcomes = list(made.values())
    if any(outcome.error is not None for outcome in outcomes):
        return outcomes
    return outcomes + (yield from _unbind(_surplus(record_id, record, items), owner))


def _surplus(record_id: int, record: Record, items: Sequence[CrmItem]) -> list[TimelineBinding]:
    others = sorted(record.bound_to - {item.pair for item in items})
    # A type that was removed has no name, so that nobody sees such a binding and the API cannot take it away.
    return [TimelineBinding(record_id, CrmItem(*pair)) for pair in others if pair[0]]


def _bind(bindings: Sequence[TimelineBinding], owner: str) -> Plan[list[BindingOutcome]]:
    if not bindings:
        return []
    outcomes = yield Work([binding.bind_call() for binding in bindings])
    return [
        BindingOutcome(binding, BOUND) if done.error is None else failed(binding, done.error, owner)
        for binding, done in zip(bindings, outcomes, strict=True)
    ]


def _unbind(bindings: Sequence[TimelineBinding], owner: str) -> Plan[list[BindingOutcome]]:
    if not bindings:
        return []
    outcomes = yield Work([binding.unbind_call() for binding in bindings])
    return [
        unbinding_outcome(binding, done, True, owner)
        for binding, done in zip(bindings, outcomes, strict=True)
    ]


def _moved(there: BindingOutcome, gone: BindingOutcome | None) -> BindingOutcome:
    """Return what became of a record that was to be moved: it is named by where it went."""
    if gone is None:
        return there
    if gone.error is not None:
        return BindingOutcome(there.binding, FAILED, gone.error)
    return BindingOutcome(there.binding, MOVED)


def _not_on(source: CrmItem) -> NotFoundError:
    return NotFoundError(
        f"it is not on {source}",
        code="NOT_FOUND",
        method="crm.timeline.bindings.list",
        remedy="Check source: the record is neither there nor on the target.",
    )
