"""Operators for bindings: which CRM items a timeline record shows on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.moving import check_ends
from airflow_provider_bitrix24.crm.timeline_bindings import (
    TimelineBinding,
    bound_items,
    parse_bindings,
    parse_items,
)
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.hooks.outcomes import BulkResult
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.base import (
    UNSET,
    check_either,
    check_flag,
    given,
    or_none,
    pushing_outcomes,
)
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Rows, counted
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.rest.progress import Progress

_PARTS = ("record_id", "entity_type", "entity_id")


class _BindingsOperator(BulkOperator):
    """Base of operators that take one binding by its parts, or many by ``bindings``."""

    template_fields: Sequence[str] = (*_PARTS, "bindings", "bitrix24_conn_id")
    template_fields_renderers = {"bindings": "json"}  # noqa: RUF012 - Airflow's declaration
    noun = "bindings"

    def __init__(
        self,
        *,
        record_id: Any = UNSET,
        entity_type: Any = UNSET,
        entity_id: Any = UNSET,
        bindings: Any = UNSET,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.record_id = or_none(record_id)
        self.entity_type = or_none(entity_type)
        self.entity_id = or_none(entity_id)
        self.bindings = or_none(bindings)
        self._parts = given(record_id=record_id, entity_type=entity_type, entity_id=entity_id)
        self._many = bool(given(bindings=bindings))
        self.remember_sources(
            record_id=record_id, entity_type=entity_type, entity_id=entity_id, bindings=bindings
        )

    def check_arguments(self) -> None:
        """Refuse arguments that do not go together.

        :raises InvalidInputError: they do not
        """
        check_either(self._parts, _PARTS, "bindings", other_given=self._many)

    def parse(self) -> Sequence[TimelineBinding]:
        """Return the bindings that are meant."""
        if self._many:
            return parse_bindings(self.bindings)
        return [TimelineBinding.of(self.record_id, self.entity_type, self.entity_id)]

    def fingerprint(self, items: Sequence[TimelineBinding]) -> Any:
        """Return what tells these bindings from others."""
        return [binding.fields() for binding in items]


class BindTimelineRecordOperator(_BindingsOperator):
    """Show timeline records on further CRM items (``crm.timeline.bindings.bind``).

    A timeline record is a comment or a log message, for instance; the API calls its id ``OWNER_ID``. Give one
    binding by ``record_id``, ``entity_type`` and ``entity_id``, many by ``bindings``, or a record and an item
    by ``record_id`` and ``related_to``: that binds the record to everything the item is connected with (its
    contacts, company, lead, and the items it belongs to), but not to the item itself. Every binding is tried.
    Binding again what is bound already changes nothing, so a retry is safe; on Airflow 3.3 and newer it goes
    on where the try before ended.

    The result is one mapping for each binding, in order: ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``bound``, ``already_bound`` (only with ``check_record``) or ``failed`` with
    ``ERROR`` and ``ERROR_DESCRIPTION``. When the task fails, the same list stands in XCom under the key
    ``outcomes``.

    Bitrix24 itself stores a binding of a record that does not exist, and shows nothing. ``check_record``
    finds that out first. It cannot tell comments from other kinds of records; an activity's id is not a
    record's, but may happen to be one too. In lists of more than 750 records, one that has a binding may be
    taken to exist.

    :param record_id: the timeline record's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names or the API's
    :param related_to: a CRM item such as ``("deal", 10)``, to whose connections the record is to be bound
    :param check_record: whether a record that does not exist is an error
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises NotFoundError: the record does not exist
    """

    template_fields: Sequence[str] = (*_BindingsOperator.template_fields, "related_to")
    template_fields_renderers = {"bindings": "json", "related_to": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(self, *, related_to: Any = UNSET, check_record: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.related_to = or_none(related_to)
        self.check_record = check_flag(check_record, "check_record")
        self._fans_out = bool(given(related_to=related_to))
        if self._fans_out:
            self._check_fan_out()
        else:
            self.check_arguments()
        self.remember_sources(related_to=related_to)

    def _check_fan_out(self) -> None:
        others = self._parts - {"record_id"} | ({"bindings"} if self._many else set())
        if others or "record_id" not in self._parts:
            raise InvalidInputError(
                f"related_to and {min(others)}: both are given" if others else "record_id: it is not given",
                remedy="Give record_id and related_to.",
            )

    def parse(self) -> Sequence[TimelineBinding]:
        """Return the bindings to make."""
        if not self._fans_out:
            return super().parse()
        record_id = parse_id(self.record_id, "record_id")
        item = CrmItem.parse(self.related_to, "related_to")
        found = self.hook.connected_with(item, "related_to")
        self.log.info("%s is connected with %s.", item, ", ".join(map(str, found)) or "nothing")
        return [TimelineBinding(record_id, other) for other in found]

    def carry_out(
        self, hook: Bitrix24Hook, items: Sequence[TimelineBinding], progress: Progress
    ) -> BulkResult:
        """Bind the records."""
        return hook.bind_many(list(items), progress, self.check_record, self.max_in_flight)

    def report(self, rows: Rows) -> None:
        """Log what became of the bindings."""
        self.log.info("Bindings: %s", counted(rows, "bound", "already_bound", "failed"))


class UnbindTimelineRecordOperator(_BindingsOperator):
    """Take timeline records off CRM items (``crm.timeline.bindings.unbind``).

    Give one binding by ``record_id``, ``entity_type`` and ``entity_id``, or many by ``bindings``. Every
    binding is tried, and trying again does no harm.

    The result is one mapping for each binding, in order: ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``unbound``, ``not_bound`` where it was not there, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION``. When the task fails, the same list stands in XCom under the key ``outcomes``.

    Bitrix24 itself takes away a record's last binding without a word. The record then stays in its database,
    where nobody can see, change or delete it. ``keep_last`` reads what records are bound to first, and
    refuses that: of such a record no binding is taken away.

    :param record_id: the timeline record's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names or the API's
    :param missing_ok: whether a binding that is not there counts as done
    :param keep_last: whether to refuse what would leave a record without any binding
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises RejectedError: the record would be left without any binding
    :raises NotFoundError: the binding is not there, and ``missing_ok`` is ``False``
    """

    def __init__(self, *, missing_ok: bool = True, keep_last: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_arguments()
        self.missing_ok = check_flag(missing_ok, "missing_ok")
        self.keep_last = check_flag(keep_last, "keep_last")

    def carry_out(
        self, hook: Bitrix24Hook, items: Sequence[TimelineBinding], progress: Progress
    ) -> BulkResult:
        """Take the records off the items."""
        return hook.unbind_many(list(items), progress, self.missing_ok, self.keep_last, self.max_in_flight)

    def report(self, rows: Rows) -> None:
        """Log what became of the bindings."""
        self.log.info("Bindings: %s", counted(rows, "unbound", "not_bound", "failed"))


class SetTimelineBindingsOperator(BulkOperator):
    """Make a timeline record's bindings exactly these (``crm.timeline.bindings.list``, ``bind``, ``unbind``).

    What is missing is bound first. Only when all of it is bound are other bindings taken away, so the record
    is on some item at every moment, and a failure takes nothing away. Trying again does no harm.

    The result is one mapping for each item, in order, then one for each binding that was taken away:
    ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``, which is ``bound``, ``already_bound``,
    ``unbound``, ``not_bound`` where somebody else took it away meanwhile, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION``. When the task fails, the same list stands in XCom under the key ``outcomes``.

    :param record_id: the timeline record's id
    :param items: the CRM items that it is to show on, such as ``[("deal", 10), "C_7"]``; at least one
    :param fail_on: fail if ``any`` or ``all`` of them failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id, not items, or none at all; nothing was sent
    :raises AccessDeniedError: the connection's user may not change an item
    :raises NotFoundError: the record or one of the items does not exist
    """

    template_fields: Sequence[str] = ("record_id", "items", "bitrix24_conn_id")
    template_fields_renderers = {"items": "json"}  # noqa: RUF012 - Airflow's declaration
    noun = "items"

    def __init__(self, *, record_id: Any, items: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record_id = record_id
        self.items = items
        self.remember_sources(record_id=record_id, items=items)

    def parse(self) -> Sequence[TimelineBinding]:
        """Return the bindings that there are to be."""
        record_id = parse_id(self.record_id, "record_id")
        return [TimelineBinding(record_id, item) for item in parse_items(self.items)]

    def fingerprint(self, items: Sequence[TimelineBinding]) -> Any:
        """Return what tells these bindings from others."""
        return [binding.fields() for binding in items]

    def carry_out(
        self, hook: Bitrix24Hook, items: Sequence[TimelineBinding], progress: Progress
    ) -> BulkResult:
        """Bind what is missing, and then take away what is too much."""
        return hook.set_many(items[0].record_id, [binding.item for binding in items], self.max_in_flight)

    def report(self, rows: Rows) -> None:
        """Log what became of the bindings."""
        self.log.info(
            "Bindings: %s", counted(rows, "bound", "already_bound", "unbound", "not_bound", "failed")
        )


class MoveTimelineRecordOperator(DeferringOperator):
    """Move a timeline record from one CRM item to another, of any type.

    It is bound to the target first (``crm.timeline.bindings.bind``) and taken off the source then
    (``unbind``), so it is on one of them at every moment. Trying again does no harm: what is moved already
    stays as it is.

    The result is the binding on the target: ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``,
    which is ``moved`` or ``already_moved``. When the task fails, the same stands in XCom, in a list under the
    key ``outcomes``.

    :param record_id: the timeline record's id
    :param source: the CRM item that it leaves: ``("lead", 5)``, ``{"entity_type": "lead", "entity_id": 5}``
        or ``"L_5"``
    :param target: the CRM item to which it goes
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id or an item, or source and target are the same; nothing was sent
    :raises AccessDeniedError: the connection's user may not change one of the items
    :raises NotFoundError: the record or the target does not exist, or the record is on neither of the items
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    template_fields: Sequence[str] = ("record_id", "source", "target", "bitrix24_conn_id")
    template_fields_renderers = {"source": "json", "target": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(self, *, record_id: Any, source: Any, target: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record_id = record_id
        self.source = source
        self.target = target
        self.remember_sources(record_id=record_id, source=source, target=target)

    def execute(self, context: Context) -> dict[str, Any]:
        """Move the record."""
        with self.traced(), self.deferring():
            record_id = parse_id(self.record_id, "record_id")
            source, target = CrmItem.parse(self.source, "source"), CrmItem.parse(self.target, "target")
            check_ends(source, target)
            hook = self.hook
            self.link_card(hook, target)
            result = hook.move_one(record_id, source, target)
            [row] = pushing_outcomes(context, lambda: result.check("any"))
        self.log.info("Timeline record %s: %s from %s to %s.", record_id, row["STATUS"], source, target)
        return row


class ListTimelineBindingsOperator(DeferringOperator):
    """Return what a timeline record is bound to, all of it (``crm.timeline.bindings.list``).

    The result is a list of mappings with ``OWNER_ID``, ``ENTITY_TYPE`` and ``ENTITY_ID``. It can be passed on
    as ``bindings`` of the other operators.

    :param record_id: the timeline record's id
    :param check_record: whether a record that does not exist is an error; without, its list is empty
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id; nothing was sent
    :raises NotFoundError: the record does not exist
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    template_fields: Sequence[str] = ("record_id", "bitrix24_conn_id")

    def __init__(self, *, record_id: Any, check_record: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record_id = record_id
        self.check_record = check_flag(check_record, "check_record")
        self.remember_sources(record_id=record_id)

    def execute(self, context: Context) -> Rows:
        """Read the bindings."""
        with self.traced(), self.deferring():
            hook = self.hook
            rows = hook.timeline_bindings(self.record_id, check_record=self.check_record)
            for kind, number in bound_items(parse_id(self.record_id, "record_id"), rows[:1]):
                if kind:  # a smart process that was removed has no name
                    self.link_card(hook, CrmItem(kind, number))
        self.log.info("Timeline record %s: %d bindings", self.record_id, len(rows))
        return rows
