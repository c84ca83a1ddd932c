"""Binding activities (calls, e-mails, to-dos) to CRM items.

Activities have ids of their own, not those of timeline records, and methods of their own: these answer an
error where rights are missing or the activity does not exist, know types by number, keep at least one
binding, and do not take a binding twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id, shown
from airflow_provider_bitrix24.crm.items import CrmItem, pick, refuse_others
from airflow_provider_bitrix24.crm.outcomes import ALREADY_BOUND, BOUND, FAILED, NOT_BOUND, UNBOUND, told
from airflow_provider_bitrix24.crm.timeline_bindings import listed
from airflow_provider_bitrix24.rest.bulk import Plan, Work
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.progress import Progress

_ADD = "crm.activity.binding.add"
_DELETE = "crm.activity.binding.delete"
_LIST = "crm.activity.binding.list"

_ACTIVITY_KEYS = ("activity_id", "activityId")
_TYPE_KEYS = ("entity_type", "ENTITY_TYPE")
_ID_KEYS = ("entity_id", "ENTITY_ID")


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

        :param value: ``(activity_id, entity_type, entity_id)`` in this order, a mapping with these names,
            or a binding
        :param field: where it stands, for the message
        :raises InvalidInputError: it is none of these
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            # A result of this package can be passed on.
            told = ("entityTypeId", "STATUS", "ERROR", "ERROR_DESCRIPTION")
            refuse_others(value, (*_ACTIVITY_KEYS, *_TYPE_KEYS, *_ID_KEYS, *told), field)
            return cls.of(
                pick(value, _ACTIVITY_KEYS, field),
                pick(value, _TYPE_KEYS, field),
                pick(value, _ID_KEYS, field),
                prefix=f"{field}.",
            )
        if isinstance(value, (list, tuple)) and len(value) == 3:
            return cls.of(*value, prefix=f"{field}.")
        raise InvalidInputError(
            f"{field}: {shown(value)} is not a binding of an activity",
            remedy="Give it as (activity_id, entity_type, entity_id) or as a mapping with these names.",
        )

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
            fields = {**error.fields(), "description": f"{prefix}entity_type: {error.description}"}
            raise InvalidInputError.from_fields(fields) from None
        return cls(parse_id(activity_id, f"{prefix}activity_id"), item)

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

    def __str__(self) -> str:
        return f"activity {self.activity_id} on {self.item}"


@dataclass(frozen=True)
class ActivityOutcome:
    """What became of one binding of an activity.

    :param binding: the binding
    :param status: ``bound``, ``already_bound``, ``unbound``, ``not_bound`` or ``failed``
    :param error: why it failed
    """

    binding: ActivityBinding
    status: str
    error: Bitrix24Error | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        row = {
            "activityId": self.binding.activity_id,
            "ENTITY_TYPE": self.binding.item.entity_type,
            "ENTITY_ID": self.binding.item.entity_id,
            "STATUS": self.status,
        }
        return told(row, self.error)


def parse_activity_bindings(value: Any, field: str = "bindings") -> list[ActivityBinding]:
    """Return a list of bindings; one JSON text, as a template may give it, is read as such.

    :param value: the bindings
    :param field: where they stand, for the message
    :raises InvalidInputError: something in it is not a binding; nothing has been sent then
    """
    rows = listed(value, field, "bindings", "Give a list of (activity_id, entity_type, entity_id).")
    return [ActivityBinding.parse(row, f"{field}[{position}]") for position, row in enumerate(rows)]


def bind_activities(bindings: Sequence[ActivityBinding], progress: Progress) -> Plan[list[ActivityOutcome]]:
    """Bind activities to items, those that an earlier try did not bind.

    :param bindings: what to bind; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :return: one outcome for each binding, in order
    """
    return (yield from _each(bindings, progress, ActivityBinding.bind_call, binding_outcome, BOUND))


def unbind_activities(
    bindings: Sequence[ActivityBinding], progress: Progress, *, missing_ok: bool
) -> Plan[list[ActivityOutcome]]:
    """Take activities off items, those that an earlier try did not.

    :param bindings: what to take apart; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :param missing_ok: whether one that is not there counts as done
    :return: one outcome for each binding, in order
    """

    def outcome(binding: ActivityBinding, done: Outcome) -> ActivityOutcome:
        return unbinding_outcome(binding, done, missing_ok=missing_ok)

    return (yield from _each(bindings, progress, ActivityBinding.unbind_call, outcome, UNBOUND))


def _each(
    bindings: Sequence[ActivityBinding], progress: Progress, call_of: Any, outcome_of: Any, done_before: str
) -> Plan[list[ActivityOutcome]]:
    distinct = list(dict.fromkeys(bindings))
    found = {distinct[n]: ActivityOutcome(distinct[n], done_before) for n in progress.known}
    missing = [n for n, binding in enumerate(distinct) if binding not in found]
    if missing:
        outcomes = yield Work([call_of(distinct[n]) for n in missing], missing)
        found |= {
            distinct[n]: outcome_of(distinct[n], done) for n, done in zip(missing, outcomes, strict=True)
        }
    return [found[binding] for binding in bindings]


def binding_outcome(binding: ActivityBinding, outcome: Outcome) -> ActivityOutcome:
    """Return what became of a binding that was to be made.

    :param binding: the binding
    :param outcome: of ``crm.activity.binding.add``
    """
    error = outcome.error
    if error is None:
        return ActivityOutcome(binding, BOUND)
    if error.code.upper() == "ACTIVITY_IS_ALREADY_BOUND":
        return ActivityOutcome(binding, ALREADY_BOUND)
    return failed_activity(binding, error, "bound")


def unbinding_outcome(binding: ActivityBinding, outcome: Outcome, *, missing_ok: bool) -> ActivityOutcome:
    """Return what became of a binding that was to be taken apart.

    :param binding: the binding
    :param outcome: of ``crm.activity.binding.delete``
    :param missing_ok: whether one that is not there counts as done
    """
    error = outcome.error
    if error is None:
        return ActivityOutcome(binding, UNBOUND)
    if error.code.upper() == "BINDING_NOT_FOUND" and missing_ok:
        return ActivityOutcome(binding, NOT_BOUND)
    return failed_activity(binding, error, "unbound")


def failed_activity(binding: ActivityBinding, error: Bitrix24Error, done: str) -> ActivityOutcome:
    """Return the outcome of a binding that failed: the same error, with the binding's name in it.

    :param binding: the binding
    :param error: what went wrong
    :param done: what was not done, in words
    """
    fields = error.fields()
    described = f"{binding} was not {done}: {error.description or 'no reason given'}"
    if error.code.upper() == "NOT_FOUND":
        fields["remedy"] = "Check the id: activities have other ids than timeline records and CRM items."
    if error.code.upper() == "LAST_BINDING_CANNOT_BE_DELETED":
        fields["remedy"] = "Bind the activity to another item first."
    return ActivityOutcome(binding, FAILED, type(error).from_fields({**fields, "description": described}))


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
