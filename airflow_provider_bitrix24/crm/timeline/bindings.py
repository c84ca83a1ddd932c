"""Bindings of timeline records and of activities: how they are made, removed, shared and moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self, TypeVar

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import is_sequence, not_a_row, pick, refuse_others
from airflow_provider_bitrix24.crm.items import (
    ID_KEYS,
    RESULT_KEYS,
    TYPE_KEYS,
    CrmItem,
    parse_entity_type,
)
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome, each
from airflow_provider_bitrix24.crm.rows import valid_or_none
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.shown import shown

BOUND = "bound"
ALREADY_BOUND = "already_bound"
UNBOUND = "unbound"
NOT_BOUND = "not_bound"
MOVED = "moved"
ALREADY_MOVED = "already_moved"


class Binding(Protocol):
    """A timeline record or an activity on a CRM item."""

    @property
    def item(self) -> CrmItem:
        """The item on whose timeline it shows."""

    @property
    def thing(self) -> str:
        """What is bound, in words."""

    def row(self) -> dict[str, Any]:
        """Return the binding under the API's keys."""

    def on(self, item: CrmItem) -> Self:
        """Return the binding of the same thing to another item."""

    def bind_call(self) -> Call:
        """Return the call that makes the binding."""

    def unbind_call(self) -> Call:
        """Return the call that takes it apart."""

    def when_bound(self, outcome: Outcome) -> ItemOutcome[Self]:
        """Return what happened to the binding, given the outcome of :meth:`bind_call`."""

    def when_unbound(self, outcome: Outcome, *, missing_ok: bool) -> ItemOutcome[Self]:
        """Return what happened to it, given the outcome of :meth:`unbind_call`."""


B = TypeVar("B", bound=Binding)


def binding_parts(value: Any, field: str, id_keys: tuple[str, str], what: str) -> Sequence[Any]:
    """Return the three parts of a binding: the id of a record or an activity, the item's type and its id.

    :param value: the parts in this order, or a mapping with their names or the API's
    :param field: where it stands, for the message
    :param id_keys: the names of the first part: ours and the API's
    :param what: what it is, for the message
    :raises InvalidInputError: it is neither
    """
    if isinstance(value, Mapping):
        refuse_others(value, (*id_keys, *TYPE_KEYS, *ID_KEYS, *RESULT_KEYS), field)
        return [pick(value, keys, field) for keys in (id_keys, TYPE_KEYS, ID_KEYS)]
    if is_sequence(value):
        if len(value) == 3:
            return value
        raise not_a_row(value, field, (id_keys[0], TYPE_KEYS[0], ID_KEYS[0]))
    raise InvalidInputError(
        f"{field}: {shown(value)} is not {what}",
        remedy=f"Give it as ({id_keys[0]}, entity_type, entity_id) or as a mapping with these names.",
    )


def binding_names(value: Any, id_keys: tuple[str, str]) -> dict[str, Any]:
    """Return what is valid of a row that is no binding, under the API's keys, ``None`` for the rest.

    :param value: the row
    :param id_keys: the names of its first part: ours and the API's
    """
    parts: Sequence[Any] = (None, None, None)
    if isinstance(value, Mapping):
        parts = [value.get(keys[0], value.get(keys[1])) for keys in (id_keys, TYPE_KEYS, ID_KEYS)]
    elif is_sequence(value) and len(value) == 3:
        parts = value
    parsers = (parse_id, parse_entity_type, parse_id)
    found = [valid_or_none(parse, part) for parse, part in zip(parsers, parts, strict=True)]
    return dict(zip((id_keys[1], TYPE_KEYS[1], ID_KEYS[1]), found, strict=True))


def bind_each(
    bindings: Sequence[B], progress: Progress, settled: Mapping[B, ItemOutcome[B]] | None = None
) -> Plan[list[ItemOutcome[B]]]:
    """Make bindings, except those that an earlier try made.

    :param bindings: what to bind
    :param progress: what is known of the distinct ones, by position
    :param settled: outcomes that are clear already
    """

    def call_of(binding: B) -> Call:
        return binding.bind_call()

    def judge(binding: B, outcome: Outcome) -> ItemOutcome[B]:
        return binding.when_bound(outcome)

    return (yield from each(bindings, progress, call_of, judge, done=BOUND, settled=settled))


def unbind_each(
    bindings: Sequence[B],
    progress: Progress,
    *,
    missing_ok: bool,
    settled: Mapping[B, ItemOutcome[B]] | None = None,
) -> Plan[list[ItemOutcome[B]]]:
    """Remove bindings, except those that an earlier try removed.

    :param bindings: what to take apart
    :param progress: what is known of the distinct ones, by position
    :param missing_ok: whether one that is not there counts as done
    :param settled: outcomes that are clear already
    """

    def call_of(binding: B) -> Call:
        return binding.unbind_call()

    def judge(binding: B, outcome: Outcome) -> ItemOutcome[B]:
        return binding.when_unbound(outcome, missing_ok=missing_ok)

    return (yield from each(bindings, progress, call_of, judge, done=UNBOUND, settled=settled))


def share_each(on_target: Mapping[B, bool]) -> Plan[list[ItemOutcome[B]]]:
    """Make the bindings that are not there yet.

    :param on_target: the bindings that are to be, each with whether it is there
    """
    there = {binding: ItemOutcome(binding, ALREADY_BOUND) for binding, is_on in on_target.items() if is_on}
    return (yield from bind_each(list(on_target), Progress(), there))


def move_each(on_target: Mapping[B, bool], source: CrmItem) -> Plan[list[ItemOutcome[B]]]:
    """Move what is bound to one item to another: it is bound there first, then taken off here.

    :param on_target: the bindings that are to be, each with whether it is there
    :param source: the item that they leave
    :return: one outcome for each, of where it went; where it could not be taken off, another one of where it
        stayed
    """
    there = yield from share_each(on_target)
    arrived = [outcome.subject for outcome in there if outcome.error is None]
    leaving = [binding.on(source) for binding in arrived]
    gone = yield from unbind_each(leaving, Progress(), missing_ok=True)
    left = dict(zip(arrived, gone, strict=True))
    return [row for outcome in there for row in _moved(outcome, left.get(outcome.subject), source)]


def _moved(there: ItemOutcome[B], gone: ItemOutcome[B] | None, source: CrmItem) -> list[ItemOutcome[B]]:
    """Return what happened to something that was to be moved, and where it is now."""
    target = there.subject.item
    if gone is None:
        if there.error is not None and there.error.may_have_acted:
            return [_adding(there, there.error, f"it is still on {source}, and may be on {target}, too")]
        return [there]
    if gone.error is not None:
        still = "may still be on" if gone.error.may_have_acted else "still on"
        return [there, _adding(gone, gone.error, f"it is on {target} now, and {still} {source}")]
    return [ItemOutcome(there.subject, MOVED)]


def _adding(outcome: ItemOutcome[B], error: Bitrix24Error, where: str) -> ItemOutcome[B]:
    """Return a failure that says as well where the thing is."""
    return replace(outcome, error=error.but(description=f"{error.description.rstrip('.')}; {where}"))
