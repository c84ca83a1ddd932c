"""Reads a list in the order of its ids: every page asks for rows past the last id seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import IncompleteListError, UnexpectedResultError
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE, ListQuery, Shape, rows_of
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.ranges import Range
from airflow_provider_bitrix24.rest.reply import Reply


class IdPager:
    """Reads a list in the order of its ids.

    The portal counts the first page and the one expected to be the last, which proves that nothing follows,
    and no page between. Where fewer rows came than were counted at first, they are counted anew. If there
    are more, some may be new: so the list is read on past the last id before the rest counts as missing.

    A range of the list is read alike, but for the beginning: nothing is known of it except how many rows it
    is expected to hold. So all pages that may be its last are counted.

    :param query: the list
    :param shape: where it keeps its rows and their ids
    :param part: the range to read; ``None`` is the whole list
    """

    def __init__(self, query: ListQuery, shape: Shape, part: Range | None = None) -> None:
        self._query = query
        self._shape = shape
        direction = next(iter(query.mapping("order").values()), "ASC")
        self._descending = str(direction).upper() == "DESC"
        self._select = query.select_with_id(shape)
        self._first: int | None = None
        self._last: int | None = None
        self._until: int | None = None
        self._expected: int | None = None
        self._planned: int | None = None
        #: by how many rows the plan may be wrong
        self._spare = 0
        self._count = 0
        #: how many rows had come when a recount found more
        self._recounted: int | None = None
        self._state = "first"
        if part is not None:
            self._state, self._planned, self._spare = "reading", part.rows, part.spare
            self._last = self._id_at(part.after)
            self._until = None if part.until is None else self._id_at(part.until)

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""
        if self._state == "done":
            return None
        if self._state == "reading":
            return self._page(self._last, counted=self._is_counted(self.left))
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
        pages = min(longest, -(-(left + self._spare) // PAGE_SIZE))
        return [
            self._page(
                f"$result[{name(page - 1)}]{path}" if page else self._last,
                counted=self._is_counted(left - page * PAGE_SIZE),
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
        counted = self._state == "first" or self._is_counted(self.left)
        self._advance(rows)
        if counted and reply.total is not None and reply.total >= len(rows):
            # less than what came is no count
            self._planned, self._spare = self._count + reply.total, 0
            if self._state == "first":
                self._expected = reply.total
        at_end = not rows or self._last == self._until or (counted and self._ends(rows, reply))
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
    def is_done(self) -> bool:
        """Whether the list is complete."""
        return self._state == "done"

    @property
    def count(self) -> int:
        """How many rows have come."""
        return self._count

    @property
    def first_place(self) -> int | None:
        """Where the first row stands."""
        return None if self._first is None else self._place_of(self._first)

    @property
    def place(self) -> int | None:
        """Where the last row stands; places grow in the order of the list, as ids need not."""
        return None if self._last is None else self._place_of(self._last)

    @property
    def left(self) -> int | None:
        """How many rows are still to come, as far as that is known."""
        return None if self._planned is None else self._planned - self._count

    # --- a long list in ranges ---

    @property
    def may_be_cut(self) -> bool:
        """Whether ranges of the list may be asked for: bounds of the caller's own have to be numbers."""
        filtered = self._query.mapping("filter")
        bounds = [f"{sign}{self._shape.filter_id}".upper() for sign in (">", "<", ">=", "<=")]
        own = [value for key, value in filtered.items() if key.upper() in bounds]
        return self._state == "reading" and all(number_of(value) is not None for value in own)

    def last_rows(self) -> Call:
        """Return the call for the list's last rows, in the opposite order."""
        call = self._page(self._last, counted=False)
        order = {self._shape.filter_id: "ASC" if self._descending else "DESC"}
        return ListQuery(call).with_params(order=order, select=[self._shape.filter_id], start=-1)

    def last_place(self, reply: Reply) -> int | None:
        """Return where the list's last row stands, ``None`` where none follows.

        :param reply: to :meth:`last_rows`
        :raises UnexpectedResultError: there are no rows in it
        """
        rows = rows_of(self._query.call, reply, self._shape.rows)
        return max((self._place_of(self._id_of(row)) for row in rows), default=None)

    def count_call(self, after: int, until: int) -> Call:
        """Return a call whose ``total`` is the number of rows in a range.

        :param after: the place before it
        :param until: its last place
        """
        call = self._page(self._id_at(after), counted=True, until=self._id_at(until))
        return ListQuery(call).with_params(select=[self._shape.filter_id])

    def part(self, part: Range) -> IdPager:
        """Return a pager for a range of the list."""
        return IdPager(self._query, self._shape, part)

    def skip(self, place: int, count: int) -> None:
        """Account for all rows that follow, which were read in ranges.

        :param place: where the last of them stands
        :param count: how many came
        """
        self._last = self._id_at(place)
        self._count += count
        self._state = "done" if self._count >= (self._expected or 0) else "recount"

    # --- helpers ---

    def _is_counted(self, left: int | None) -> bool:
        """Tell whether a page is counted: one that may be the last, as far as is known.

        :param left: how many rows are still to come, with it
        """
        return left is not None and left <= PAGE_SIZE + self._spare

    def _place_of(self, number: int) -> int:
        return -number if self._descending else number

    _id_at = _place_of

    def _page(self, past: int | str | None, *, counted: bool, until: int | None = None) -> Call:
        """Return the call for the page past an id, the first one where there is none."""
        changes: dict[str, Any] = {"order": {self._shape.filter_id: "DESC" if self._descending else "ASC"}}
        until = self._until if until is None else until
        past_sign, until_sign = ("<", ">=") if self._descending else (">", "<=")
        if self._select is not None:
            changes["select"] = self._select
        conditions = {
            f"{sign}{self._shape.filter_id}": bound
            for sign, bound in ((past_sign, past), (until_sign, until))
            if bound is not None
        }
        if conditions:
            changes["filter"] = {**self._query.mapping("filter"), **conditions}
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
                raise self._astray(f"id {row_id} came after {last}")
            last = row_id
        if (
            self._until is not None
            and last is not None
            and self._place_of(last) > self._place_of(self._until)
        ):
            raise self._astray(f"id {last} came where {self._until} was to be the last")
        if self._first is None and rows:
            self._first = self._id_of(rows[0])
        self._last = last

    def _astray(self, problem: str) -> IncompleteListError:
        return IncompleteListError(
            f"{problem}: the list repeats or its filter was dropped", method=self._query.call.method
        )

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
