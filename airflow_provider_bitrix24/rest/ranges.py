"""Cuts a long list into ranges that fit one request each: arithmetic with counts.

A row's place is its id, or the negative id where the list goes down; so places always grow along a list.
Rows are counted in *windows*, stretches of places. Where they are spread evenly, a range may end inside a
window. Where they are not, they are counted in smaller windows, and ranges end where windows do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, sqrt

#: where so many places hold one row, on average, ranges are cut by places alone
_DENSE = 1.05
#: share of a request that a range is planned to fill, where it ends inside a window
_FILL = 0.96
#: by how many rows the plan for such a range may be wrong
_SPARE = 100
#: a window with so many times the rows of a request is counted in smaller ones, even or not
_TOO_FULL = 1.5
#: into how many windows the rows of a request are divided, where they are spread unevenly
_FINE = 5
#: how far a window's count may be from its neighbours', in square roots of it: further is no chance
_BY_CHANCE = 6.0
#: fewest windows that a list is counted in
_FEWEST = 20
#: windows counted at once where some were too full: a batch
_AT_ONCE = 50


@dataclass(frozen=True)
class Range:
    """A part of a list.

    :param after: the place before it
    :param until: its last place; ``None`` for the end of the list, wherever that is
    :param rows: how many rows it is expected to hold
    :param spare: by how many rows that may be wrong
    """

    after: int
    until: int | None
    rows: int
    spare: int = 0


@dataclass(frozen=True)
class Window:
    """A stretch of places, and how many rows there are in it.

    :param after: the place before it
    :param until: its last place
    :param rows: how many rows there are
    :param is_fine: whether it is small, so that ranges end where it does
    """

    after: int
    until: int
    rows: int
    is_fine: bool = False

    @property
    def span(self) -> int:
        """How many places there are."""
        return self.until - self.after

    @property
    def density(self) -> float:
        """How many rows there are for each place."""
        return self.rows / self.span

    @property
    def is_dense(self) -> bool:
        """Whether there is a row at nearly every place."""
        return self.span <= self.rows * _DENSE

    def is_too_full(self, full: int) -> bool:
        """Tell whether it holds more rows than a range should.

        :param full: rows of a request
        """
        return self.rows > full * (1 if self.is_fine else _TOO_FULL) and not self.is_dense

    def split(self, count: int, *, fine: bool) -> list[Window]:
        """Return about equal parts, whose rows are not counted yet."""
        count = min(count, self.span)
        ends = [self.after + self.span * number // count for number in range(count + 1)]
        return [Window(after, until, 0, fine) for after, until in pairwise(ends)]


def refined(windows: Sequence[Window], full: int) -> tuple[list[Window], list[Window]]:
    """Return the windows to keep, and those to count in place of the others.

    :param windows: all of the list, one next to the other
    :param full: rows of a request
    """
    if len(windows) == 1 and not windows[0].is_dense:
        return [], windows[0].split(max(_FEWEST, ceil(windows[0].rows / full)), fine=False)
    crowded = [window for window in windows if window.is_too_full(full)]
    needed = sum(ceil(window.rows / full) for window in crowded)
    kept, parts = [], []
    for position, window in enumerate(windows):
        if window.is_too_full(full):
            count = ceil(window.rows / full) * max(1, _AT_ONCE // needed)
            parts += window.split(count, fine=window.is_fine)
        elif _is_uneven(windows, position) and not window.is_fine and window.rows * _FINE > full:
            parts += window.split(ceil(window.rows * _FINE / full), fine=True)
        else:
            kept.append(window)
    return kept, parts


def _is_uneven(windows: Sequence[Window], position: int) -> bool:
    """Tell whether a window holds another number of rows than its neighbours, by more than chance."""
    window = windows[position]
    if window.is_dense:
        return False
    around = [*windows[max(0, position - 1) : position], *windows[position + 1 : position + 2]]
    expected = window.span * sum(other.density for other in around) / max(1, len(around))
    return abs(window.rows - expected) > _BY_CHANCE * sqrt(max(window.rows, expected))


def cut(windows: Sequence[Window], full: int) -> list[Range]:
    """Cut a list into ranges of about as many rows as a request carries.

    A window that is too full still becomes a range of its own, which takes as many requests as its rows need,
    wherever in it they are.

    :param windows: all of the list, one next to the other
    :param full: rows of a request
    """
    cutter = _Cutter(windows[0].after, full)
    for window in windows:
        if window.is_dense or not (window.is_fine or window.is_too_full(full)):
            cutter.share_out(window)
        else:
            cutter.pack(window)
    cutter.end()
    # What has come into being since the end was looked for belongs to the last one.
    cutter.ranges[-1] = replace(cutter.ranges[-1], until=None)
    return cutter.ranges


class _Cutter:
    """Makes ranges, each from where the one before ends."""

    def __init__(self, after: int, full: int) -> None:
        self.ranges: list[Range] = []
        self._full = full
        self._after = self._until = after
        self._rows = 0.0
        self._is_exact = True

    def share_out(self, window: Window) -> None:
        """Share an even window's rows out among ranges."""
        while self._until < window.until:
            # So many places hold no more rows than a request carries, however they are spread.
            safe = self._full - (self._until - self._after)
            room = self._full * _FILL - self._rows
            likely = int(room / window.density) if window.rows else window.span
            if (extent := max(safe, likely)) <= 0:
                self.end()
                continue
            end = min(window.until, self._until + extent)
            self._rows += (end - self._until) * window.density
            self._is_exact &= end == window.until
            self._until = end
            if end < window.until:
                self.end()
                self._is_exact = False

    def pack(self, window: Window) -> None:
        """Put all rows of a window into one range."""
        if self._rows + window.rows > self._full:
            self.end()
        self._until, self._rows = window.until, self._rows + window.rows

    def end(self) -> None:
        """Begin a new range."""
        span, rows = self._until - self._after, round(self._rows)
        if span:
            spare = 0 if self._is_exact else max(0, min(_SPARE, span - rows))
            self.ranges.append(Range(self._after, self._until, rows, spare))
        self._after, self._rows, self._is_exact = self._until, 0.0, True
