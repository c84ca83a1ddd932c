"""What an administrator may set of an item that is imported, and nobody of one that is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import dates, php

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .item_store import ItemStore
    from .world import Call

_TIMES = ("DATE_CREATE", "DATE_MODIFY", "MOVED_TIME")
_USERS = ("CREATED_BY_ID", "MODIFY_BY_ID", "MOVED_BY_ID")


def system_values(call: Call, store: ItemStore, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return dates and authors of an imported item as they are stored; unreadable dates are none.

    :param sent: values by the names they are stored by
    :raises ValueError: with the name of a date that is before that of the newest item, out of order, or still
        to come
    """
    if not call.user.admin:
        return {}
    given: dict[str, Any] = {
        name: str(php.int_cast(sent[name])) for name in _USERS if name in sent and name in store.fields
    }
    times = {name: _moment(call, sent.get(name)) for name in _TIMES if name in store.fields}
    _check(call, store, times)
    return given | {
        name: moment.isoformat(timespec="seconds") for name, moment in times.items() if moment is not None
    }


def _moment(call: Call, value: Any) -> datetime | None:
    return dates.parse(php.text(value), call.world.zone, call.now) if value else None


def _check(call: Call, store: ItemStore, times: Mapping[str, datetime | None]) -> None:
    now = _moment(call, call.world.moment())
    created = times.get("DATE_CREATE") or now
    modified = times.get("DATE_MODIFY") or max(filter(None, (created, now)))
    newest = _moment(call, store.rows[store.ids[-1]]["DATE_CREATE"]) if store.ids else None
    limits = {
        "DATE_CREATE": (newest, now),
        "DATE_MODIFY": (created, now),
        "MOVED_TIME": (created, modified),
    }
    for name, moment in times.items():
        first, last = limits[name]
        if moment is not None and ((first and moment < first) or (last and moment > last)):
            raise ValueError(name)
