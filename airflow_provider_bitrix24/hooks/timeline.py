"""What the hook offers for bindings: making, moving and taking them apart, telling what is bound."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from airflow_provider_bitrix24.crm.binding import bind_records
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.moving import check_ends, move_record, set_bindings
from airflow_provider_bitrix24.crm.outcomes import BindingOutcome
from airflow_provider_bitrix24.crm.records import no_such_record, record_exists
from airflow_provider_bitrix24.crm.timeline_bindings import (
    TimelineBinding,
    bindings_call,
    bound_items,
    parse_bindings,
    parse_items,
    record_call,
)
from airflow_provider_bitrix24.crm.unbinding import unbind_records
from airflow_provider_bitrix24.hooks.doors import Doors
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.outcomes import (
    DEFAULT_IN_FLIGHT,
    BulkResult,
    FailOn,
    check_fail_on,
    check_in_flight,
)
from airflow_provider_bitrix24.rest.bulk import Plan
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.progress import Progress


class TimelineMethods(Doors):
    """The timeline methods of :class:`~airflow_provider_bitrix24.hooks.bitrix24.Bitrix24Hook`."""

    def bind_timeline_records(
        self,
        bindings: Any,
        *,
        check_record: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Show timeline records on further CRM items (``crm.timeline.bindings.bind``).

        :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names
        :param check_record: find out first which records exist and what they are bound to; without, a record
            that does not exist is stored silently and all that can be told is ``bound``
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, the API's keys plus ``STATUS``: ``bound``, ``already_bound`` or
            ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: one of them is not a binding; nothing was sent
        :raises Bitrix24Error: bindings failed; its ``outcomes`` hold what became of each
        """
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            wanted = parse_bindings(bindings)
            return self.bind_many(wanted, Progress(), check_record, max_in_flight).check(fail_on)

    def bind_many(
        self, wanted: list[TimelineBinding], progress: Progress, check_record: bool, max_in_flight: int
    ) -> BulkResult:
        """Show timeline records on further CRM items, those that an earlier try did not.

        :param wanted: the bindings
        :param progress: what is known of the distinct ones, kept up to date
        :param check_record: find out first which records exist
        :param max_in_flight: how many requests may be under way at once
        """
        if not wanted:
            return BulkResult([], [])
        plan = partial(bind_records, wanted, progress, check_record=check_record)
        return self._carry_out(plan, progress, max_in_flight)

    def _carry_out(
        self, plan: Callable[..., Plan[list[BindingOutcome]]], progress: Progress, max_in_flight: int
    ) -> BulkResult:
        with joined():
            client = self.get_conn()
            wanted = plan(owner=client.session.credentials.owner)
            outcomes = client.carry_out(wanted, progress, in_flight=max_in_flight)
            failed = [("", done.error) for done in outcomes if done.error is not None]
            return BulkResult([outcome.to_json() for outcome in outcomes], failed)

    def unbind_timeline_records(
        self,
        bindings: Any,
        *,
        missing_ok: bool = True,
        keep_last: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Take timeline records off CRM items (``crm.timeline.bindings.unbind``).

        :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names
        :param missing_ok: whether a binding that is not there counts as done
        :param keep_last: refuse what would leave a record without any binding, where nobody can see it
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, the API's keys plus ``STATUS``: ``unbound``, ``not_bound`` or
            ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: one of them is not a binding; nothing was sent
        :raises Bitrix24Error: bindings were not taken apart; its ``outcomes`` hold what became of each
        """
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            wanted = parse_bindings(bindings)
            return self.unbind_many(wanted, Progress(), missing_ok, keep_last, max_in_flight).check(fail_on)

    def unbind_many(
        self,
        wanted: list[TimelineBinding],
        progress: Progress,
        missing_ok: bool,
        keep_last: bool,
        max_in_flight: int,
    ) -> BulkResult:
        """Take timeline records off CRM items, those that an earlier try did not.

        :param wanted: the bindings
        :param progress: what is known of the distinct ones, kept up to date
        :param missing_ok: whether a binding that is not there counts as done
        :param keep_last: refuse what would leave a record without any binding
        :param max_in_flight: how many requests may be under way at once
        """
        if not wanted:
            return BulkResult([], [])
        plan = partial(unbind_records, wanted, progress, missing_ok=missing_ok, keep_last=keep_last)
        return self._carry_out(plan, progress, max_in_flight)

    def move_timeline_record(self, record_id: Any, source: Any, target: Any) -> dict[str, Any]:
        """Move a timeline record from one CRM item to another: bound there first, then taken off here.

        :param record_id: the timeline record
        :param source: the item that it leaves, such as ``("lead", 5)``
        :param target: the item to which it goes, of any type
        :return: the binding on the target, with ``STATUS``: ``moved`` or ``already_moved``
        :raises InvalidInputError: not an id or an item, or source and target are the same; nothing was sent
        :raises NotFoundError: the record does not exist, or is on neither of them
        :raises AccessDeniedError: the connection's user may not change one of the items
        """
        with joined():
            ends = CrmItem.parse(source, "source"), CrmItem.parse(target, "target")
            check_ends(*ends)
            [row] = self.move_one(parse_id(record_id, "record_id"), *ends).check("any")
            return row

    def move_one(self, record_id: int, source: CrmItem, target: CrmItem) -> BulkResult:
        """Move a timeline record from one CRM item to another.

        :param record_id: the record
        :param source: the item that it leaves
        :param target: the item to which it goes
        """

        def plan(owner: str) -> Plan[list[BindingOutcome]]:
            return [(yield from move_record(record_id, source, target, owner=owner))]

        return self._carry_out(plan, Progress(), 1)

    def set_timeline_bindings(
        self, record_id: Any, items: Any, *, fail_on: FailOn = "any", max_in_flight: int = DEFAULT_IN_FLIGHT
    ) -> list[dict[str, Any]]:
        """Make a timeline record's bindings exactly these, adding what is missing before removing others.

        :param record_id: the timeline record
        :param items: the items that it is to show on, at least one
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each item and then for each other binding, the API's keys plus ``STATUS``: ``bound``,
            ``already_bound``, ``unbound``, ``not_bound`` or ``failed`` with ``ERROR`` and
            ``ERROR_DESCRIPTION``. Where one of the items failed, no binding is removed.
        :raises InvalidInputError: not an id, not items, or none; nothing was sent
        :raises NotFoundError: the record or one of the items does not exist
        """
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            wanted = parse_items(items)
            return self.set_many(parse_id(record_id, "record_id"), wanted, max_in_flight).check(fail_on)

    def set_many(self, record_id: int, items: list[CrmItem], max_in_flight: int) -> BulkResult:
        """Make a timeline record's bindings exactly these.

        :param record_id: the record
        :param items: the items that it is to show on
        :param max_in_flight: how many requests may be under way at once
        """
        return self._carry_out(partial(set_bindings, record_id, items), Progress(), max_in_flight)

    def timeline_bindings(self, record_id: Any, *, check_record: bool = False) -> list[dict[str, Any]]:
        """Return what a timeline record is bound to (``crm.timeline.bindings.list``), all pages.

        :param record_id: the timeline record
        :param check_record: whether a record that does not exist is an error; without, its list is empty
        :return: rows with ``OWNER_ID``, ``ENTITY_TYPE`` and ``ENTITY_ID``
        :raises InvalidInputError: not an id
        :raises NotFoundError: the record does not exist
        """
        with joined():
            number = parse_id(record_id, "record_id")
            client = self.get_conn()
            rows = list(client.records(bindings_call(number)))
            bound_items(number, rows)  # raises where they are another record's
            if check_record and not rows:
                _check_existence(number, client.batch([record_call(number)])[0])
            return rows

    def is_bound(self, binding: Any) -> bool:
        """Tell whether a binding is there.

        :param binding: ``(record_id, entity_type, entity_id)``, or a mapping with these names
        :raises InvalidInputError: not a binding
        :raises NotFoundError: the record has no bindings and does not exist
        """
        with joined():
            wanted = TimelineBinding.parse(binding)
            client = self.get_conn()
            rows = list(client.records(bindings_call(wanted.record_id)))
            if not rows:
                _check_existence(wanted.record_id, client.batch([record_call(wanted.record_id)])[0])
            return wanted.is_among(rows)

    async def ais_bound(self, binding: Any) -> bool:
        """Tell whether a binding is there, as :meth:`is_bound` does.

        :param binding: ``(record_id, entity_type, entity_id)``, or a mapping with these names
        """
        with joined():
            wanted = TimelineBinding.parse(binding)
            async with self.aclient() as client:
                rows = [row async for row in client.records(bindings_call(wanted.record_id))]
                if not rows:
                    _check_existence(
                        wanted.record_id, (await client.batch([record_call(wanted.record_id)]))[0]
                    )
                return wanted.is_among(rows)


def _check_existence(record_id: int, outcome: Outcome) -> None:
    """Raise where a record does not exist, or where that is not told."""
    if not record_exists(outcome):
        raise no_such_record(record_id)
