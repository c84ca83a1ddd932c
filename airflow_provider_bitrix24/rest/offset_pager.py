"""Reads a list page by page, following the portal's ``next``.

A page past the end shows the first page again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import IncompleteListError, MorePagesError
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE, ListQuery, Shape, may_go_on, rows_of
from airflow_provider_bitrix24.rest.reply import Reply

#: what names a page whose rows have no names
_PAGE = "page "
_WITHOUT_ORDER = (
    "Leave 'order' out: then the list is read in the order of its ids, which other people's changes do not "
    "disturb. Or read it again."
)
#: what tells rows apart in lists without an id
_IDENTITY = {"crm.timeline.bindings.list": ("OWNER_ID", "ENTITY_TYPE", "ENTITY_ID")}
#: lists whose order is undefined unless one is asked for
_NEEDS_ORDER = {"crm.timeline.comment.list": {"ID": "ASC"}}
#: lists that go by ``offset`` or by ``start``, which not even the documentation and the product agree about
_BY_OFFSET = ("crm.timeline.logmessage.list",)


class OffsetPager:
    """Reads a list page by page, following the portal's ``next``."""

    def __init__(self, query: ListQuery, shape: Shape | None = None) -> None:
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
        counted = None if self._unproven else self._total  # else it may be the length of a page
        if counted is not None and reply.total is not None and reply.total < counted:
            # What follows a row that is gone has moved up, and some of it to a page that was read already.
            raise self._incomplete(f"the portal counted {counted} rows and now {reply.total}")
        self._total = reply.total
        self._unproven = False
        if len(rows) == PAGE_SIZE and may_go_on(self._query.call, reply):
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
            remedy=_WITHOUT_ORDER if self._shape is not None and self._query.mapping("order") else "",
        )
