"""Reads a list in the order of its ids: every page asks for rows past the last id seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import IncompleteListError, UnexpectedResultError
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE, ListQuery, Shape, rows_of
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.reply import Reply


class IdPager:
    """Reads a list in the order of its ids.

    The portal counts the first page and the one expected to be the last, which proves that nothing follows,
    and no page between. Where fewer rows came than were counted at first, they are counted anew. If there
    are more, some may be new: so the list is read on past the last id before the rest counts as missing.
    """

    def __init__(self, query: ListQuery, shape: Shape) -> None:
        self._query = query
        self._shape = shape
        direction = next(iter(query.mapping("order").values()), "ASC")
        self._descending = str(direction).upper() == "DESC"
        self._select = query.select_with_id(shape)
        self._first: int | None = None
        self._last: int | None = None
        self._expected: int | None = None
        self._planned: int | None = None
        self._count = 0
        #: how many rows had come when a recount found more
        self._recounted: int | None = None
        self._state = "first"

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""
        if self._state == "done":
            return None
        if self._state == "reading":
            return self._page(self._last, counted=self._counted)
        # A recount leaves out the rows that have come into being before the first one.
        above = self._first + 1 if self._descending and self._first is not None else None
        return self._page(above, counted=True)

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
        :raises UnexpectedResultError: there are no rows in it, or rows without an id
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
        if self._first is None and rows:
            self._first = self._id_of(rows[0])
        self._last = last

    def _id_of(self, row: Any) -> int:
        number = number_of(row.get(self._shape.row_id)) if isinstance(row, dict) else None
        if number is not None:
            return number
        raise UnexpectedResultError(
            f"a row without {self._shape.row_id}, so the list cannot be read by it",
            method=self._query.call.method,
            remedy=self._query.call.facts.remedy,
        )

    def _check_recount(self, total: int | None) -> None:
        if total is not None and total <= self._count:
            self._state = "done"
        elif total is None or self._recounted == self._count:
            counted = f"{total} rows" if total is not None else f"{self._expected} rows, then none,"
            raise IncompleteListError(
                f"the portal counts {counted} but showed {self._count}", method=self._query.call.method
            )
        else:
            self._state, self._recounted = "reading", self._count
            self._expected, self._planned = total, self._count
