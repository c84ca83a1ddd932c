"""Showing what stands on one item's timeline on another item's, too, or moving it there.

Comments and activities keep their dates and authors, because only their bindings change. What is on both
timelines already is read first, so doing it again after a crash goes on where it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_bitrix24.crm.activities import (
    ActivityBinding,
    ActivityOutcome,
    activity_items,
    activity_items_call,
    binding_outcome,
    unbinding_outcome,
)
from airflow_provider_bitrix24.crm.ids import shown
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_list
from airflow_provider_bitrix24.crm.moving import MOVED, check_ends, move_records, share_records
from airflow_provider_bitrix24.crm.outcomes import ALREADY_BOUND, FAILED, told
from airflow_provider_bitrix24.crm.relations import check_items
from airflow_provider_bitrix24.rest.bulk import Plan, Work
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.methods import number_of

Kind = Literal["comments", "activities"]
Mode = Literal["share", "move"]

SHARED = "shared"
ALREADY_SHARED = "already_shared"


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
    kinds: tuple[Kind, ...]
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


def check_kinds(value: Any) -> tuple[Kind, ...]:
    """Return a value of ``kinds``.

    :raises InvalidInputError: it is no list of ``comments`` and ``activities``
    """
    kinds = tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else ()
    if kinds and all(kind in get_args(Kind) for kind in kinds):
        return tuple(kind for kind in get_args(Kind) if kind in kinds)
    raise InvalidInputError(
        f"kinds: {shown(value)} is not a list of kinds", remedy="Give ['comments'], ['activities'] or both."
    )


def check_mode(value: Any) -> Mode:
    """Return a value of ``mode``.

    :raises InvalidInputError: it is neither ``share`` nor ``move``
    """
    if value in get_args(Mode):
        return value  # type: ignore[no-any-return]
    raise InvalidInputError(f"mode: {shown(value)} is neither 'share' nor 'move'")


@dataclass(frozen=True)
class Transferred:
    """What became of one comment or activity.

    :param kind: ``comment`` or ``activity``
    :param number: its id
    :param target: the item on whose timeline it was to show
    :param status: ``shared``, ``already_shared``, ``moved`` or ``failed``
    :param error: why it failed
    """

    kind: str
    number: int
    target: CrmItem
    status: str
    error: Bitrix24Error | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        row = {
            "KIND": self.kind,
            "ID": self.number,
            "ENTITY_TYPE": self.target.entity_type,
            "ENTITY_ID": self.target.entity_id,
            "STATUS": self.status,
        }
        return told(row, self.error)


def transfer(wanted: Transfer, *, owner: str) -> Plan[list[Transferred]]:
    """Show a timeline on another item, or move it there.

    :param wanted: what is to be shown where
    :param owner: whose rights the calls have, for messages
    :return: one outcome for each comment and activity that stands on the source
    :raises NotFoundError: one of the items does not exist; nothing was changed
    :raises Bitrix24Error: one of the timelines could not be read; nothing was changed
    """
    yield from check_items(source=wanted.source, target=wanted.target)
    comments = (yield from _comments_of(wanted)) if "comments" in wanted.kinds else {}
    activities = (yield from _activities_of(wanted)) if "activities" in wanted.kinds else {}
    rows = []
    if comments:
        rows += yield from _transfer_comments(comments, wanted, owner)
    if activities:
        rows += yield from _transfer_activities(activities, wanted)
    return rows


# --- comments ---


def _comments_of(wanted: Transfer) -> Plan[dict[int, bool]]:
    """Return the comments of the source, each with whether it is on the target already."""
    source = yield from _comment_ids(wanted.source)
    target = set((yield from _comment_ids(wanted.target)))
    return {number: number in target for number in source}


def _comment_ids(item: CrmItem) -> Plan[list[int]]:
    call = Call(
        "crm.timeline.comment.list",
        {
            "filter": {"ENTITY_TYPE": item.entity_type, "ENTITY_ID": item.entity_id},
            "order": {"ID": "ASC"},
            "select": ["ID"],
        },
    )
    return [_id(row, call.method) for row in (yield from read_list(call))]


def _transfer_comments(on_target: dict[int, bool], wanted: Transfer, owner: str) -> Plan[list[Transferred]]:
    if wanted.mode == "move":
        outcomes = yield from move_records(on_target, wanted.source, wanted.target, owner=owner)
    else:
        outcomes = yield from share_records(on_target, wanted.target, owner=owner)
    return [
        Transferred(
            "comment",
            outcome.binding.record_id,
            wanted.target,
            _status(outcome.status),
            outcome.error,
        )
        for outcome in outcomes
    ]


# --- activities ---


def _activities_of(wanted: Transfer) -> Plan[dict[int, bool]]:
    """Return the activities of the source, each with whether it is on the target already.

    The list by owner lacks what belongs to another item and is only bound to this one; not every portal may
    know the list by bindings. An activity's own bindings tell in the end whether it is on the source.
    """
    owner = {"OWNER_TYPE_ID": wanted.source.type_id, "OWNER_ID": wanted.source.entity_id}
    listed = set((yield from _activity_ids(owner))) | set((yield from _activity_ids({"BINDINGS": [owner]})))
    numbers = sorted(listed)
    outcomes = (yield Work([activity_items_call(number) for number in numbers])) if numbers else []
    items = {number: activity_items(done) for number, done in zip(numbers, outcomes, strict=True)}
    return {
        number: wanted.target.pair in bound for number, bound in items.items() if wanted.source.pair in bound
    }


def _activity_ids(filter_: dict[str, Any]) -> Plan[list[int]]:
    call = Call("crm.activity.list", {"filter": filter_, "select": ["ID"]})
    return [_id(row, call.method) for row in (yield from read_list(call))]


def _transfer_activities(on_target: dict[int, bool], wanted: Transfer) -> Plan[list[Transferred]]:
    there = {number: ActivityBinding(number, wanted.target) for number in on_target}
    made = {number: ActivityOutcome(binding, ALREADY_BOUND) for number, binding in there.items()}
    missing = [there[number] for number, is_there in on_target.items() if not is_there]
    if missing:
        outcomes = yield Work([binding.bind_call() for binding in missing])
        for binding, done in zip(missing, outcomes, strict=True):
            made[binding.activity_id] = binding_outcome(binding, done)
    if wanted.mode == "move":
        yield from _take_off(made, wanted)
    return [
        Transferred("activity", number, wanted.target, _status(outcome.status), outcome.error)
        for number, outcome in made.items()
    ]


def _take_off(made: dict[int, ActivityOutcome], wanted: Transfer) -> Plan[None]:
    """Take those off the source that are on the target now."""
    leaving = [ActivityBinding(n, wanted.source) for n, outcome in made.items() if outcome.error is None]
    if not leaving:
        return
    outcomes = yield Work([binding.unbind_call() for binding in leaving])
    for binding, done in zip(leaving, outcomes, strict=True):
        gone = unbinding_outcome(binding, done, missing_ok=True)
        status = MOVED if gone.error is None else FAILED
        there = made[binding.activity_id].binding
        made[binding.activity_id] = ActivityOutcome(there, status, gone.error)


def _status(status: str) -> str:
    if status in (MOVED, FAILED):
        return status
    return ALREADY_SHARED if status == ALREADY_BOUND else SHARED


def _id(row: Any, method: str) -> int:
    number = number_of(row.get("ID")) if isinstance(row, dict) else None
    if number is not None:
        return number
    raise UnexpectedResultError("a row without ID", method=method)
