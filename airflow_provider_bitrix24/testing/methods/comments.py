"""``crm.timeline.comment.*``.

``add``, ``update`` and ``delete`` are controller methods (error codes, lower-case parameters);
``get``, ``list`` and ``fields`` are classic (empty codes).
"""

from __future__ import annotations

from typing import Any

from .. import dates, listing, php
from ..errors import ACCESS_DENIED, RestError, classic_error, denied, not_found, owner_not_found
from ..files import disk_link, uploaded
from ..timeline import Pair, TimelineRecord
from ..world import Call, Listed
from .params import classic_array, classic_id, controller_array, controller_int, controller_optional_int
from .registry import classic, controller

_REMEMBERED = 3600.0  # seconds


# ---------------------------------------------------------------- controller methods


def add(call: Call) -> int:
    """Add a comment; its author is the caller, whatever was passed."""
    fields = controller_array(call, "fields")
    pair = _item(call, fields)
    if pair is None:
        raise owner_not_found()
    if not call.world.may_update(call.user, pair):
        raise denied()
    record = TimelineRecord(
        0, "comment", _text(fields), call.user.user_id, call.now, _files(call, fields) or []
    )
    return call.world.timeline.add(record, pair)


def update(call: Call) -> int:
    """Change a comment; one that is bound to several items is copied for the one it is changed in."""
    record = _comment(call, controller_int(call, "id"))
    fields = controller_array(call, "fields")
    timeline = call.world.timeline
    bindings = _bindings(call, record.record_id)
    owner = _owner_parameter(call, bindings)
    if record.author_id != call.user.user_id:
        raise denied()
    allowed = list(call.pairs_user_may(call.world.may_update, [owner] if owner else bindings))
    if not allowed:
        raise denied()
    text, files = _text(fields), _files(call, fields)
    if len(bindings) == 1:
        record.text, record.files = text, record.files if files is None else files
        return record.record_id
    timeline.unbind(record.record_id, allowed[0])
    timeline.remembered.pop(record.record_id, None)
    kept = list(record.files) if files is None else files
    copy = TimelineRecord(0, "comment", text, record.author_id, call.now, kept)
    return timeline.add(copy, allowed[0])


def delete(call: Call) -> None:
    """Delete a comment, or only one of its bindings if it has several."""
    record = _comment(call, controller_int(call, "id"))
    timeline = call.world.timeline
    bindings = _bindings(call, record.record_id)
    owner = _owner_parameter(call, bindings)
    if owner is None and len(bindings) > 1:
        raise RestError("MULTIPLE_BINDINGS", "Entity has multiple bindings")
    pair = owner or bindings[0]
    if record.author_id != call.user.user_id and not call.user.admin:
        raise denied()
    if not call.world.may_update(call.user, pair):
        raise denied()
    if len(bindings) > 1:
        timeline.unbind(record.record_id, pair)
        timeline.remembered.pop(record.record_id, None)
    else:
        timeline.delete(record.record_id)


def _comment(call: Call, record_id: int) -> TimelineRecord:
    """Return a comment; one without any binding left does not count."""
    record = call.world.timeline.records.get(record_id)
    if record is None or record.kind != "comment" or not _bindings(call, record_id):
        raise not_found()
    return record


def _bindings(call: Call, record_id: int) -> list[Pair]:
    """Return a comment's bindings, or those seen in the last hour if the portal is told to remember them."""
    timeline = call.world.timeline
    if not call.world.switches.remembered_bindings:
        return timeline.bindings(record_id)
    until, seen = timeline.remembered.get(record_id, (0.0, []))
    if until <= call.now:
        seen = timeline.bindings(record_id)
        timeline.remembered[record_id] = (call.now + _REMEMBERED, seen)
    return seen


def _owner_parameter(call: Call, bindings: list[Pair]) -> Pair | None:
    type_id, item_id = controller_optional_int(call, "ownerTypeId"), controller_optional_int(call, "ownerId")
    if type_id <= 0 and item_id <= 0:
        return None
    owner = call.world.types.by_id(type_id)
    pair = (owner.kind, item_id) if owner else None
    if pair is None or pair not in bindings:
        raise owner_not_found()
    return pair


def _text(fields: dict[str, Any]) -> str:
    text = php.text(fields.get("COMMENT")).strip()
    if not text:
        raise RestError("INVALID_ARG_VALUE", "Empty comment message")
    return text


def _files(call: Call, fields: dict[str, Any]) -> list[int] | None:
    """Store what was sent; ``None`` if ``FILES`` was not sent at all."""
    if not php.is_array(fields.get("FILES")):
        return None
    store, author = call.world.files, call.user.user_id
    sent = [uploaded(entry) for entry in php.values(fields["FILES"])]
    return [store.add(*entry, author, call.now) for entry in sent if entry]


def _item(call: Call, fields: dict[str, Any]) -> Pair | None:
    """Return the item that ``ENTITY_TYPE`` (or ``ENTITY_TYPE_ID``) and ``ENTITY_ID`` name."""
    types = call.world.types
    owner = types.by_name(php.text(fields.get("ENTITY_TYPE"))) or types.by_id(
        php.int_cast(fields.get("ENTITY_TYPE_ID"))
    )
    item_id = php.int_cast(fields.get("ENTITY_ID"))
    return (owner.kind, item_id) if owner and item_id > 0 else None


# ---------------------------------------------------------------- classic methods


def get(call: Call) -> dict[str, Any]:
    """Return a record; any kind of record, as the portal does not check that it is a comment."""
    record_id = classic_id(call)
    record = call.world.timeline.records.get(record_id)
    if record is None:
        raise classic_error("Not found.")
    bindings = call.world.timeline.bindings(record_id)
    readable = next(call.pairs_user_may(call.world.may_read, bindings), None)
    if readable is None:
        raise classic_error(ACCESS_DENIED)
    kind, item_id = readable
    return _row(call, record, {"ENTITY_ID": str(item_id), "ENTITY_TYPE": kind})


def list_comments(call: Call) -> Listed:
    """List an item's comments; rows repeat the item as the filter named it."""
    filters = classic_array(call, "filter")
    kind, item_id = filters.get("ENTITY_TYPE"), php.int_cast(filters.get("ENTITY_ID"))
    owner = None if php.is_array(kind) else call.world.types.by_name(php.text(kind))
    if owner is None or item_id <= 0 or not call.world.may_read(call.user, (owner.kind, item_id)):
        raise classic_error(ACCESS_DENIED)
    comments = [
        record for record in call.world.timeline.records_of((owner.kind, item_id)) if record.kind == "comment"
    ]
    _sort(comments, classic_array(call, "order"))
    page = listing.cut(comments, call.start, overrun_first=False)
    item = {"ENTITY_ID": str(item_id), "ENTITY_TYPE": kind}
    selected = [php.text(name) for _, name in php.pairs(classic_array(call, "select"))]
    rows = [_selected(_row(call, record, item), selected) for record in page.rows]
    return Listed(rows, page.total, page.next)


def _sort(comments: list[TimelineRecord], order: dict[str, Any]) -> None:
    keys = {
        "ID": lambda record: record.record_id,
        "CREATED": lambda record: int(record.created),
        "AUTHOR_ID": lambda record: record.author_id,
    }
    for name, direction in reversed(list(order.items())):
        if name in keys:
            comments.sort(key=keys[name], reverse=direction == "DESC")


def _selected(row: dict[str, Any], selected: list[str]) -> dict[str, Any]:
    known = [name for name in selected if name in row] if "*" not in selected else []
    if not known:
        return row
    return {name: value for name, value in row.items() if name in known or name == "FILES"}


def _row(call: Call, record: TimelineRecord, item: dict[str, Any]) -> dict[str, Any]:
    row = {
        "ID": str(record.record_id),
        **item,
        "CREATED": dates.stamp(record.created, call.world.zone),
        "COMMENT": record.text,
        "AUTHOR_ID": str(record.author_id),
    }
    if record.files:
        row["FILES"] = {str(number): _file(call, number) for number in record.files}
    return row


def _file(call: Call, number: int) -> dict[str, Any]:
    world, stored = call.world, call.world.files.files[number]
    author = world.users.get(stored.author_id)
    link = disk_link(world.base_url, stored)
    shown = {"type": "file", "name": stored.name, "size": len(stored.content)}
    if stored.content_type.startswith("image/"):
        shown |= {"type": "image", "image": {"width": 1, "height": 1}, "urlPreview": link}
    return {
        "id": number,
        "date": dates.stamp(stored.created, world.zone),
        **shown,
        "authorId": stored.author_id,
        "authorName": author.name if author else "",
        "urlShow": link,
        "urlDownload": link,
    }


def fields(_: Call) -> dict[str, Any]:
    """Describe the fields."""
    table = {
        "ID": ("integer", "r"),
        "CREATED": ("datetime", "r"),
        "AUTHOR_ID": ("user", "r"),
        "ENTITY_ID": ("integer", "q"),
        "ENTITY_TYPE": ("string", "q"),
        "COMMENT": ("string", "q"),
        "FILES": ("attached_diskfile", "m"),
    }
    return {
        name: {
            "type": kind,
            "isRequired": flag == "q",
            "isReadOnly": flag == "r",
            "isImmutable": name.startswith("ENTITY_"),
            "isMultiple": flag == "m",
            "isDynamic": False,
            "title": name,
        }
        for name, (kind, flag) in table.items()
    }


METHODS = (
    controller("crm.timeline.comment.add", add),
    controller("crm.timeline.comment.update", update),
    controller("crm.timeline.comment.delete", delete),
    classic("crm.timeline.comment.get", get),
    classic("crm.timeline.comment.list", list_comments),
    classic("crm.timeline.comment.fields", fields),
)
