"""Operators for activities: calls, e-mails, to-dos. Their ids are not those of timeline records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.activities import (
    ActivityBinding,
    bind_activities,
    parse_activity_bindings,
    unbind_activities,
)
from airflow_provider_bitrix24.hooks.aliases import ActivityBindingsLike, IdLike, ItemLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.operators.one_or_many import OneOrManyOperator
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress

_PARTS = ("activity_id", "entity_type", "entity_id")


class _ActivityBindingsOperator(OneOrManyOperator):
    """Base of operators that act on bindings of activities."""

    parts = _PARTS
    writes = ("crm.activity.binding",)
    template_fields: Sequence[str] = (*_PARTS, "item", "bindings", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json", "bindings": "json"}

    def parse_one(self, *parts: Any) -> ActivityBinding:
        """Return a binding from its three parts."""
        return ActivityBinding.of(*parts)

    def parse_many(self, bindings: Any) -> Sequence[ActivityBinding]:
        """Return bindings from a list."""
        return parse_activity_bindings(bindings, **self.parsing)


class BindActivityOperator(_ActivityBindingsOperator):
    """Show activities on further CRM items (``crm.activity.binding.add``).

    An activity is a call, an e-mail, a meeting or a to-do. Its id is not a timeline record's id: for records
    use :class:`~airflow_provider_bitrix24.operators.timeline.BindTimelineRecordOperator`. Pass one binding as
    ``activity_id`` and ``item``, or many as ``bindings``. The task tries every binding.
    A binding that is there already counts as done, so a retry does no harm. Bitrix24 allows 100 bindings for
    an activity.

    The result is one mapping for each binding, in order: ``ACTIVITY_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``bound``, ``already_bound`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``.
    If the task fails, XCom holds the same list under the key ``outcomes``.

    :param activity_id: the activity's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param item: the CRM item, such as ``("deal", 10)``, instead of ``entity_type`` and ``entity_id``
    :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type, or rows are not valid; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises NotFoundError: the activity or the item does not exist
    """

    def __init__(
        self,
        *,
        activity_id: IdLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        item: ItemLike = NOT_GIVEN,
        bindings: ActivityBindingsLike = NOT_GIVEN,
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
            activity_id=activity_id,
            entity_type=entity_type,
            entity_id=entity_id,
            item=item,
            bindings=bindings,
        )
        self.check_given()

    def plan(
        self, items: Sequence[ActivityBinding], progress: Progress
    ) -> Plan[list[ItemOutcome[ActivityBinding]]]:
        """Return the work: bind the activities."""
        return bind_activities(items, progress)


class UnbindActivityOperator(_ActivityBindingsOperator):
    """Remove activities from CRM items (``crm.activity.binding.delete``).

    Pass one binding as ``activity_id`` and ``item``, or many as ``bindings``. The task
    tries every binding, and a retry does no harm. The portal refuses to remove an activity's last binding.

    The result is one mapping for each binding, in order: ``ACTIVITY_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``unbound``, ``not_bound`` if it was not there, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION``. If the task fails, XCom holds the same list under the key ``outcomes``.

    :param activity_id: the activity's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param item: the CRM item, such as ``("deal", 10)``, instead of ``entity_type`` and ``entity_id``
    :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
    :param missing_ok: whether a binding that is not there counts as done; an activity that does not exist is
        an error in any case
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type, or rows are not valid; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises NotFoundError: the activity does not exist, or the binding does not and ``missing_ok`` is
        ``False``
    :raises FinalRejectionError: it is the activity's last binding
    """

    def __init__(
        self,
        *,
        activity_id: IdLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        item: ItemLike = NOT_GIVEN,
        bindings: ActivityBindingsLike = NOT_GIVEN,
        missing_ok: bool = True,
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
            activity_id=activity_id,
            entity_type=entity_type,
            entity_id=entity_id,
            item=item,
            bindings=bindings,
        )
        self.check_given()
        self.missing_ok = check_flag(missing_ok, "missing_ok")

    def plan(
        self, items: Sequence[ActivityBinding], progress: Progress
    ) -> Plan[list[ItemOutcome[ActivityBinding]]]:
        """Return the work: take the activities off the items."""
        return unbind_activities(items, progress, missing_ok=self.missing_ok)
