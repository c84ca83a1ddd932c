"""Moving timeline records between CRM items, and making a record's bindings exactly what they should be.

These plans bind before they unbind, so a record is on some item at every moment. Both steps may be repeated,
and the plans read the present bindings first. So after a crash anywhere, running them again ends in the same
state, without stored progress.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_bitrix24.crm.existence import check_items
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.bindings import ALREADY_MOVED, move_each, share_each, unbind_each
from airflow_provider_bitrix24.crm.timeline.records import Record, check_record, read_records
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, NotFoundError
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress


def check_ends(source: CrmItem, target: CrmItem) -> None:
    """Refuse to move from an item to itself.

    :raises InvalidInputError: it is the same item
    """
    if source == target:
        raise InvalidInputError(f"target: {target} is the source itself", remedy="Give another item.")


def move_record(record_id: int, source: CrmItem, target: CrmItem) -> Plan[list[ItemOutcome[TimelineBinding]]]:
    """Move a record from one item to another.

    :param record_id: the record
    :param source: the item that it leaves
    :param target: the item to which it goes
    :return: the outcome of the binding on the target; if it could not be taken off the source, that of the
        binding there as well
    """
    binding = TimelineBinding(record_id, target)
    records = yield from read_records([record_id])
    record = records[record_id]
    try:
        check_record(record_id, record)
        if not record.is_on(source):
            if record.is_on(target):
                return [ItemOutcome(binding, ALREADY_MOVED)]
            raise _not_on(source)
        yield from check_items({"target": target})  # being bound to it proves nothing: bind takes any number
    except Bitrix24Error as error:
        return [binding.failed(error, "moved", may_be_done=False)]
    return (yield from move_each({binding: record.is_on(target)}, source))


def set_bindings(record_id: int, items: Sequence[CrmItem]) -> Plan[list[ItemOutcome[TimelineBinding]]]:
    """Make a record's bindings exactly these; if one cannot be made, none is removed.

    :param record_id: the record
    :param items: what it is to be bound to
    :raises NotFoundError: one of the items does not exist; nothing was changed
    :return: one outcome for each item, then one for each binding that was taken away
    """
    wanted = [TimelineBinding(record_id, item) for item in dict.fromkeys(items)]
    records = yield from read_records([record_id])
    record = records[record_id]
    try:
        check_record(record_id, record)
    except Bitrix24Error as error:
        return [binding.failed(error, may_be_done=False) for binding in wanted]
    yield from check_items({f"items[{items.index(item)}]": item for item in dict.fromkeys(items)})
    made = yield from share_each({binding: record.is_on(binding.item) for binding in wanted})
    if any(outcome.error is not None for outcome in made):
        return made
    surplus = _surplus(record_id, record, items)
    return made + (yield from unbind_each(surplus, Progress(), missing_ok=True))


def _surplus(record_id: int, record: Record, items: Sequence[CrmItem]) -> list[TimelineBinding]:
    others = sorted(record.bound_to - {item.pair for item in items})
    # A type that was removed has no name, so that nobody sees such a binding and the API cannot take it away.
    return [TimelineBinding(record_id, CrmItem(*pair)) for pair in others if pair[0]]


def _not_on(source: CrmItem) -> NotFoundError:
    return NotFoundError(
        f"it is not on {source}",
        code="NOT_FOUND",
        method="crm.timeline.bindings.list",
        remedy="Check source: the record is neither there nor on the target.",
    )
