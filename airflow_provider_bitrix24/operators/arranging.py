"""Operators that arrange on which items one timeline record shows: set, move, list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem, parse_items
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.bindings import ALREADY_MOVED
from airflow_provider_bitrix24.crm.timeline.moving import check_ends, move_record, set_bindings
from airflow_provider_bitrix24.crm.timeline.records import read_bindings
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.hooks.aliases import IdLike, ItemLike, ItemsLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn, check_outcomes
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Outcomes, Result
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER, DeferringOperator
from airflow_provider_bitrix24.operators.one_or_many import binding_sentence
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress


class SetTimelineBindingsOperator(BulkOperator):
    """Make a timeline record's bindings exactly these (``crm.timeline.bindings.list``, ``bind``, ``unbind``).

    The task binds what is missing first, and removes other bindings only when all items are bound. So the
    record is on some item at every moment, and a failure removes nothing. A retry does no harm.

    The result is one mapping for each item, in order, then one for each binding that was removed:
    ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``, which is ``bound``, ``already_bound``,
    ``unbound``, ``not_bound`` if somebody else removed it meanwhile, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION``. If the task fails, XCom holds the same list under the key ``outcomes``.

    :param record_id: the timeline record's id
    :param items: the CRM items that it is to show on, such as ``[("deal", 10), "C_7"]``; at least one
    :param fail_on: fail if ``any`` or ``all`` of them failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id, not items, or none at all; nothing was sent
    :raises AccessDeniedError: the connection's user may not change an item
    :raises NotFoundError: the record or one of the items does not exist
    """

    writes = ("crm.timeline.bindings",)
    template_fields: Sequence[str] = ("record_id", "items", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"items": "json"}
    noun = "bindings"

    def __init__(
        self,
        *,
        record_id: IdLike,
        items: ItemsLike,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.record_id = record_id
        self.items = items
        self.arguments.note(record_id=record_id, items=items)
        self.arguments.check_literals(record_id=parse_id, items=parse_items)

    def parse(self) -> Sequence[TimelineBinding]:
        """Return the bindings that there are to be."""
        record_id = parse_id(self.record_id, "record_id")
        return [TimelineBinding(record_id, item) for item in parse_items(self.items)]

    def plan(
        self, items: Sequence[TimelineBinding], progress: Progress
    ) -> Plan[list[ItemOutcome[TimelineBinding]]]:
        """Return the work: bind what is missing, then remove other bindings."""
        return set_bindings(items[0].record_id, [binding.item for binding in items])

    def sentence(self, outcomes: Outcomes) -> str:
        """Return a sentence on where the record shows now, and where no longer."""
        return binding_sentence(outcomes)


class MoveTimelineRecordOperator(DeferringOperator):
    """Move a timeline record from one CRM item to another, of any type.

    The task binds it to the target first (``crm.timeline.bindings.bind``) and then removes it from the source
    (``unbind``), so it is on one of them at every moment. A retry does no harm: a record that has moved stays
    where it is.

    The result is the binding on the target: ``OWNER_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``,
    which is ``moved`` or ``already_moved``. If the task fails, XCom holds the same in a list under the key
    ``outcomes``. A record that cannot be taken off the source is on both items: ``bound`` of the target, and
    ``failed`` of the source.

    :param record_id: the timeline record's id
    :param source: the CRM item that it leaves: ``("lead", 5)``, ``{"entity_type": "lead", "entity_id": 5}``
        or ``"L_5"``
    :param target: the CRM item to which it goes
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id or an item, or source and target are the same; nothing was sent
    :raises AccessDeniedError: the connection's user may not change one of the items
    :raises NotFoundError: the record or the target does not exist, or the record is on neither of the items
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    writes = ("crm.timeline.bindings",)
    template_fields: Sequence[str] = ("record_id", "source", "target", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"source": "json", "target": "json"}

    def __init__(
        self,
        *,
        record_id: IdLike,
        source: ItemLike,
        target: ItemLike,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.record_id = record_id
        self.source = source
        self.target = target
        self.arguments.note(record_id=record_id, source=source, target=target)
        self.arguments.check_literals(record_id=parse_id, source=CrmItem.parse, target=CrmItem.parse)

    def execute(self, context: Context) -> dict[str, Any]:
        """Move the record."""
        with self.traced(context), self.deferring():
            record_id = parse_id(self.record_id, "record_id")
            source, target = CrmItem.parse(self.source, "source"), CrmItem.parse(self.target, "target")
            check_ends(source, target)
            self.link_card(target)
            [row] = check_outcomes(self.hook.carry_out(move_record(record_id, source, target)), "any")
        if row["STATUS"] == ALREADY_MOVED:
            self.log.info("Timeline record %s was on %s already.", record_id, target)
        else:
            self.log.info("Timeline record %s moved from %s to %s.", record_id, source, target)
        return row


class ListTimelineBindingsOperator(DeferringOperator):
    """Return all bindings of a timeline record (``crm.timeline.bindings.list``).

    The result is a list of mappings with ``OWNER_ID``, ``ENTITY_TYPE`` and ``ENTITY_ID``, the ids as numbers.
    You can pass it on as ``bindings`` of the other operators.

    :param record_id: the timeline record's id
    :param check_record: whether a record that does not exist is an error; without, its list is empty
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id; nothing was sent
    :raises NotFoundError: the record does not exist
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    reads = ("crm.timeline.bindings",)
    template_fields: Sequence[str] = ("record_id", "bitrix24_conn_id")

    def __init__(
        self,
        *,
        record_id: IdLike,
        check_record: bool = True,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.record_id = record_id
        self.check_record = check_flag(check_record, "check_record")
        self.arguments.note(record_id=record_id)
        self.arguments.check_literals(record_id=parse_id)

    def execute(self, context: Context) -> Result:
        """Read the bindings."""
        with self.traced(context), self.deferring():
            record_id = parse_id(self.record_id, "record_id")
            rows = self.hook.carry_out(read_bindings(record_id, check_record=self.check_record))
            if rows and rows[0]["ENTITY_TYPE"]:  # a smart process that was removed has no name
                self.link_card(CrmItem(rows[0]["ENTITY_TYPE"], rows[0]["ENTITY_ID"]))
        self.log.info("Timeline record %s shows on %d items.", record_id, len(rows))
        return rows
