"""``crm.timeline.logmessage.*``: what applications write into timelines. Controller methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dates, php
from ..errors import RestError, denied, not_found, owner_not_found
from ..timeline import TimelineRecord
from ..world import Call, Listed
from .params import controller_array, controller_int, controller_item
from .registry import controller

if TYPE_CHECKING:
    from ..timeline import Pair

KIND = "log_message"
_PAGE = 10
_REQUIRED = ("entityTypeId", "entityId", "title", "text", "iconCode")


def add(call: Call) -> dict[str, Any]:
    """Add a log message; its icon may have any name."""
    fields = controller_array(call, "fields")
    for name in _REQUIRED:
        if fields.get(name) in (None, ""):
            raise RestError("0", f"Missing a required field: {name}")
    pair = _item(call, fields)
    if not call.world.may_update(call.user, pair):
        raise denied()
    record = TimelineRecord(0, KIND, php.text(fields["text"]), call.user.user_id, call.now)
    record.title, record.icon = php.text(fields["title"]), php.text(fields["iconCode"])
    record.application = _application(call)
    call.world.timeline.add(record, pair)
    return {"logMessage": _row(call, record)}


def get(call: Call) -> dict[str, Any]:
    """Return a log message; other records of the timeline do not count."""
    record = _existing(call)
    bindings = call.world.timeline.bindings(record.record_id)
    if not any(call.pairs_user_may(call.world.may_read, bindings)):
        raise denied()
    return {"logMessage": _row(call, record)}


def list_messages(call: Call) -> Listed:
    """List the log messages that were created in an item; those bound to it later are not among them."""
    pair = controller_item(call, "entityTypeId", "entityId")
    if not call.world.may_read(call.user, pair):
        raise denied()
    found = [
        record
        for record in call.world.timeline.records.values()
        if record.kind == KIND and record.home == pair
    ]
    _sort(found, call.params.get("order"))
    documented = call.world.switches.documented_log_messages
    start = max(0, call.start or 0) // _PAGE * _PAGE
    first = start if documented else max(0, php.int_cast(call.params.get("offset")))
    rows = [_row(call, record) for record in found[first : first + _PAGE]]
    result = rows if documented else {"logMessages": rows}
    if call.start is not None and call.start < 0:
        return Listed(result)
    following = start + _PAGE
    return Listed(result, len(found), following if following < len(found) else None)


def delete(call: Call) -> bool:
    """Delete a log message: only the application that wrote it may, and only for an administrator."""
    record_id = controller_int(call, "id")
    if call.identity.via == "webhook":
        raise _removing_disabled()
    record = _existing(call)
    if not call.user.admin:
        raise denied()
    if record.application != _application(call):
        raise _removing_disabled()
    call.world.timeline.delete(record_id)
    return True


def _removing_disabled() -> RestError:
    return RestError("REMOVING_DISABLED", "Removing is disabled")


def _application(call: Call) -> str:
    """Return who calls: the application's id, nothing for a webhook."""
    return call.world.oauth.client_id if call.identity.via == "application" else ""


def _existing(call: Call) -> TimelineRecord:
    record = call.world.timeline.records.get(controller_int(call, "id"))
    if record is None or record.kind != KIND:
        raise not_found()
    return record


def _item(call: Call, fields: dict[str, Any]) -> Pair:
    owner = call.world.types.by_id(php.int_cast(fields["entityTypeId"]))
    item_id = php.int_cast(fields["entityId"])
    if owner is None or item_id <= 0:
        raise owner_not_found()
    return owner.kind, item_id


def _sort(records: list[TimelineRecord], order: Any) -> None:
    """Sort by ``id`` or ``created``, written in lower case; ascending unless ``desc`` is asked for."""
    keys = {"id": lambda record: record.record_id, "created": lambda record: int(record.created)}
    records.sort(key=keys["id"])
    for name, direction in reversed(list(php.pairs(order))):
        if name in keys:
            records.sort(key=keys[name], reverse=php.text(direction).lower() == "desc")


def _row(call: Call, record: TimelineRecord) -> dict[str, Any]:
    return {
        "id": record.record_id,
        "created": dates.stamp(record.created, call.world.zone),
        "authorId": record.author_id,
        "title": record.title,
        "text": record.text,
        "iconCode": record.icon,
    }


METHODS = (
    controller("crm.timeline.logmessage.add", add),
    controller("crm.timeline.logmessage.get", get),
    controller("crm.timeline.logmessage.list", list_messages),
    controller("crm.timeline.logmessage.delete", delete),
)
