"""What the portal knows of timeline records: whether they exist, and what they are bound to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline_bindings import bindings_call, bound_items, record_call
from airflow_provider_bitrix24.rest.bulk import Plan, Work
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    Bitrix24Error,
    NotFoundError,
    UnexpectedResultError,
)


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
        self.next_page = outcome.reply.next if outcome.reply is not None else None
        if outcome.error is not None:
            self.error = outcome.error
            return
        try:
            self.bound_to |= bound_items(record_id, outcome.result)
        except UnexpectedResultError as error:
            self.error = error

    def note_existence(self, outcome: Outcome) -> None:
        """Take over whether it exists.

        :param outcome: of :func:`~airflow_provider_bitrix24.crm.timeline_bindings.record_call`
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
    while True:
        pages = {
            record_id: record.next_page
            for record_id, record in records.items()
            if record.next_page and not is_enough(record)
        }
        if not pages:
            return
        outcomes = yield Work([_page(record_id, start) for record_id, start in pages.items()])
        for record_id, outcome in zip(pages, outcomes, strict=True):
            record = records[record_id]
            known = len(record.bound_to)
            record.note_listing(record_id, outcome)
            if len(record.bound_to) == known:
                record.next_page = None  # nothing new: the portal started over


def _page(record_id: int, start: int) -> Call:
    call = bindings_call(record_id)
    return Call(call.method, {**call.params, "start": start})


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

    :param outcome: of :func:`~airflow_provider_bitrix24.crm.timeline_bindings.record_call`
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


def rows_of(record_id: int, record: Record) -> list[dict[str, Any]]:
    """Return a record's bindings under the API's keys, in a fixed order."""
    return [
        {"OWNER_ID": record_id, "ENTITY_TYPE": entity_type, "ENTITY_ID": entity_id}
        for entity_type, entity_id in sorted(record.bound_to)
    ]
