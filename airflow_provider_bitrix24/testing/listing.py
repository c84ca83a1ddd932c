"""Classic lists: filter, order and page, with the oddities of the API."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, overload

from . import dates, php
from .item_store import ItemStore, Row, stored_value
from .text_index import collated, few_with

if TYPE_CHECKING:
    from .fields import Field

PAGE = 50

# Longest first: "!=%" must not be read as "!=".
_OPERATORS = ("!=%", "!%=", "!=", "!@", "!%", ">=", "<=", "=%", "%=", "!", ">", "<", "@", "%", "=")
_CANONICAL = {"=": "", "!=": "!", "%=": "=%", "!%=": "!=%"}
_LIKE = frozenset({"%", "!%", "=%", "!=%"})
# Masks on these types are turned into equality.
_NO_LIKE = frozenset({"crm_status", "crm_company", "crm_contact"})
Condition = Callable[[Row], bool]


@dataclass
class Page:
    """One page of a list: ``total`` and ``next`` as the answer shows them (``None``: not at all)."""

    rows: list[Any]
    total: int | None = None
    next: int | None = None


def cut(rows: Sequence[Any], start: int | None, *, overrun_first: bool) -> Page:
    """Cut a page out of all rows.

    :param start: offset; it is rounded down to the beginning of a page
    :param overrun_first: whether a page beyond the last one is the first again, or empty
    """
    first = page_offset(start, len(rows), overrun_first=overrun_first)
    last = first + PAGE
    return Page(list(rows[first:last]), len(rows), last if last < len(rows) else None)


def page_offset(start: int | None, total: int, *, overrun_first: bool) -> int:
    """Return where the page begins."""
    first = max(0, start or 0) // PAGE * PAGE
    return 0 if overrun_first and first >= total else first


@dataclass
class _Window:
    """The range of ids that the filter leaves over, and single ids if it names them."""

    low: int = 0
    high: int = php.INT_MAX
    among: set[int] | None = None

    def narrow(self, operator: str, value: Any) -> bool:
        """Take a condition on the id into account; false if it has to be checked row by row."""
        if operator in ("", "@"):
            wanted = set(map(php.int_cast, php.values(value)))
            self.among = wanted if self.among is None else self.among & wanted
            return True
        number = php.int_cast(value)
        if operator == ">":
            self.low = max(self.low, number + 1)
        elif operator == ">=":
            self.low = max(self.low, number)
        elif operator == "<":
            self.high = min(self.high, number - 1)
        elif operator == "<=":
            self.high = min(self.high, number)
        else:
            return False
        return True

    def select(self, ids: list[int]) -> Sequence[int]:
        """Return the ids inside, ascending."""
        if self.among is not None:
            wanted = sorted(number for number in self.among if self.low <= number <= self.high)
            return [number for number in wanted if _holds(ids, number)]
        return _Span(ids, bisect_left(ids, self.low), bisect_right(ids, self.high))


@dataclass
class _Span(Sequence[int]):
    """A part of a list, without a copy of it."""

    whole: list[int]
    first: int
    last: int

    def __len__(self) -> int:
        return max(0, self.last - self.first)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        places = range(self.first, self.last)[place]
        if isinstance(places, int):
            return self.whole[places]
        return [self.whole[number] for number in places]

    def __iter__(self) -> Iterator[int]:
        return map(self.whole.__getitem__, range(self.first, self.last))

    def __reversed__(self) -> Iterator[int]:
        return map(self.whole.__getitem__, reversed(range(self.first, self.last)))


def _holds(ids: list[int], number: int) -> bool:
    place = bisect_left(ids, number)
    return place < len(ids) and ids[place] == number


@dataclass
class Query:
    """A compiled filter and order on one type of items.

    ``overrun_first``: whether a page beyond the last one is the first again, or empty. ``date_shift``:
    seconds by which bounds of dates and times are read too early, ``None`` where they are ignored.
    ``revision``: a number that is another one after each change of an item, where there is such a number.
    """

    store: ItemStore
    server_zone: tzinfo
    now: float
    window: _Window = field(default_factory=_Window)
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[Field, bool]] = field(default_factory=list)
    overrun_first: bool = True
    date_shift: float | None = 0.0
    revision: int | None = None

    def filter(self, conditions: Iterable[tuple[str, Any]]) -> Query:
        """Add conditions; keys that name no field are dropped, as the API does, and empty lists of values."""
        for key, value in conditions:
            operator, name = split_key(key)
            known = self.store.fields.get(name)
            if known is None or known.write_only or known.item_only:
                continue
            if operator in ("@", "!@") and php.is_array(value) and not value:
                continue
            self.where(known, operator, value)
        return self

    def where(self, known: Field, operator: str, value: Any) -> None:
        """Add a condition on a field."""
        if operator in ("", "@") and self.revision is not None and (texts := _texts(value)):
            few = few_with(self.store, known, texts, self.revision)
            if few is not None:
                self.window.narrow("@", list(few))
                return
        if known.name != "ID" or not self.window.narrow(operator, value):
            self.conditions.append(self.condition(known, operator, value))

    def sort(self, order: Iterable[tuple[str, Any]]) -> Query:
        """Add an order; unknown fields are ignored."""
        for name, direction in order:
            known = self.store.fields.get(name)
            if known is not None and not known.is_multi and not known.item_only:
                self.order_by(known, direction)
        return self

    def order_by(self, known: Field, direction: Any) -> None:
        """Add a field to the order."""
        self.order.append((known, php.text(direction).strip().upper() == "DESC"))

    def only(self, wanted: Callable[[int], bool]) -> Query:
        """Leave out the items whose numbers do not pass."""
        self.conditions.append(lambda row: wanted(int(row["ID"])))
        return self

    def page(self, start: int | None) -> Page:
        """Run the query; ``start=-1`` saves the counting and with it everything behind the page."""
        if start is not None and start < 0:
            return Page(list(self._first_rows()), total=0)
        if not self.conditions and self._by_id_only():
            return self._page_by_position(start)
        matching = self._sorted(list(self._matching()))
        return cut(matching, start, overrun_first=self.overrun_first)

    def everything(self) -> list[Row]:
        """Run the query without paging."""
        return self._sorted(list(self._matching()))

    def _page_by_position(self, start: int | None) -> Page:
        """Nothing to look at in the rows: cut the ids, then fetch the page."""
        ids = self.window.select(self.store.ids)
        if self._descending():
            first = page_offset(start, len(ids), overrun_first=self.overrun_first)
            stop = len(ids) - first
            chosen = list(ids[max(0, stop - PAGE) : stop])[::-1]
            following = first + PAGE
            page = Page(chosen, len(ids), following if following < len(ids) else None)
        else:
            page = cut(ids, start, overrun_first=self.overrun_first)
        page.rows = [self.store.rows[number] for number in page.rows]
        return page

    def _first_rows(self) -> Iterator[Row]:
        rows: Iterable[Row] = self._matching()
        if not self._by_id_only():
            rows = self._sorted(list(rows))
        for number, row in enumerate(rows):
            if number == PAGE:
                return
            yield row

    def _by_id_only(self) -> bool:
        return not self.order or self.order[0][0].name == "ID"

    def _descending(self) -> bool:
        return bool(self.order) and self.order[0][1]

    def _matching(self) -> Iterator[Row]:
        ids = self.window.select(self.store.ids)
        backwards = self._by_id_only() and self._descending()
        for number in reversed(ids) if backwards else ids:
            row = self.store.rows[number]
            if all(condition(row) for condition in self.conditions):
                yield row

    def _sorted(self, rows: list[Row]) -> list[Row]:
        if self._by_id_only():
            return rows
        for known, descending in reversed(self.order):
            comparable = _comparable(known)

            def key(row: Row, known: Field = known, comparable: _Cast = comparable) -> tuple[bool, Any]:
                value = comparable(stored_value(known, row))
                return value is not None, 0 if value is None else value

            rows.sort(key=key, reverse=descending)
        return rows

    # ------------------------------------------------------------ conditions

    def condition(self, known: Field, operator: str, value: Any) -> Condition:
        """Return what decides whether a row meets a condition."""
        if known.is_multi:
            return self._multi_condition(known, operator, value)
        if known.type == "datetime" and self.date_shift is None:
            return lambda row: True
        if operator in _LIKE and known.type in _NO_LIKE:
            operator = "!" if operator.startswith("!") else ""
        if known.multiple:
            return self._list_condition(known, operator, value)
        test = self._test(known, operator, value)
        if known.first_of is not None:
            return lambda row: test(stored_value(known, row))
        name, default = known.name, known.default
        return lambda row: test(row.get(name, default))

    def _list_condition(self, known: Field, operator: str, value: Any) -> Condition:
        """One of several values is enough; none of them may meet a condition that is denied."""
        test = self._test(known, operator.removeprefix("!"), value)
        negative = operator.startswith("!")
        return lambda row: any(map(test, stored_value(known, row) or [None])) is not negative

    def _multi_condition(self, known: Field, operator: str, value: Any) -> Condition:
        """Phones and the like are compared as a whole only."""
        wanted = {collated(php.text(item)) for item in php.values(value)}
        negative = operator.startswith("!")

        def condition(row: Row) -> bool:
            stored = {collated(entry["VALUE"]) for entry in row.get(known.name) or ()}
            return bool(stored & wanted) is not negative

        return condition

    def _test(self, known: Field, operator: str, value: Any) -> Callable[[Any], bool]:
        negative, positive = operator.startswith("!"), operator.removeprefix("!")
        if positive in ("%", "=%"):
            return _like(positive, php.text(value), negative)
        stored_of, wanted_of = _comparable(known), self._wanted(known)
        if positive in ("", "@"):
            wanted = {wanted_of(item) for item in php.values(value)}
            if any(item in ("", None, False) for item in php.values(value)):
                wanted |= {None, stored_of("")}
            return lambda stored: (stored_of(stored) in wanted) is not negative
        bound = wanted_of(value)
        compare = _COMPARISONS[positive]

        def test(stored: Any) -> bool:
            actual = stored_of(stored)
            return actual is not None and bound is not None and compare(actual, bound)

        return test

    def _wanted(self, known: Field) -> _Cast:
        """Return the cast for values of the filter: dates without an offset are in the server's zone."""
        if known.type not in ("date", "datetime"):
            return _comparable(known)

        shift = (self.date_shift or 0.0) if known.type == "datetime" else 0.0

        def moment(value: Any) -> float | None:
            parsed = dates.parse(php.text(value), self.server_zone, self.now)
            return parsed.timestamp() - shift if parsed else None

        return moment


def _texts(value: Any) -> list[str]:
    """Return the texts that a condition names; none where it also asks for rows without a text."""
    wanted = php.values(value)
    if any(item in ("", None, False) or php.is_array(item) for item in wanted):
        return []
    return list(map(php.text, wanted))


_Cast = Callable[[Any], Any]
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda actual, bound: actual > bound,
    ">=": lambda actual, bound: actual >= bound,
    "<": lambda actual, bound: actual < bound,
    "<=": lambda actual, bound: actual <= bound,
}


def split_key(key: str) -> tuple[str, str]:
    """Split a filter key into its operator (in one spelling) and the field's name."""
    for operator in _OPERATORS:
        if key.startswith(operator):
            return _CANONICAL.get(operator, operator), key[len(operator) :]
    return "", key


def _comparable(known: Field) -> _Cast:
    """Return the cast that makes stored values of a field comparable; ``None`` stays ``None``."""
    if known.is_integer:
        return lambda value: None if value is None else php.int_cast(value)
    if known.type == "double":
        return lambda value: None if value is None else php.float_cast(value)
    if known.type in ("date", "datetime"):
        return lambda value: datetime.fromisoformat(value).timestamp() if value else None
    return lambda value: None if value is None or php.is_array(value) else collated(php.text(value))


def _like(operator: str, mask: str, negative: bool) -> Callable[[Any], bool]:
    if operator == "%":
        needle = mask.casefold()
        return lambda stored: (needle in php.text(stored).casefold()) is not negative
    parts = (".*" if char == "%" else "." if char == "_" else re.escape(char) for char in mask)
    pattern = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    return lambda stored: (pattern.fullmatch(php.text(stored)) is not None) is not negative
