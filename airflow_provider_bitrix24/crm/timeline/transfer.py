"""Showing what stands on one item's timeline on another item's, too, or moving it there.

Comments and activities keep their dates and authors, because only their bindings change. The plan first reads
what is on both timelines, so running it again after a crash continues where it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_bitrix24.crm.existence import check_items
from airflow_provider_bitrix24.crm.inputs import is_sequence
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_list
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.activities import (
    ActivityBinding,
    activity_items,
    activity_items_call,
)
from airflow_provider_bitrix24.crm.timeline.bindings import ALREADY_BOUND, BOUND, B, move_each, share_each
from airflow_provider_bitrix24.crm.timeline.comment_calls import comments_call
from airflow_provider_bitrix24.crm.timeline.moving import check_ends
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.shown import shown

TransferKind = Literal["comments", "activities"]
Mode = Literal["share", "move"]
_MODES: tuple[Mode, ...] = get_args(Mode)

SHARED = "shared"
ALREADY_SHARED = "already_shared"
_STATUSES = {BOUND: SHARED, ALREADY_BOUND: ALREADY_SHARED}


@dataclass(frozen=True)
class Transfer:
    """What is to be shown where.

    :param source: the item whose timeline it is
    :param target: the item on whose timeline it is to show
    :param kinds: what of it
    :param mode: ``share`` leaves it on the source, ``move`` takes it off
    """

    source: CrmItem
    target: CrmItem
    kinds: tuple[TransferKind, ...]
    mode: Mode

    @classmethod
    def parse(cls, source: Any, target: Any, kinds: Any, mode: Any) -> Transfer:
        """Return a transfer.

        :param source: an item in any of its spellings
        :param target: an item in any of its spellings
        :param kinds: ``comments``, ``activities`` or both, in a list
        :param mode: ``share`` or ``move``
        :raises InvalidInputError: one of them is not valid, or source and target are the same
        """
        made = cls(
            CrmItem.parse(source, "source"),
            CrmItem.parse(target, "target"),
            check_kinds(kinds),
            check_mode(mode),
        )
        check_ends(made.source, made.target)
        if "activities" in made.kinds:
            for name, item in (("source", made.source), ("target", made.target)):
                ActivityBinding.of(1, item.entity_type, item.entity_id, prefix=f"{name}.")
        return made


def check_kinds(value: Any) -> tuple[TransferKind, ...]:
    """Return a value of ``kinds``.

    :raises InvalidInputError: it is no list of ``comments`` and ``activities``
    """
    kinds = tuple(value) if isinstance(value, (set, frozenset)) or is_sequence(value) else ()
    if kinds and all(kind in get_args(TransferKind) for kind in kinds):
        return tuple(kind for kind in get_args(TransferKind) if kind in kinds)
    raise InvalidInputError(
        f"kinds: {shown(value)} is not a list of kinds", remedy="Give ['comments'], ['activities'] or both."
    )


def check_mode(value: Any) -> Mode:
    """Return a value of ``mode``.

    :raises InvalidInputError: it is neither ``share`` nor ``move``
    """
    for known in _MODES:
        if value == known:
            return known
    raise InvalidInputError(f"mode: {shown(value)} is neither 'share' nor 'move'")


@dataclass(frozen=True)
class Transferred:
    """A comment or an activity that was to show on another item.

    :param kind: ``comment`` or ``activity``
    :param number: its id
    :param target: the item
    """

    kind: str
    number: int
    target: CrmItem

    def row(self) -> dict[str, Any]:
        """Return it under the API's keys."""
        return {"KIND": self.kind, "ID": self.number, **self.target.row()}


def transfer(wanted: Transfer) -> Plan[list[ItemOutcome[Transferred]]]:
    """Show a timeline on another item, or move it there.

    :param wanted: what is to be shown where
    :return: one outcome for each comment and activity that stands on the source
    :raises NotFoundError: one of the items does not exist; nothing was changed
    :raises Bitrix24Error: one of the timelines could not be read; nothing was changed
    """
    yield from check_items({"source": wanted.source, "target": wanted.target})
    comments = (yield from _comments_of(wanted)) if "comments" in wanted.kinds else {}
    activities = (yield from _activities_of(wanted)) if "activities" in wanted.kinds else {}
    records = yield from _arrange(comments, wanted)
    others = yield from _arrange(activities, wanted)
    return [
        *(_outcome("comment", record.subject.record_id, record) for record in records),
        *(_outcome("activity", other.subject.activity_id, other) for other in others),
    ]


def _arrange(on_target: dict[B, bool], wanted: Transfer) -> Plan[list[ItemOutcome[B]]]:
    """Share or move what stands on the source."""
    if wanted.mode == "move":
        return move_each(on_target, wanted.source)
    return share_each(on_target)


def _outcome(kind: str, number: int, outcome: ItemOutcome[B]) -> ItemOutcome[Transferred]:
    subject = Transferred(kind, number, outcome.subject.item)
    return ItemOutcome(subject, _STATUSES.get(outcome.status, outcome.status), outcome.error)


# --- comments ---


def _comments_of(wanted: Transfer) -> Plan[dict[TimelineBinding, bool]]:
    """Return the comments of the source on the target, each with whether it is there already."""
    source = yield from _comment_ids(wanted.source)
    target = set((yield from _comment_ids(wanted.target)))
    return {TimelineBinding(number, wanted.target): number in target for number in source}


def _comment_ids(item: CrmItem) -> Plan[list[int]]:
    call = comments_call(item, order={"ID": "ASC"}, select=["ID"])
    return [_id(row, call.method) for row in (yield from read_list(call))]


# --- activities ---


def _activities_of(wanted: Transfer) -> Plan[dict[ActivityBinding, bool]]:
    """Return the activities of the source on the target, each with whether it is there already.

    The list by owner lacks what belongs to another item and is only bound to this one; not every portal may
    know the list by bindings. An activity's own bindings tell in the end whether it is on the source.
    """
    owner = {"OWNER_TYPE_ID": wanted.source.type_id, "OWNER_ID": wanted.source.entity_id}
    listed = set((yield from _activity_ids(owner))) | set((yield from _activity_ids({"BINDINGS": [owner]})))
    numbers = sorted(listed)
    outcomes = (yield Work([activity_items_call(number) for number in numbers])) if numbers else []
    items = {number: activity_items(done) for number, done in zip(numbers, outcomes, strict=True)}
    return {
        ActivityBinding(number, wanted.target): wanted.target.pair in bound
        for number, bound in items.items()
        if wanted.source.pair in bound
    }


def _activity_ids(filter_: dict[str, Any]) -> Plan[list[int]]:
    call = Call("crm.activity.list", {"filter": filter_, "select": ["ID"]})
    return [_id(row, call.method) for row in (yield from read_list(call))]


def _id(row: Any, method: str) -> int:
    number = number_of(row.get("ID")) if isinstance(row, dict) else None
    if number is not None:
        return number
    raise UnexpectedResultError("a row without ID", method=method)
