"""``crm.activity.binding.*``: what activities are bound to.

Controller methods: whatever is wrong is an error, nothing a quiet ``false``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..activities import MOST_BINDINGS
from ..errors import RestError, denied, not_found
from .params import controller_int, controller_item
from .registry import controller

if TYPE_CHECKING:
    from ..timeline import Pair
    from ..world import Call


def list_bindings(call: Call) -> list[dict[str, int]]:
    """List the items an activity is bound to, those that the caller may read."""
    world = call.world
    pairs = world.activities.bindings(_activity(call))
    return [
        {"entityTypeId": world.types.require(kind).type_id, "entityId": item_id}
        for kind, item_id in call.pairs_user_may(world.may_read, pairs)
        if world.types.by_name(kind)
    ]


def add(call: Call) -> bool:
    """Bind; unlike a timeline record, an activity that is bound already is an error."""
    activity_id, pair = _activity(call), _item(call, "entity")
    _check_rights(call, pair)
    bound = call.world.activities.bindings(activity_id)
    call.world.activities.rebind(activity_id, _extended(bound, pair))
    return True


def delete(call: Call) -> bool:
    """Unbind; the last binding stays."""
    activity_id, pair = _activity(call), _item(call, "entity")
    _check_rights(call, pair)
    left = _reduced(call.world.activities.bindings(activity_id), pair)
    if not left:
        raise RestError("LAST_BINDING_CANNOT_BE_DELETED", "The only binding of an activity cannot be deleted")
    call.world.activities.rebind(activity_id, left)
    return True


def move(call: Call) -> bool:
    """Replace a binding by one to another item of the same type, which takes its place."""
    activity_id = _activity(call)
    source, target = _item(call, "sourceEntity"), _item(call, "targetEntity")
    _check_rights(call, source, target)
    if source[1] == target[1]:
        raise RestError("SOURCE_AND_TARGET_ENTITY_ID_ARE_EQUAL_ERROR", "Source and target are the same item")
    if source[0] != target[0]:
        raise RestError(
            "SOURCE_AND_TARGET_ENTITY_TYPES_ARE_NOT_EQUAL_ERROR", "Source and target differ in type"
        )
    bound = call.world.activities.bindings(activity_id)
    if target in bound:
        raise _already_bound()
    _reduced(bound, source)
    call.world.activities.rebind(activity_id, [target if pair == source else pair for pair in bound])
    return True


def _activity(call: Call) -> int:
    activity_id = controller_int(call, "activityId")
    if not call.world.activities.exists(activity_id):
        raise not_found()
    return activity_id


def _item(call: Call, prefix: str) -> Pair:
    return controller_item(call, f"{prefix}TypeId", f"{prefix}Id")


def _check_rights(call: Call, *pairs: Pair) -> None:
    if not all(call.world.may_update(call.user, pair) for pair in pairs):
        raise denied()


def _extended(bound: list[Pair], pair: Pair) -> list[Pair]:
    if pair in bound:
        raise _already_bound()
    if len(bound) >= MOST_BINDINGS:
        raise RestError("0", f"An activity cannot have more than {MOST_BINDINGS} bindings")
    return [*bound, pair]


def _reduced(bound: list[Pair], pair: Pair) -> list[Pair]:
    if pair not in bound:
        raise RestError("BINDING_NOT_FOUND", "The activity is not bound to this item")
    return [other for other in bound if other != pair]


def _already_bound() -> RestError:
    return RestError("ACTIVITY_IS_ALREADY_BOUND", "The activity is bound to this item already")


METHODS = (
    controller("crm.activity.binding.list", list_bindings),
    controller("crm.activity.binding.add", add),
    controller("crm.activity.binding.delete", delete),
    controller("crm.activity.binding.move", move),
)
