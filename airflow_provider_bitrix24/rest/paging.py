"""Reading whole lists: which page comes next, and whether what came is the list.

A pager says which call to make next and takes its reply. Lists with an id are read by id: every page asks
for rows past the last id seen, so rows that come or go meanwhile shift nothing. Other lists are read by
offset, following the portal's ``next``, because a page past the end shows the first page again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import (
    IncompleteListError,
    InvalidInputError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.replies import Reply

PAGE_SIZE = 50


class Pager(Protocol):
    """Reads one list, page by page."""

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""

    def take(self, reply: Reply) -> list[Any]:
        """Return the new rows of a page.

        :raises IncompleteListError: rows are missing or come twice
        """


@dataclass(frozen=True)
class Shape:
    """Where a list method keeps its rows and their ids.

    :param rows: key of the rows inside ``result``, ``""`` where it is the list itself
    :param row_id: key of the id in a row
    :param filter_id: name of the id in ``filter``, ``order`` and ``select``
    """

    rows: str = ""
    row_id: str = "ID"
    filter_id: str = "ID"


#: lists that can be read by id
_BY_ID: dict[str, Shape] = {
    "crm.item.list": Shape("items", "id", "id"),
    "crm.activity.list": Shape(),
    "crm.stagehistory.list": Shape("items"),
    "tasks.task.list": Shape("tasks", "id"),
    **{f"crm.{entity}.list": Shape() for entity in ("lead", "deal", "contact", "company", "quote")},
}
#: what tells rows apart in lists without an id
_IDENTITY = {"crm.timeline.bindings.list": ("OWNER_ID", "ENTITY_TYPE", "ENTITY_ID")}
#: lists whose order is undefined unless one is asked for
_NEEDS_ORDER = {"crm.timeline.comment.list": {"ID": "ASC"}}


def pager_for(call: Call) -> Pager:
    """Return the pager that reads the whole list of a call.

    :param call: a list method with filter, order and select, without ``start``
    :raises InvalidInputError: the call asks for a page in the middle
    """
    start = next((value for key, value in call.params.items() if key.lower() == "start"), 0)
    if str(start) not in ("0", "-1"):
        raise InvalidInputError(
            f"params.start: {start!r} asks for a page in the middle",
            remedy="Leave 'start' out: the whole list is read.",
        )
    query = _Query(call)
    shape = _BY_ID.get(call.method.lower())
    if shape is not None and query.readable_by_id(shape):
        return IdPager(query, shape)
    return OffsetPager(query)


class _Query:
    """The parameters of a list call, whose names the API accepts in any case."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.params = {key: value for key, value in call.params.items() if key.lower() != "start"}

    def get(self, name: str) -> Any:
        return next((value for key, value in self.params.items() if key.lower() == name), None)

    def with_params(self, **changes: Any) -> Call:
        """Return the call with some parameters replaced, under the names the caller used."""
        names = {key.lower(): key for key in self.params}
        replaced = {names.get(name, name): value for name, value in changes.items()}
        return Call(self.call.method, {**self.params, **replaced}, repeatable=self.call.repeatable)

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.get(name)
        return dict(value) if isinstance(value, Mapping) else {}

    def readable_by_id(self, shape: Shape) -> bool:
        """Tell whether the list may be read in the order of its ids, within the caller's filter."""
        others = [field for field in self.mapping("order") if field.upper() != shape.filter_id.upper()]
        return not others and "logic" not in self.mapping("filter")


class IdPager:
    """Reads a list in the order of its ids.

    The first page is counted by the portal. A later short page ends the list only if that many rows have
    come; otherwise one more page is asked for, and at last the rows are counted anew.
    """

    def __init__(self, query: _Query, shape: Shape) -> None:
        self._query = query
        self._shape = shape
        direction = next(iter(query.mapping("order").values()), "ASC")
        self._descending = str(direction).upper() == "DESC"
        self._last: int | None = None
        self._expected: int | None = None
        self._count = 0
        self._state = "first"
        self._select, self._hide_id = self._selected()

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""
        if self._state == "done":
            return None
        changes: dict[str, Any] = {"order": {self._shape.filter_id: "DESC" if self._descending else "ASC"}}
        if self._select is not None:
            changes["select"] = self._select
        if self._state == "reading":
            operator = "<" if self._descending else ">"
            past = {f"{operator}{self._shape.filter_id}": self._last}
            changes |= {"filter": {**self._query.mapping("filter"), **past}, "start": -1}
        return self._query.with_params(**changes)

    def take(self, reply: Reply) -> list[Any]:
        """Return the new rows of a page.

        :raises IncompleteListError: rows are missing or come twice
        """
        if self._state == "recount":
            self._check_recount(reply.total)
            return []
        rows = rows_of(self._query.call, reply, self._shape.rows)
        for row in rows:
            self._advance(row)
        self._count += len(rows)
        self._decide(rows, reply)
        if self._hide_id:
            return [{key: value for key, value in row.items() if key != self._shape.row_id} for row in rows]
        return rows

    def _decide(self, rows: list[Any], reply: Reply) -> None:
        if self._state == "first":
            self._expected = reply.total
        complete = self._expected is not None and self._count >= self._expected
        if complete and reply.next is None:
            self._state = "done"
        elif rows:
            self._state = "reading"
        else:
            self._state = "done" if complete or self._expected is None else "recount"

    def _advance(self, row: Any) -> None:
        row_id = self._id_of(row)
        if self._last is not None and (row_id >= self._last if self._descending else row_id <= self._last):
            raise IncompleteListError(
                f"id {row_id} came after {self._last}: the list repeats or its filter was dropped",
                method=self._query.call.method,
            )
        self._last = row_id

    def _id_of(self, row: Any) -> int:
        value = row.get(self._shape.row_id) if isinstance(row, dict) else None
        if isinstance(value, (int, str)) and str(value).isascii() and str(value).isdigit():
            return int(value)
        raise IncompleteListError(
            f"a row without {self._shape.row_id}, so the list cannot be read by it",
            method=self._query.call.method,
        )

    def _check_recount(self, total: int | None) -> None:
        if total is not None and total > self._count:
            raise IncompleteListError(
                f"the portal counts {total} rows but showed {self._count}", method=self._query.call.method
            )
        self._state = "done"

    def _selected(self) -> tuple[list[Any] | None, bool]:
        """Return what to select so that the id is there, and whether it has to be taken out again."""
        select = self._query.get("select")
        fields = list(select.values()) if isinstance(select, Mapping) else select
        if not isinstance(fields, list) or not fields:
            return None, False
        if any(str(name).upper() in ("*", self._shape.filter_id.upper()) for name in fields):
            return None, False
        return [self._shape.filter_id, *fields], True


class OffsetPager:
    """Reads a list page by page, following the portal's ``next``."""

    def __init__(self, query: _Query) -> None:
        self._query = query
        self._start: int | None = 0
        self._seen: set[str] = set()
        self._count = 0

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""
        if self._start is None:
            return None
        changes: dict[str, Any] = {}
        default_order = _NEEDS_ORDER.get(self._query.call.method.lower())
        if default_order and not self._query.mapping("order"):
            changes["order"] = default_order
        if self._start:
            changes["start"] = self._start
        return self._query.with_params(**changes)

    def take(self, reply: Reply) -> list[Any]:
        """Return the new rows of a page.

        :raises IncompleteListError: rows are missing or come twice
        """
        rows = rows_of(self._query.call, reply)
        for row in rows:
            self._notice(row)
        self._count += len(rows)
        self._turn(reply)
        return rows

    def _turn(self, reply: Reply) -> None:
        if reply.next is None:
            if reply.total is not None and reply.total > self._count:
                raise self._incomplete(f"the portal counts {reply.total} rows but showed {self._count}")
            self._start = None
        elif self._start is not None and reply.next <= self._start:
            raise self._incomplete(f"the next page starts at {reply.next}, which is not past {self._start}")
        else:
            self._start = reply.next

    def _notice(self, row: Any) -> None:
        identity = self._identity(row)
        if identity in self._seen:
            raise self._incomplete(f"a row came twice: {identity}")
        self._seen.add(identity)

    def _identity(self, row: Any) -> str:
        if not isinstance(row, dict):
            return json.dumps(row, ensure_ascii=False)
        known = _IDENTITY.get(self._query.call.method.lower())
        if known:
            return "/".join(str(row.get(name)) for name in known)
        row_id = row.get("ID", row.get("id"))
        return f"ID {row_id}" if row_id is not None else json.dumps(row, sort_keys=True, ensure_ascii=False)

    def _incomplete(self, problem: str) -> IncompleteListError:
        return IncompleteListError(
            f"{problem}; it changed while it was read, or the portal started over",
            method=self._query.call.method,
        )


def rows_of(call: Call, reply: Reply, key: str = "") -> list[Any]:
    """Return the rows of a list's reply.

    :param call: the call, for messages
    :param reply: its reply
    :param key: where the rows are inside ``result``; ``""`` takes the list itself or the only list in it
    :raises UnexpectedResultError: there are no rows in it
    """
    result = reply.result
    if isinstance(result, dict) and key in result:
        result = result[key]
    elif isinstance(result, dict) and not key:
        lists = [value for value in result.values() if isinstance(value, list)]
        result = lists[0] if len(lists) == 1 else None
    if isinstance(result, list):
        return result
    raise UnexpectedResultError("the answer holds no list of rows", method=call.method)
