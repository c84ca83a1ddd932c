"""Operators for activities: calls, e-mails, to-dos. Their ids are not those of timeline records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.crm.activities import ActivityBinding, parse_activity_bindings
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.outcomes import BulkResult
from airflow_provider_bitrix24.operators.base import UNSET, check_either, check_flag, given, or_none
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Rows, counted
from airflow_provider_bitrix24.rest.progress import Progress

_PARTS = ("activity_id", "entity_type", "entity_id")


class _ActivityOperator(BulkOperator):
    """Base of operators that take one binding of an activity by its parts, or many by ``bindings``."""

    template_fields: Sequence[str] = (*_PARTS, "bindings", "bitrix24_conn_id")
    template_fields_renderers = {"bindings": "json"}  # noqa: RUF012 - Airflow's declaration
    noun = "bindings"

    def __init__(
        self,
        *,
        activity_id: Any = UNSET,
        entity_type: Any = UNSET,
        entity_id: Any = UNSET,
        bindings: Any = UNSET,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activity_id = or_none(activity_id)
        self.entity_type = or_none(entity_type)
        self.entity_id = or_none(entity_id)
        self.bindings = or_none(bindings)
        self._many = bool(given(bindings=bindings))
        parts = given(activity_id=activity_id, entity_type=entity_type, entity_id=entity_id)
        check_either(parts, _PARTS, "bindings", other_given=self._many)
        self.remember_sources(
            activity_id=activity_id, entity_type=entity_type, entity_id=entity_id, bindings=bindings
        )

    def parse(self) -> Sequence[ActivityBinding]:
        """Return the bindings that are meant."""
        if self._many:
            return parse_activity_bindings(self.bindings)
        return [ActivityBinding.of(self.activity_id, self.entity_type, self.entity_id)]

    def fingerprint(self, items: Sequence[ActivityBinding]) -> Any:
        """Return what tells these bindings from others."""
        return [binding.params() for binding in items]


class BindActivityOperator(_ActivityOperator):
    """Show activities on further CRM items (``crm.activity.binding.add``).

    An activity is a call, an e-mail, a meeting or a to-do. Its id is another thing than a timeline record's:
    for those there is :class:`~airflow_provider_bitrix24.operators.timeline.BindTimelineRecordOperator`. Give
    one binding by ``activity_id``, ``entity_type`` and ``entity_id``, or many by ``bindings``. Every binding
    is tried. What is bound already counts as done, so trying again does no harm. An activity takes 100
    bindings at most.

    The result is one mapping for each binding, in order: ``activityId``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``bound``, ``already_bound`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``.
    When the task fails, the same list stands in XCom under the key ``outcomes``.

    :param activity_id: the activity's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises NotFoundError: the activity or the item does not exist
    """

    def carry_out(
        self, hook: Bitrix24Hook, items: Sequence[ActivityBinding], progress: Progress
    ) -> BulkResult:
        """Bind the activities."""
        return hook.bind_many_activities(list(items), progress, self.max_in_flight)

    def report(self, rows: Rows) -> None:
        """Log what became of the bindings."""
        self.log.info("Bindings: %s", counted(rows, "bound", "already_bound", "failed"))


class UnbindActivityOperator(_ActivityOperator):
    """Take activities off CRM items (``crm.activity.binding.delete``).

    Give one binding by ``activity_id``, ``entity_type`` and ``entity_id``, or many by ``bindings``. Every
    binding is tried, and trying again does no harm. The portal refuses to take away an activity's last
    binding.

    The result is one mapping for each binding, in order: ``activityId``, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, which is ``unbound``, ``not_bound`` where it was not there, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION``. When the task fails, the same list stands in XCom under the key ``outcomes``.

    :param activity_id: the activity's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
    :param missing_ok: whether a binding that is not there counts as done; an activity that does not exist is
        an error in any case
    :param fail_on: fail if ``any`` or ``all`` of the bindings failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises NotFoundError: the activity does not exist, or the binding does not and ``missing_ok`` is
        ``False``
    :raises RejectedError: it is the activity's last binding
    """

    def __init__(self, *, missing_ok: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.missing_ok = check_flag(missing_ok, "missing_ok")

    def carry_out(
        self, hook: Bitrix24Hook, items: Sequence[ActivityBinding], progress: Progress
    ) -> BulkResult:
        """Take the activities off the items."""
        return hook.unbind_many_activities(list(items), progress, self.missing_ok, self.max_in_flight)

    def report(self, rows: Rows) -> None:
        """Log what became of the bindings."""
        self.log.info("Bindings: %s", counted(rows, "unbound", "not_bound", "failed"))
