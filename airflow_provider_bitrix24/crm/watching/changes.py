"""Watching for changes: which items were added or changed since the last look.

A change is an item with a date of its last change that was not seen before. The window is that of an
extraction: it begins a little before the watermark, and earlier where clocks may differ. What of it was seen
is remembered, so that the next look does not tell of it again. Rows are read from the newest change on, until
one comes that was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_bitrix24.crm.extraction.clocks import PortalClock
from airflow_provider_bitrix24.crm.extraction.windows import OVERLAP, Beginning, Window, begin, window_after
from airflow_provider_bitrix24.crm.watching.item_lists import (
    check_narrows,
    list_of,
    parse_listed_type,
    parse_most_ids,
    read_filter,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE, rows_of
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work

#: pages of changes that one look reads of a list, at most
_PAGES = 10
#: changes that are remembered
_REMEMBERED = _PAGES * PAGE_SIZE
_CHANGED = "updatedTime"


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """What was seen so far.

    :param watermark: the portal's clock at the last look, in UTC
    :param highest: the highest id seen, 0 where there was none
    :param seen: when the items of the window changed, as the portal shows it, by id; the newest first
    """

    watermark: datetime
    highest: int
    seen: Mapping[int, str]

    def to_json(self) -> dict[str, Any]:
        """Return the cursor as plain JSON; a list keeps the order in every database."""
        return {
            "watermark": self.watermark.isoformat(),
            "highest": self.highest,
            "seen": [[number, changed] for number, changed in self.seen.items()],
        }

    @classmethod
    def of_json(cls, value: Any) -> Cursor | None:
        """Return the cursor of plain JSON, ``None`` where it is none.

        :param value: from :meth:`to_json`
        """
        try:
            moment, highest = datetime.fromisoformat(value["watermark"]), int(value["highest"])
            seen = {int(number): str(changed) for number, changed in value["seen"]}
        except (TypeError, ValueError, KeyError):
            return None
        if moment.utcoffset() is None:
            return None
        return cls(watermark=moment.astimezone(UTC), highest=highest, seen=seen)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a look for changes found.

    :param cursor: what has been seen now
    :param signal: what is to be told; ``None`` where nothing changed
    :param notes: sentences for the log
    """

    cursor: Cursor
    signal: dict[str, Any] | None
    notes: tuple[str, ...] = ()


class ChangesWatch:
    """Looks for items that were added or changed.

    :param entity_type: the items' type
    :param where: a filter on them; ``None`` for all items
    :param max_ids: how many ids are told at most
    :raises InvalidInputError: one of them is not valid
    """

    def __init__(self, entity_type: Any, where: Any, max_ids: Any) -> None:
        self.entity_type = parse_listed_type(entity_type)
        self._filter = None if where is None else check_narrows(where)
        self._max_ids = parse_most_ids(max_ids)
        self._list = list_of(self.entity_type).ids_call()
        self._where: dict[str, Any] = {}
        self._beginning: Beginning | None = None
        self._is_told = False

    def look(self, cursor: Cursor | None, look_back: timedelta | None = None) -> Plan[Look]:
        """Look once.

        :param cursor: what was seen before; ``None`` at the first look
        :param look_back: how much of the time before the first look to tell of; ``None`` tells of nothing
        :raises InvalidInputError: the type has no such field, or a value is not of the field's type
        :raises Bitrix24Error: a call failed
        """
        beginning = self._beginning = yield from self._begin()
        quiet = cursor is None and look_back is None
        if cursor is None:
            since = beginning.watermark - (look_back or timedelta())
            cursor = Cursor(watermark=since, highest=beginning.highest, seen={})
        window = window_after(beginning, cursor.watermark, cursor.highest, OVERLAP)
        rows, cut, clock = yield from self._read(window, cursor)
        if clock.is_set_anew(beginning.clock):
            # What the bound was made from is no longer so.
            window = window_after(replace(beginning, clock=clock), cursor.watermark, cursor.highest, OVERLAP)
            rows, cut, clock = yield from self._read(window, cursor)
        self._beginning = replace(beginning, clock=clock)
        highest = max(cursor.highest, *rows) if rows else cursor.highest
        watermark = max(window.watermark, clock.now.astimezone(UTC))
        found = Cursor(watermark=watermark, highest=highest, seen=_newest(rows))
        changed = _unseen(rows, cursor)
        signal = self._signal(cursor, found, changed, cut) if changed and not quiet else None
        return Look(cursor=found, signal=signal, notes=_notes(window))

    def _begin(self) -> Plan[Beginning]:
        """Return the portal's clock; the first time, ask for fields, and whether the date filter works.

        Each answer tells when its call began, so the last look's answers tell the time for this one's bound.
        """
        if self._beginning is None:
            self._where = yield from read_filter(self.entity_type, self._filter)
            return (yield from begin(self._list, _CHANGED))
        [profile] = yield Work([Call("profile")], shared=True)
        now: Any = self._beginning.clock.now.isoformat()
        if not self._is_told:
            [time] = yield Work([Call("server.time")])
            now = time.unwrap()
        return replace(self._beginning, clock=PortalClock.read(now, profile.unwrap()))

    def _read(self, window: Window, cursor: Cursor) -> Plan[tuple[dict[int, str], bool, PortalClock]]:
        """Return what changed in the window, the newest first, whether more did, and when reading began."""
        filters = dict(enumerate(window.filters(self._where)))
        clock = window.beginning.clock
        rows: dict[int, str] = {}
        is_cut = False
        for number in range(_PAGES):
            pages = yield Work([self._page(where, number) for where in filters.values()])
            if not number:
                clock, self._is_told = _clock_of(pages, clock)
            for (part, _), page in zip(list(filters.items()), pages, strict=True):
                read = _changes(page)
                last = next(reversed(read.items()), None)
                rows = {**rows, **read}
                if last is not None and cursor.seen.get(last[0]) == last[1]:
                    rows = {**rows, **{key: at for key, at in cursor.seen.items() if key not in rows}}
                    del filters[part]
                elif len(read) < PAGE_SIZE:
                    del filters[part]
            if not filters:
                break
        else:
            is_cut = True
        return rows, is_cut, clock

    def _page(self, where: Mapping[str, Any], number: int) -> Call:
        order = {_CHANGED: "DESC", "id": "DESC"}
        start = number * PAGE_SIZE or -1  # -1 has the portal not count
        filter_ = {"filter": dict(where)} if where else {}
        params = {**self._list.params, **filter_, "select": ["id", _CHANGED], "order": order, "start": start}
        return Call(self._list.method, params)

    def _signal(self, before: Cursor, now: Cursor, changed: list[int], is_cut: bool) -> dict[str, Any]:
        return {
            "entity_type": self.entity_type,
            "since": before.watermark.isoformat(),
            "until": now.watermark.isoformat(),
            "count": len(changed),
            "ids": changed[: self._max_ids],
            "truncated": is_cut or len(changed) > self._max_ids,
        }


def _clock_of(pages: Sequence[Outcome], clock: PortalClock) -> tuple[PortalClock, bool]:
    """Return the portal's clock when it began to read the first of the pages, and whether it told."""
    try:
        told = [PortalClock.read(page.unwrap_reply().began, {}).now for page in pages]
    except UnexpectedResultError:
        return clock, False
    return replace(clock, now=min(told)), True


def _changes(page: Outcome) -> dict[int, str]:
    """Return when the items of a page changed, by id."""
    found: dict[int, str] = {}
    for row in rows_of(page.call, page.unwrap_reply(), "items"):
        number = number_of(row.get("id")) if isinstance(row, Mapping) else None
        if number is None:
            raise UnexpectedResultError("a row without an id", method=page.call.method)
        found[number] = str(row.get(_CHANGED) or "")
    return found


def _newest(rows: Mapping[int, str]) -> dict[int, str]:
    """Return as many changes as are remembered."""
    newest = sorted(rows.items(), key=lambda row: _moment(row[1]), reverse=True)
    return dict(newest[:_REMEMBERED])


def _unseen(rows: Mapping[int, str], cursor: Cursor) -> list[int]:
    """Return the ids of the items that changed since, the newest change first.

    Where more changed than is remembered, what is older than all of it counts as seen.
    """
    is_full = len(cursor.seen) >= _REMEMBERED
    oldest = min(map(_moment, cursor.seen.values())) if is_full else _moment("")
    return [
        number
        for number, changed in sorted(rows.items(), key=lambda row: _moment(row[1]), reverse=True)
        if cursor.seen.get(number) != changed and (number > cursor.highest or _moment(changed) >= oldest)
    ]


def _moment(text: str) -> datetime:
    """Return a date as the portal shows it; what is none is older than all."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _notes(window: Window) -> tuple[str, ...]:
    if window.bound:
        return window.notes
    cause = "dates cannot be filtered by" if window.beginning.trouble else "clock has gone back"
    return (f"The portal's {cause}, so the newest changes of all are looked through.",)
