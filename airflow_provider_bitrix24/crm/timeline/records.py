"""What the portal knows of timeline records: whether they exist, and what they are bound to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_list, read_pages
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import (
    binding_rows,
    bindings_call,
    bound_items,
    record_call,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    Bitrix24Error,
    NotFoundError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.list_query import next_start
from airflow_provider_bitrix24.rest.plans import Plan, Work


@dataclass
class Record:
    """What is known of a timeline record.

    :param bound_to: the items it is bound to, by type and id
    :param exists: whether it exists; ``None`` where that was not asked
    :param error: why it cannot be told
    :param next_page: where the next page of its bindings starts
    """

    bound_to: set[tuple[str, int]] = field(default_factory=set)
    exists: bool | None = None
    error: Bitrix24Error | None = None
    next_page: int | None = None

    def is_on(self, item: CrmItem) -> bool:
        """Tell whether the record is bound to an item."""
        return item.pair in self.bound_to

    def note_listing(self, record_id: int, outcome: Outcome) -> None:
        """Take over a page of its bindings.

        :param record_id: the record
        :param outcome: of ``crm.timeline.bindings.list``
        """
        self.next_page = next_start(outcome.call, outcome.reply) if outcome.reply is not None else None
        if outcome.error is not None:
            self.error = outcome.error
            return
        try:
            self.bound_to |= bound_items(record_id, outcome.result)
        except UnexpectedResultError as error:
            self.error = error

    def note_existence(self, outcome: Outcome) -> None:
        """Take over whether it exists.

        :param outcome: of :func:`~airflow_provider_bitrix24.crm.timeline.timeline_bindings.record_call`
        """
        try:
            self.exists = record_exists(outcome)
        except Bitrix24Error as error:
            self.error = error


R = TypeVar("R", bound=Record)


def read_records(record_ids: Iterable[int]) -> Plan[dict[int, Record]]:
    """Find out of records whether they exist and everything that they are bound to.

    :param record_ids: the records
    """
    records = {record_id: Record() for record_id in record_ids}
    calls = [*map(bindings_call, records), *map(record_call, records)]
    outcomes = (yield Work(calls)) if calls else []
    for (record_id, record), outcome in zip(records.items(), outcomes, strict=False):
        record.note_listing(record_id, outcome)
    for record, outcome in zip(records.values(), outcomes[len(records) :], strict=True):
        record.note_existence(outcome)
    yield from further_pages(records)
    return records


def further_pages(
    records: Mapping[int, R], is_enough: Callable[[R], bool] = lambda record: False
) -> Plan[None]:
    """Read on where a record has more bindings than a page shows.

    :param records: the records of which a page has been read
    :param is_enough: tells of a record that no more needs to be known
    """

    def take(record_id: int, outcome: Outcome) -> bool:
        record = records[record_id]
        known = len(record.bound_to)
        record.note_listing(record_id, outcome)
        return len(record.bound_to) > known and not is_enough(record)  # nothing new: it started over

    unfinished = {
        record_id: Call(call.method, {**call.params, "start": record.next_page})
        for record_id, record in records.items()
        if record.next_page and not is_enough(record)
        for call in [bindings_call(record_id)]
    }
    yield from read_pages(unfinished, take)


def no_such_record(record_id: int) -> NotFoundError:
    """Return the error that says of a timeline record that it does not exist.

    :param record_id: the record
    """
    return NotFoundError(
        f"timeline record {record_id} does not exist",
        code="NOT_FOUND",
        method="crm.timeline.comment.get",
        remedy="Check the id: activities and CRM items have other ids than timeline records.",
    )


def record_exists(outcome: Outcome) -> bool:
    """Tell what the outcome of a call for a record says about its existence.

    Bitrix24 looks at rights after existence, and nobody may read a record that is bound to nothing.

    :param outcome: of :func:`~airflow_provider_bitrix24.crm.timeline.timeline_bindings.record_call`
    :raises Bitrix24Error: it says nothing
    """
    if isinstance(outcome.error, NotFoundError):
        return False
    if not isinstance(outcome.error, AccessDeniedError):
        outcome.unwrap()
    return True


def check_record(record_id: int, record: Record) -> None:
    """Return if a record exists and its bindings are known.

    :param record_id: the record
    :param record: what is known of it
    :raises NotFoundError: it does not exist
    :raises Bitrix24Error: that cannot be told
    """
    if record.exists is False:
        raise no_such_record(record_id)
    if record.error is not None:
        raise record.error


def see_record(record_id: int) -> Plan[None]:
    """Ask whether a record exists.

    :param record_id: the record
    :raises NotFoundError: it does not exist
    :raises Bitrix24Error: that cannot be told
    """
    [outcome] = yield Work([record_call(record_id)])
    if not record_exists(outcome):
        raise no_such_record(record_id)


def read_bindings(record_id: int, *, check_record: bool) -> Plan[list[dict[str, Any]]]:
    """Read what a record is bound to, as rows under the API's keys.

    :param record_id: the record
    :param check_record: whether a record that does not exist is an error; else its list is empty
    :raises NotFoundError: it does not exist
    :raises Bitrix24Error: the list could not be read, or is another record's
    """
    rows = binding_rows(record_id, (yield from read_list(bindings_call(record_id))))
    if check_record and not rows:
        yield from see_record(record_id)
    return rows
