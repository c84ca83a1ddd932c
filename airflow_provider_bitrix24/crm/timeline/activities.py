"""Binding activities (calls, e-mails, to-dos) to CRM items.

Activities have ids of their own, not those of timeline records, and methods of their own: these answer an
error where rights are missing or the activity does not exist, know types by number, keep at least one
binding, and do not take a binding twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.rows import RowKind, Rows, parse_rows
from airflow_provider_bitrix24.crm.telling import told
from airflow_provider_bitrix24.crm.timeline.bindings import (
    ALREADY_BOUND,
    BOUND,
    NOT_BOUND,
    UNBOUND,
    bind_each,
    binding_names,
    binding_parts,
    unbind_each,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress

_ADD = "crm.activity.binding.add"
_DELETE = "crm.activity.binding.delete"
_LIST = "crm.activity.binding.list"

#: remedies by the API's codes
_REMEDIES = {
    "NOT_FOUND": "Check the id: activities have other ids than timeline records and CRM items.",
    "LAST_BINDING_CANNOT_BE_DELETED": "Bind the activity to another item first.",
}

_ID_KEYS = ("activity_id", "ACTIVITY_ID")


@dataclass(frozen=True, order=True)
class ActivityBinding:
    """An activity on a CRM item.

    :param activity_id: the activity
    :param item: the item on whose timeline it shows
    """

    activity_id: int
    item: CrmItem

    @classmethod
    def parse(cls, value: Any, field: str = "binding") -> ActivityBinding:
        """Return a binding from any of its spellings.

        :param value: ``(activity_id, entity_type, entity_id)`` in this order, a mapping with these names or
            those of a result, or a binding
        :param field: where it stands, for the message
        :raises InvalidInputError: it is none of these
        """
        if isinstance(value, cls):
            return value
        parts = binding_parts(value, field, _ID_KEYS, "a binding of an activity")
        return cls.of(*parts, prefix=f"{field}.")

    @classmethod
    def of(cls, activity_id: Any, entity_type: Any, entity_id: Any, *, prefix: str = "") -> ActivityBinding:
        """Return a binding from its three parts.

        :param activity_id: the activity
        :param entity_type: the item's type
        :param entity_id: the item's id
        :param prefix: goes before the fields' names in messages
        :raises InvalidInputError: one of the parts is not valid
        """
        item = CrmItem.of(entity_type, entity_id, prefix=prefix)
        try:
            _ = item.type_id
        except InvalidInputError as error:
            raise error.but(description=f"{prefix}entity_type: {error.description}") from None
        return cls(parse_id(activity_id, f"{prefix}activity_id"), item)

    @property
    def thing(self) -> str:
        """The activity, in words."""
        return f"Activity {self.activity_id}"

    def row(self) -> dict[str, Any]:
        """Return the binding under the names of results."""
        return {"ACTIVITY_ID": self.activity_id, **self.item.row()}

    def on(self, item: CrmItem) -> ActivityBinding:
        """Return the binding of the same activity to another item."""
        return replace(self, item=item)

    def params(self) -> dict[str, Any]:
        """Return the binding under the API's keys."""
        return {
            "activityId": self.activity_id,
            "entityTypeId": self.item.type_id,
            "entityId": self.item.entity_id,
        }

    def bind_call(self) -> Call:
        """Return the call of ``crm.activity.binding.add``."""
        return Call(_ADD, self.params())

    def unbind_call(self) -> Call:
        """Return the call of ``crm.activity.binding.delete``."""
        return Call(_DELETE, self.params())

    def when_bound(self, outcome: Outcome) -> ItemOutcome[ActivityBinding]:
        """Return what happened to the binding, given the outcome of :meth:`bind_call`."""
        error = outcome.error
        if error is None:
            return ItemOutcome(self, BOUND)
        if error.code.upper() == "ACTIVITY_IS_ALREADY_BOUND":
            return ItemOutcome(self, ALREADY_BOUND)
        return self.failed(error)

    def when_unbound(self, outcome: Outcome, *, missing_ok: bool) -> ItemOutcome[ActivityBinding]:
        """Return what happened to the binding, given the outcome of :meth:`unbind_call`.

        :param outcome: the outcome
        :param missing_ok: whether a binding that is not there counts as done
        """
        error = outcome.error
        if error is None:
            return ItemOutcome(self, UNBOUND)
        if error.code.upper() == "BINDING_NOT_FOUND" and missing_ok:
            return ItemOutcome(self, NOT_BOUND)
        return self.failed(error, "unbound")

    def failed(self, error: Bitrix24Error, done: str = "bound") -> ItemOutcome[ActivityBinding]:
        """Return the outcome of a failure: the same error, with the binding's name in it.

        :param error: what went wrong
        :param done: what was to be done, in words
        """
        remedy = _REMEDIES.get(error.code.upper(), "")
        return ItemOutcome(self, FAILED, told(error, str(self), done, self.item, remedy=remedy))

    def __str__(self) -> str:
        return f"activity {self.activity_id} on {self.item}"


_ROWS = RowKind(
    "bindings",
    "Give a list of (activity_id, entity_type, entity_id).",
    ActivityBinding.parse,
    lambda row: binding_names(row, _ID_KEYS),
)


def parse_activity_bindings(
    value: Any,
    field: str = "bindings",
    *,
    keep_invalid: bool = False,
    pass_through: Sequence[str] | None = None,
) -> Rows[ActivityBinding]:
    """Return a list of bindings; one JSON text, as a template may give it, is read as such.

    :param value: the bindings
    :param field: where they stand, for the message
    :param keep_invalid: keep rows that are no bindings as failed ones instead of raising
    :param pass_through: columns of the user's own, which come back in the outcomes; ``None`` where
        there is no such argument
    :raises InvalidInputError: something in it is not a binding; nothing has been sent then
    """
    return parse_rows(value, field, _ROWS, keep_invalid=keep_invalid, pass_through=pass_through)


def bind_activities(
    bindings: Sequence[ActivityBinding], progress: Progress
) -> Plan[list[ItemOutcome[ActivityBinding]]]:
    """Bind activities to items, except those that an earlier try bound.

    :param bindings: what to bind; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :return: one outcome for each binding, in order
    """
    return bind_each(bindings, progress)


def unbind_activities(
    bindings: Sequence[ActivityBinding], progress: Progress, *, missing_ok: bool
) -> Plan[list[ItemOutcome[ActivityBinding]]]:
    """Remove activities from items, except those that an earlier try removed.

    :param bindings: what to take apart; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :param missing_ok: whether one that is not there counts as done
    :return: one outcome for each binding, in order
    """
    return unbind_each(bindings, progress, missing_ok=missing_ok)


def activity_items_call(activity_id: int) -> Call:
    """Return the call of ``crm.activity.binding.list``."""
    return Call(_LIST, {"activityId": activity_id})


def activity_items(outcome: Outcome) -> set[tuple[str, int]]:
    """Return the items that an activity is bound to, by type and id.

    :param outcome: of ``crm.activity.binding.list``
    :raises Bitrix24Error: it failed
    """
    try:
        rows = outcome.unwrap()
        return {CrmItem.of_type_id(int(row["entityTypeId"]), int(row["entityId"])).pair for row in rows}
    except (KeyError, TypeError, ValueError):
        raise UnexpectedResultError("a binding without type or id", method=_LIST) from None
