"""``crm.activity.*``: classic methods for activities of any kind, and the controller method for to-dos."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .. import dates, php
from ..activities import KINDS
from ..errors import ACCESS_DENIED, RestError, classic_error, denied, not_found, owner_not_found
from ..fields import Field
from ..listing import PAGE, Page, Query, cut
from ..world import Call, Listed
from .params import classic_array, classic_id, controller_int, controller_optional_int
from .registry import classic, controller

if TYPE_CHECKING:
    from ..item_store import Row
    from ..timeline import Pair

# Comes only when it is named.
_COMMUNICATIONS = "COMMUNICATIONS"
# What crm.activity.fields calls otherwise than a plain number, and what it names besides.
_ENUMS = {
    "OWNER_TYPE_ID": "crm_enum_ownertype",
    "TYPE_ID": "crm_enum_activitytype",
    "STATUS": "crm_enum_activitystatus",
    "PRIORITY": "crm_enum_activitypriority",
    "NOTIFY_TYPE": "crm_enum_activitynotifytype",
    "DESCRIPTION_TYPE": "crm_enum_contenttype",
    "DIRECTION": "crm_enum_activitydirection",
}
_REQUIRED = ("TYPE_ID", "SUBJECT", "RESPONSIBLE_ID", _COMMUNICATIONS)
_ONLY_DESCRIBED = {
    "BINDINGS": Field("BINDINGS", "crm_activity_binding", read_only=True, multiple=True),
    _COMMUNICATIONS: Field(_COMMUNICATIONS, "crm_activity_communication", multiple=True),
    "FILES": Field("FILES", "diskfile", multiple=True),
    "WEBDAV_ELEMENTS": Field("WEBDAV_ELEMENTS", "diskfile", multiple=True),
    "IS_INCOMING_CHANNEL": Field("IS_INCOMING_CHANNEL", "char", read_only=True),
}
_KIND_BY_TYPE = {type_id: kind for kind, (type_id, _, _) in KINDS.items() if type_id != KINDS["todo"][0]}


# ---------------------------------------------------------------- reading


def get(call: Call) -> Row:
    """Return an activity."""
    row = call.world.activities.store.rows[_readable(call)]
    return _render(call, row, {"*", _COMMUNICATIONS})


def list_activities(call: Call) -> Listed:
    """List activities, by default in the order of their beginning."""
    activities, filters = call.world.activities, classic_array(call, "filter")
    query = Query(activities.store, call.world.zone, call.now)
    query.filter(filters.items())
    query.sort(classic_array(call, "order").items() or {"START_TIME": "ASC"}.items())
    found: Counter[int] | None = None
    if php.is_array(filters.get("BINDINGS")):
        found = counted = _bound_to(call, php.values(filters["BINDINGS"]))
        query.only(lambda activity_id: activity_id in counted)
    if not call.user.reads_everything:
        query.only(lambda activity_id: _may_read(call, activity_id))
    selected = {php.text(name) for name in classic_array(call, "select").values()} - {""} or {"*"}
    page = query.page(call.start) if found is None else _repeated(query, found, call.start)
    return Listed([_render(call, row, selected) for row in page.rows], page.total, page.next)


def _repeated(query: Query, found: Counter[int], start: int | None) -> Page:
    """Return a page on which an activity comes once for each of the wanted items it is bound to."""
    rows = [row for row in query.everything() for _ in range(found[int(row["ID"])])]
    if start is not None and start < 0:
        return Page(rows[:PAGE], total=0)
    return cut(rows, start, overrun_first=True)


def _bound_to(call: Call, wanted: list[Any]) -> Counter[int]:
    """Count for each activity the wanted items that it is bound to.

    :param wanted: each entry names a type, a number, or both
    """
    activities = call.world.activities
    found: Counter[int] = Counter()
    for pair in activities.bound_items():
        if any(_matches(call, pair, entry) for entry in wanted):
            found.update(activities.of(pair))
    return found


def _matches(call: Call, pair: Pair, entry: Any) -> bool:
    type_id, item_id = (php.int_cast(php.lookup(entry, name)) for name in ("OWNER_TYPE_ID", "OWNER_ID"))
    owner = call.world.types.by_id(type_id)
    right_type = type_id <= 0 or (owner is not None and pair[0] == owner.kind)
    return right_type and item_id in (0, pair[1])


def _render(call: Call, row: Row, selected: set[str]) -> Row:
    """Write a row as answers show it; a selection of nothing known is everything."""
    store = call.world.activities.store
    names = [name for name in store.fields if "*" in selected or name in selected]
    shown = {name: store.value(row, name) for name in names or store.fields}
    shown |= {name: value or [] for name, value in shown.items() if store.fields[name].type == "object"}
    if _COMMUNICATIONS in selected:
        shown[_COMMUNICATIONS] = row.get(_COMMUNICATIONS)
    return shown


def fields(call: Call) -> dict[str, Any]:
    """Describe the fields, among them some that lists never have."""
    known = {**call.world.activities.store.fields, **_ONLY_DESCRIBED}
    described = {name: field.describe() for name, field in known.items()}
    for name, enum in _ENUMS.items():
        described[name]["type"] = enum
    for name in _REQUIRED:
        described[name]["isRequired"] = True
    return described


# ---------------------------------------------------------------- writing


def add(call: Call) -> int:
    """Add a meeting, a call or an e-mail; deprecated, and particular about what has to be there."""
    sent = classic_array(call, "fields", required=True)
    kind = _KIND_BY_TYPE.get(php.int_cast(sent.get("TYPE_ID")))
    communications = [
        entry for entry in php.values(sent.get(_COMMUNICATIONS)) if entry and php.is_array(entry)
    ]
    if not php.text(sent.get("SUBJECT")).strip():
        raise classic_error("The field SUBJECT is not defined or empty.")
    if php.int_cast(sent.get("RESPONSIBLE_ID")) <= 0:
        raise classic_error("The field RESPONSIBLE_ID is not defined or invalid.")
    if kind is None:
        raise classic_error("The field TYPE_ID is not defined or invalid.")
    if not communications:
        raise classic_error(f"The field {_COMMUNICATIONS} is not defined or invalid.")
    if kind in ("call", "meeting") and len(communications) > 1:
        raise classic_error("The only one communication is allowed for activity of specified type.")
    pairs = _owners(call, sent, communications)
    if not all(call.world.may_update(call.user, pair) for pair in pairs[:1]):
        raise classic_error(ACCESS_DENIED)
    activities = call.world.activities
    activity_id = activities.add(pairs, kind, sent, author=call.user.user_id, now=call.now)
    activities.store.rows[activity_id][_COMMUNICATIONS] = _stored(call, activity_id, communications)
    return activity_id


def _owners(call: Call, sent: dict[str, Any], communications: list[Any]) -> list[Pair]:
    """Return the owner, what ``BINDINGS`` names, and whom the communication is with."""
    named = [(sent, "OWNER_TYPE_ID", "OWNER_ID")]
    named += [(entry, "OWNER_TYPE_ID", "OWNER_ID") for entry in php.values(sent.get("BINDINGS"))]
    named += [(entry, "ENTITY_TYPE_ID", "ENTITY_ID") for entry in communications]
    pairs = []
    for source, type_key, id_key in named:
        owner = call.world.types.by_id(php.int_cast(php.lookup(source, type_key)))
        item_id = php.int_cast(php.lookup(source, id_key))
        if owner is not None and item_id > 0:
            pairs.append((owner.kind, item_id))
    if not pairs:
        raise classic_error(
            "Could not build binding. Please ensure that owner info and communications are defined correctly."
        )
    return pairs


def _stored(call: Call, activity_id: int, communications: list[Any]) -> list[Row] | None:
    """Keep what has an address or a number; bare items are bound and nothing more."""
    kept = [entry for entry in communications if php.text(php.lookup(entry, "VALUE"))]
    return [
        {
            "ID": f"{activity_id}{index}",
            "TYPE": php.text(php.lookup(entry, "TYPE")),
            "VALUE": php.text(php.lookup(entry, "VALUE")),
            "ENTITY_ID": php.text(php.lookup(entry, "ENTITY_ID")),
            "ENTITY_TYPE_ID": php.text(php.lookup(entry, "ENTITY_TYPE_ID")),
        }
        for index, entry in enumerate(kept, 1)
    ] or None


def update(call: Call) -> bool:
    """Change an activity."""
    activity_id = _changeable(call)
    sent = classic_array(call, "fields", required=True)
    call.world.activities.update(activity_id, sent, author=call.user.user_id, now=call.now)
    return True


def delete(call: Call) -> bool:
    """Delete an activity."""
    call.world.activities.delete(_changeable(call))
    return True


def add_todo(call: Call) -> dict[str, int]:
    """Add a to-do; its deadline is what has to be there besides the item."""
    type_id, item_id = controller_int(call, "ownerTypeId"), controller_int(call, "ownerId")
    if call.params.get("deadline") is None:
        raise RestError("100", "Could not find value for parameter {deadline}")
    owner = call.world.types.by_id(type_id)
    if owner is None or item_id <= 0 or not call.world.crm.exists(owner.kind, item_id):
        raise owner_not_found()
    if not call.world.may_update(call.user, (owner.kind, item_id)):
        raise denied()
    deadline = dates.parse(php.text(call.params["deadline"]), call.world.zone, call.now)
    if deadline is None:
        raise RestError("WRONG_DATETIME_FORMAT", "Wrong date and time format")
    parent = controller_optional_int(call, "parentActivityId")
    if parent and not call.world.activities.exists(parent):
        raise not_found()
    values = {
        "SUBJECT": php.text(call.params.get("title")) or "To-do",
        "DESCRIPTION": php.text(call.params.get("description")),
        "RESPONSIBLE_ID": controller_optional_int(call, "responsibleId") or call.user.user_id,
        **dict.fromkeys(("START_TIME", "END_TIME", "DEADLINE"), deadline.isoformat()),
    }
    pairs = [(owner.kind, item_id)]
    return {"id": call.world.activities.add(pairs, "todo", values, author=call.user.user_id, now=call.now)}


# ---------------------------------------------------------------- rights


def _readable(call: Call) -> int:
    activity_id = _existing(call)
    if not _may_read(call, activity_id):
        raise classic_error(ACCESS_DENIED)
    return activity_id


def _changeable(call: Call) -> int:
    activity_id = _existing(call)
    bindings = call.world.activities.bindings(activity_id)
    if not any(call.pairs_user_may(call.world.may_update, bindings)):
        raise classic_error(ACCESS_DENIED)
    return activity_id


def _existing(call: Call) -> int:
    activity_id = classic_id(call)
    if not call.world.activities.exists(activity_id):
        raise classic_error("Activity is not found.")
    return activity_id


def _may_read(call: Call, activity_id: int) -> bool:
    """Tell whether the caller is responsible for the activity or may read any of its items."""
    activities = call.world.activities
    if activities.store.rows[activity_id].get("RESPONSIBLE_ID") == str(call.user.user_id):
        return True
    return any(call.pairs_user_may(call.world.may_read, activities.bindings(activity_id)))


METHODS = (
    classic("crm.activity.get", get),
    classic("crm.activity.list", list_activities),
    classic("crm.activity.fields", fields),
    classic("crm.activity.add", add),
    classic("crm.activity.update", update),
    classic("crm.activity.delete", delete),
    controller("crm.activity.todo.add", add_todo),
)
