"""Operators for bindings: which CRM items a timeline record shows on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.relations import read_related_items
from airflow_provider_bitrix24.crm.timeline.record_binding import bind_records
from airflow_provider_bitrix24.crm.timeline.record_unbinding import unbind_records
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding, parse_bindings
from airflow_provider_bitrix24.hooks.aliases import BindingsLike, IdLike, ItemLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, or_none
from airflow_provider_bitrix24.operators.bulk import named
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.operators.one_or_many import OneOrManyOperator
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress

_PARTS = ("record_id", "entity_type", "entity_id")


class _RecordBindingsOperator(OneOrManyOperator):
    """Base of operators that act on bindings of timeline records."""

    parts = _PARTS
    writes = ("crm.timeline.bindings",)
    record_id: Any
    template_fields: Sequence[str] = (*_PARTS, "item", "bindings", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json", "bindings": "json"}

    def parse_one(self, *parts: Any) -> TimelineBinding:
        """Return a binding from its three parts."""
        return TimelineBinding.of(*parts)

    def parse_many(self, bindings: Any) -> Sequence[TimelineBinding]:
        """Return bindings from a list."""
        return parse_bindings(bindings, **self.parsing)


class BindTimelineRecordOperator(_RecordBindingsOperator):
    """Show timeline records on further CRM items (``crm.timeline.bindings.bind``).

    A timeline record is a comment or a log message, for instance; the API calls its id ``OWNER_ID``. Pass one
    binding as ``record_id`` and ``item``, or many as ``bindings``. Pass ``record_id``
    and ``related_to`` to bind the record to everything an item is connected with (its contacts, company,
    lead, and the items it belongs to), but not to the item itself. The task tries every binding. Binding a
    record again changes nothing, so a retry is safe; on Airflow 3.3 and newer it continues where the last try
    ended.

    The result is one mapping for each binding, in order: ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``bound``, ``already_bound`` (only with ``check_record``) or ``failed`` with
    ``ERROR`` and ``ERROR_DESCRIPTION``. If the task fails, XCom holds the same list under the key
    ``outcomes``.

    Bitrix24 stores a binding of a record that does not exist, and shows nothing. With ``check_record`` the
    task looks for the record first. The check cannot tell comments from other kinds of records; an activity's
    id is not a record's id, but a record with the same number may exist. In lists of more than 750 records, a
    record that has a binding counts as existing. For an administrator Bitrix24 also stores a binding to an
    item that does not exist; with ``check_item`` the task looks for the item first.

    :param record_id: the timeline record's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param item: the CRM item, such as ``("deal", 10)``, instead of ``entity_type`` and ``entity_id``
    :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names or the API's
    :param related_to: a CRM item such as ``("deal", 10)``; binds the record to everything it is connected
        with
    :param check_record: whether a record that does not exist is an error
    :param check_item: whether an item that does not exist is an error; orders and other types that
        ``crm.item.get`` does not know are not looked for
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type, or rows are not valid; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises NotFoundError: the record or the item does not exist
    """

    template_fields: Sequence[str] = (*_RecordBindingsOperator.template_fields, "related_to")
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "item": "json",
        "bindings": "json",
        "related_to": "json",
    }

    def __init__(
        self,
        *,
        record_id: IdLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        item: ItemLike = NOT_GIVEN,
        bindings: BindingsLike = NOT_GIVEN,
        related_to: ItemLike = NOT_GIVEN,
        check_record: bool = True,
        check_item: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        pass_through: Sequence[str] = (),
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight, pass_through)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_bindings(
            record_id=record_id,
            entity_type=entity_type,
            entity_id=entity_id,
            item=item,
            bindings=bindings,
        )
        self.related_to = or_none(related_to)
        self.arguments.note(related_to=related_to)
        self.arguments.check_literals(related_to=CrmItem.parse)
        self.check_record = check_flag(check_record, "check_record")
        self.check_item = check_flag(check_item, "check_item")
        if self.arguments.has("related_to"):
            self._check_fan_out()
        else:
            self.check_given()

    def _check_fan_out(self) -> None:
        others = [
            name for name in ("bindings", "entity_id", "entity_type", "item") if self.arguments.has(name)
        ]
        if others or not self.arguments.has("record_id"):
            raise InvalidInputError(
                f"related_to and {others[0]}: both are given" if others else "record_id: it is not given",
                remedy="Give record_id and related_to.",
            )

    def parse(self) -> Sequence[Any]:
        """Return the bindings to make."""
        if not self.arguments.has("related_to"):
            return super().parse()
        record_id = parse_id(self.record_id, "record_id")
        item = CrmItem.parse(self.related_to, "related_to")
        found = self.hook.carry_out(read_related_items(item, "related_to"))
        self.log.info("%s is connected with %s.", item, named(found) or "nothing")
        return [TimelineBinding(record_id, other) for other in found]

    def plan(
        self, items: Sequence[TimelineBinding], progress: Progress
    ) -> Plan[list[ItemOutcome[TimelineBinding]]]:
        """Return the work: bind the records."""
        # what an item is connected with exists
        check_item = self.check_item and not self.arguments.has("related_to")
        return bind_records(items, progress, check_record=self.check_record, check_item=check_item)


class UnbindTimelineRecordOperator(_RecordBindingsOperator):
    """Remove timeline records from CRM items (``crm.timeline.bindings.unbind``).

    Pass one binding as ``record_id`` and ``item``, or many as ``bindings``. The task
    tries every binding, and a retry does no harm.

    The result is one mapping for each binding, in order: ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``unbound``, ``not_bound`` if it was not there, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION``. If the task fails, XCom holds the same list under the key ``outcomes``.

    Bitrix24 removes a record's last binding without a warning. The record then stays in its database, where
    nobody can see, change or delete it. With ``keep_last`` the task reads the bindings first. If a record
    would be left without any, it removes none of them.

    :param record_id: the timeline record's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param item: the CRM item, such as ``("deal", 10)``, instead of ``entity_type`` and ``entity_id``
    :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names or the API's
    :param missing_ok: whether a binding that is not there counts as done
    :param keep_last: whether to refuse what would leave a record without any binding
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type, or rows are not valid; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises FinalRejectionError: the record would be left without any binding
    :raises NotFoundError: the binding is not there, and ``missing_ok`` is ``False``
    """

    def __init__(
        self,
        *,
        record_id: IdLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        item: ItemLike = NOT_GIVEN,
        bindings: BindingsLike = NOT_GIVEN,
        missing_ok: bool = True,
        keep_last: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        pass_through: Sequence[str] = (),
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight, pass_through)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_bindings(
            record_id=record_id,
            entity_type=entity_type,
            entity_id=entity_id,
            item=item,
            bindings=bindings,
        )
        self.check_given()
        self.missing_ok = check_flag(missing_ok, "missing_ok")
        self.keep_last = check_flag(keep_last, "keep_last")

    def plan(
        self, items: Sequence[TimelineBinding], progress: Progress
    ) -> Plan[list[ItemOutcome[TimelineBinding]]]:
        """Return the work: take the records off the items."""
        return unbind_records(items, progress, missing_ok=self.missing_ok, keep_last=self.keep_last)
