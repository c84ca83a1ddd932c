"""Reading whole lists: which page comes next, and whether what came is the list.

A pager says which call to make next and takes its reply. Lists with an id are read by id: every page asks
for rows past the last id seen, so rows that come or go meanwhile shift nothing. Other lists are read by
offset, following the portal's ``next``, because a page past the end shows the first page again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import (
    IncompleteListError,
    InvalidInputError,
    MorePagesError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.reply import Reply

PAGE_SIZE = 50
#: what names a page whose rows have no names
_PAGE = "page "


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
#: lists that go by ``offset`` or by ``start``, which not even the documentation and the product agree about
_BY_OFFSET = ("crm.timeline.logmessage.list",)


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
    return OffsetPager(query, shape)


def _name(key: str) -> str:
    """Return a parameter's name in the one spelling used here; classic lists know several."""
    name = key.lower()
    return name[2:] if name in ("arfilter", "arorder", "arselect") else name


class _Query:
    """The parameters of a list call, whose names the API accepts in any case."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.params = {key: value for key, value in call.params.items() if key.lower() != "start"}

    def get(self, name: str) -> Any:
        return next((value for key, value in self.params.items() if _name(key) == name), None)

    def with_params(self, **changes: Any) -> Call:
        """Return the call with some parameters replaced, under the names the caller used."""
        names = {_name(key): key for key in self.params}
        replaced = {names.get(name, name): value for name, value in changes.items()}
        return Call(self.call.method, {**self.params, **replaced}, repeatable=self.call.repeatable)

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.get(name)
        if isinstance(value, list):  # to PHP the same as a mapping by position
            return {str(position): item for position, item in enumerate(value)}
        return dict(value) if isinstance(value, Mapping) else {}

    def readable_by_id(self, shape: Shape) -> bool:
        """Tell whether the list may be read in the order of its ids, within the caller's filter."""
        if not isinstance(self.get("filter"), (Mapping, list, type(None))):
            return False  # whatever the portal makes of it, it is sent as it is
        others = [field for field in self.mapping("order") if field.upper() != shape.filter_id.upper()]
        return not others and not any(key.lower() == "logic" for key in self.mapping("filter"))

    def select_with_id(self, shape: Shape) -> list[Any] | None:
        """Return what to select so that rows have an id, ``None`` where they have anyway."""
        select = self.get("select")
        fields = list(select.values()) if isinstance(select, Mapping) else select
        if not isinstance(fields, list) or not fields:
            return None
        if any(str(name).upper() in ("*", shape.filter_id.upper()) for name in fields):
            return None
        return [shape.filter_id, *fields]


class IdPager:
    """Reads a list in the order of its ids.

    The portal counts the first page and the one expected to be the last, which proves that nothing follows,
    and no page between. Where fewer rows came than were counted at first, they are counted anew.
    """

    def __init__(self, query: _Query, shape: Shape) -> None:
        self._query = query
        self._shape = shape
        direction = next(iter(query.mapping("order").values()), "ASC")
        self._descending = str(direction).upper() == "DESC"
        self._select = query.select_with_id(shape)
        self._last: int | None = None
        self._expected: int | None = None
        self._planned: int | None = None
        self._count = 0
        self._state = "first"

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""
        if self._state == "done":
            return None
        if self._state == "reading":
            return self._page(self._last, counted=self._counted)
        return self._page(None, counted=True)

    def next_chain(self, longest: int, name: Callable[[int], str]) -> list[Call]:
        """Return calls for the next pages, each past the last row of the one before.

        None, where one page is expected to be enough.

        :param longest: most pages to ask for
        :param name: returns the name by which a later call refers to one
        """
        left = self.left
        if self._state != "reading" or left is None or left <= PAGE_SIZE:
            return []
        steps = [self._shape.rows, str(PAGE_SIZE - 1), self._shape.row_id]
        path = "".join(f"[{step}]" for step in steps if step)
        pages = min(longest, -(-left // PAGE_SIZE))
        return [
            self._page(
                f"$result[{name(page - 1)}]{path}" if page else self._last,
                counted=left - page * PAGE_SIZE <= PAGE_SIZE,
            )
            for page in range(pages)
        ]

    def take(self, reply: Reply) -> list[Any]:
        """Return the new rows of a page; where that is an error, the page is as if it had not been read.

        :raises IncompleteListError: rows are missing or come twice
        """
        if self._state == "recount":
            self._check_recount(reply.total)
            return []
        rows = rows_of(self._query.call, reply, self._shape.rows)
        self._advance(rows)
        counted = self._counted
        if counted and reply.total is not None and reply.total >= len(rows):
            # less than what came is no count
            self._planned = self._count + reply.total
            if self._state == "first":
                self._expected = reply.total
        at_end = not rows or (counted and self._ends(rows, reply))
        self._count += len(rows)
        if not at_end:
            self._state = "reading"
        else:
            self._state = "done" if self._count >= (self._expected or 0) else "recount"
        if self._select is None:
            return rows
        return [{key: value for key, value in row.items() if key != self._shape.row_id} for row in rows]

    def length_of(self, reply: Reply) -> int:
        """Return the number of rows of a page.

        :raises UnexpectedResultError: there are no rows in it
        """
        return len(rows_of(self._query.call, reply, self._shape.rows))

    def count_next(self) -> None:
        """Have the next page counted, because there may be fewer rows than were planned with."""
        self._planned = None if self._planned is None else self._count

    @property
    def left(self) -> int | None:
        """How many rows are still to come, as far as that is known."""
        return None if self._planned is None else self._planned - self._count

    @property
    def _counted(self) -> bool:
        """Whether the page to read now is counted: the first, and the one expected to be the last."""
        return self._state == "first" or (self.left is not None and self.left <= PAGE_SIZE)

    def _page(self, past: int | str | None, *, counted: bool) -> Call:
        """Return the call for the page past an id, the first one where there is none."""
        changes: dict[str, Any] = {"order": {self._shape.filter_id: "DESC" if self._descending else "ASC"}}
        if self._select is not None:
            changes["select"] = self._select
        if past is not None:
            condition = {f"{'<' if self._descending else '>'}{self._shape.filter_id}": past}
            changes["filter"] = {**self._query.mapping("filter"), **condition}
        if not counted:
            changes["start"] = -1
        return self._query.with_params(**changes)

    def _ends(self, rows: list[Any], reply: Reply) -> bool:
        """Tell whether a counted page shows all rows that it counts."""
        return reply.next is None and reply.total is not None and reply.total == len(rows)

    def _advance(self, rows: list[Any]) -> None:
        """Move on to the last of these rows, each of which has to be past the one before."""
        last = self._last
        for row in rows:
            row_id = self._id_of(row)
            if last is not None and (row_id >= last if self._descending else row_id <= last):
                raise IncompleteListError(
                    f"id {row_id} came after {last}: the list repeats or its filter was dropped",
                    method=self._query.call.method,
                )
            last = row_id
        self._last = last

    def _id_of(self, row: Any) -> int:
        number = number_of(row.get(self._shape.row_id)) if isinstance(row, dict) else None
        if number is not None:
            return number
        raise IncompleteListError(
            f"a row without {self._shape.row_id}, so the list cannot be read by it",
            method=self._query.call.method,
        )

    def _check_recount(self, total: int | None) -> None:
        if total is None or total > self._count:
            counted = f"{total} rows" if total is not None else f"{self._expected} rows, then none,"
            raise IncompleteListError(
                f"the portal counts {counted} but showed {self._count}", method=self._query.call.method
            )
        self._state = "done"


class OffsetPager:
    """Reads a list page by page, following the portal's ``next``."""

    def __init__(self, query: _Query, shape: Shape | None = None) -> None:
        self._query = query
        self._shape = shape
        self._select = query.select_with_id(shape) if shape is not None else None
        self._start: int | None = 0
        self._seen: set[str] = set()
        self._count = 0
        self._total: int | None = None
        self._unproven = False

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""
        if self._start is None:
            return None
        changes: dict[str, Any] = {}
        order = self._order()
        if order:
            changes["order"] = order
        if self._select is not None:
            changes["select"] = self._select
        if self._start:
            changes["start"] = self._start
            if self._query.call.method.lower() in _BY_OFFSET:
                changes["offset"] = self._start
        return self._query.with_params(**changes)

    def take(self, reply: Reply) -> list[Any]:
        """Return the new rows of a page.

        :raises IncompleteListError: rows are missing or come twice
        """
        rows = rows_of(self._query.call, reply, self._shape.rows if self._shape is not None else "")
        identities = self._identities(rows)
        if self._unproven and (not rows or self._seen.issuperset(identities)):
            self._end_unproven(rows)
            return []
        for identity in identities:
            self._notice(identity)
        self._count += len(rows)
        self._turn(rows, reply)
        if self._select is None or self._shape is None:
            return rows
        return [{key: value for key, value in row.items() if key != self._shape.row_id} for row in rows]

    def _order(self) -> dict[str, Any]:
        """Return the order to ask for: an undefined one, or one with equal rows, may differ between pages."""
        order = self._query.mapping("order")
        if self._shape is None:
            return order or _NEEDS_ORDER.get(self._query.call.method.lower(), {})
        if any(field.upper() == self._shape.filter_id.upper() for field in order):
            return order
        return {**order, self._shape.filter_id: "ASC"}

    def _turn(self, rows: list[Any], reply: Reply) -> None:
        if self._total is not None and reply.total is not None and reply.total < self._total:
            # What follows a row that is gone has moved up, and some of it to a page that was read already.
            raise self._incomplete(f"the portal counted {self._total} rows and now {reply.total}")
        self._total = reply.total
        self._unproven = False
        if reply.next is None and len(rows) == PAGE_SIZE and reply.total in (None, PAGE_SIZE):
            # Some methods tell neither where the next page starts nor how many rows there are, so a full page
            # proves nothing: what follows it does.
            self._unproven, self._start = True, self._count
        elif reply.next is None:
            if reply.total is not None and reply.total > self._count:
                raise self._incomplete(f"the portal counts {reply.total} rows but showed {self._count}")
            self._start = None
        elif not rows:
            raise self._incomplete(f"an empty page, though the next one starts at {reply.next}")
        elif self._start is not None and reply.next <= self._start:
            raise self._incomplete(f"the next page starts at {reply.next}, which is not past {self._start}")
        else:
            self._start = reply.next

    def _end_unproven(self, rows: list[Any]) -> None:
        """End the list: behind a full page that proved nothing comes nothing, or the portal starts over.

        :raises IncompleteListError: it starts over and never counted the rows, so it may not know ``start``
        """
        if rows and self._total is None:
            raise MorePagesError(
                f"the portal shows the same {len(rows)} rows again and does not say how many there are",
                method=self._query.call.method,
                remedy="The method may page in a way of its own: ask for each page with its own parameters, "
                "by Bitrix24CallOperator or hook.call().",
            )
        self._start = None

    def _identities(self, rows: list[Any]) -> list[str]:
        """Return what tells the rows apart; rows without names may be alike, but no two pages of them are."""
        named = [identity for row in rows if (identity := self._identity(row)) is not None]
        if len(named) == len(rows):
            return named
        page = hashlib.sha256(json.dumps(rows, sort_keys=True).encode(errors="surrogatepass"))
        return [f"{_PAGE}{page.hexdigest()}"]

    def _notice(self, identity: str) -> None:
        if identity in self._seen:
            is_page = identity.startswith(_PAGE)
            raise self._incomplete("a page came twice" if is_page else f"a row came twice: {identity[:80]}")
        self._seen.add(identity)

    def _identity(self, row: Any) -> str | None:
        """Return what tells a row apart, ``None`` where nothing does."""
        if not isinstance(row, dict):
            return None
        known = _IDENTITY.get(self._query.call.method.lower())
        if known:
            return "/".join(str(row.get(name)) for name in known)
        row_id = row.get("ID", row.get("id"))
        return f"ID {row_id}" if row_id is not None else None

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
