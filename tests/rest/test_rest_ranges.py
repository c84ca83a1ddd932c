"""How a long list is cut into ranges: few requests, however its ids are spread."""

from __future__ import annotations

import random
from bisect import bisect_right
from math import ceil

from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as some

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.id_pager import IdPager
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.ranges import Range, Window, cut
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.surveying import survey

DEALS = "crm.deal.list"
ORDERS = cases("order", ["ASC", "DESC"])
PAGE = 50
#: rows of a request
FULL = 2500


class Spread:
    """Answers the calls of a survey; ``requests`` counts what reading the list takes, as far as it went."""

    def __init__(self, ids: set[int], order: str) -> None:
        self.order = order
        self.places = sorted(ids if order == "ASC" else (-number for number in ids))
        self.requests = 1

    def surveyed(self, full: int = FULL) -> list[Range]:
        """Take the first page, and return the ranges that the rest is cut into."""
        pager = pager_for(Call(DEALS, {"order": {"ID": self.order}}))
        assert isinstance(pager, IdPager)
        pager.next_call()
        pager.take(Reply(self._rows(self.places[:PAGE]), len(self.places), PAGE))
        look = survey(pager, full)
        answers: list[Outcome] | None = None
        try:
            while True:
                calls = next(look) if answers is None else look.send(answers)
                self.requests += ceil(len(calls) / 50)
                answers = [Outcome(call, self._reply(call)) for call in calls]
        except StopIteration as stop:
            return list(stop.value)

    def rows_in(self, part: Range) -> int:
        """Return how many rows a range really holds."""
        end = len(self.places) if part.until is None else bisect_right(self.places, part.until)
        return end - bisect_right(self.places, part.after)

    def _reply(self, call: Call) -> Reply:
        if call.params["order"]["ID"] != self.order:  # the last rows
            return Reply(self._rows(self.places[-PAGE:][::-1]))
        after, until = (int(bound) for bound in call.params["filter"].values())
        if self.order == "DESC":
            after, until = -after, -until
        first, end = bisect_right(self.places, after), bisect_right(self.places, until)
        return Reply(self._rows(self.places[first : min(end, first + PAGE)]), end - first)

    def _rows(self, places: list[int]) -> list[dict[str, str]]:
        return [{"ID": str(abs(place))} for place in places]


def spread_over(count: int, places: int, seed: int = 1) -> set[int]:
    return set(random.Random(seed).sample(range(1, places + 1), count))


def clusters(count: int, length: int) -> set[int]:
    starts = random.Random(1).sample(range(1, 100_000_000, length), count)
    return {start + number for start in starts for number in range(length)}


SPREADS: dict[str, tuple[set[int], int]] = {
    "one next to the other": (set(range(7, 100_007)), 42),
    "one in forty is gone": ({number for number in range(1, 102_565) if number % 40}, 44),
    "every third": (set(range(1, 300_001, 3)), 45),
    "half of them at random": (spread_over(100_000, 200_000), 46),
    "few of many": (spread_over(20_000, 50_000_000), 13),
    "wide holes": ({number for number in range(1, 400_001) if number // 20_000 % 4 == 0}, 48),
    "all at the end": ({*range(1, 5000, 50), *range(50_000_000, 50_099_900)}, 48),
    "all at the beginning": ({*range(1, 99_900), *range(900_000_000, 900_005_000, 50)}, 48),
    "many clusters": (clusters(200, 500), 68),
    "two clusters": (clusters(2, 50_000), 48),
}


@cases("name", SPREADS)
@ORDERS
def test_a_long_list_takes_few_requests_however_its_ids_are_spread(name, order):
    ids, most = SPREADS[name]
    spread = Spread(ids, order)
    ranges = spread.surveyed()
    held = [spread.rows_in(part) for part in ranges]
    assert sum(held) == len(ids) - PAGE
    assert spread.requests + sum(max(1, ceil(rows / FULL)) for rows in held) <= most


@ORDERS
def test_ranges_are_planned_to_hold_what_they_hold(order):
    """So their last pages are counted, and no page is asked for in vain."""
    spread = Spread(spread_over(100_000, 200_000), order)
    wrong = [part for part in spread.surveyed() if abs(spread.rows_in(part) - part.rows) > part.spare]
    assert len(wrong) <= 1


def test_ids_one_next_to_the_other_need_no_counting():
    spread = Spread(set(range(7, 100_007)), "ASC")
    assert {part.rows for part in spread.surveyed()[:-1]} == {FULL}
    assert spread.requests == 2


IDS = some.builds(
    lambda parts: set().union(*parts),
    some.lists(
        some.builds(
            lambda first, count, step: set(range(first, first + count * step, step)),
            some.integers(1, 100_000),
            some.integers(1, 900),
            some.sampled_from([1, 2, 7, 500]),
        ),
        min_size=1,
        max_size=6,
    ),
)


@given(IDS.filter(lambda ids: len(ids) > 2 * PAGE), some.sampled_from(["ASC", "DESC"]), some.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_every_row_is_in_one_range(ids, order, pages):
    spread = Spread(ids, order)
    ranges = spread.surveyed(pages * PAGE)
    assert ranges[0].after == spread.places[PAGE - 1]
    assert [part.until for part in ranges[:-1]] == [part.after for part in ranges[1:]]
    assert ranges[-1].until is None
    assert sum(map(spread.rows_in, ranges)) == len(ids) - PAGE
    assert all(0 <= part.spare <= 100 for part in ranges)


def test_what_is_new_belongs_to_the_last_range():
    assert cut([Window(0, 200, 200)], 100) == [Range(0, 100, 100), Range(100, None, 100)]


def test_an_empty_stretch_costs_nothing():
    windows = [Window(0, 100, 100), Window(100, 1000, 0, is_fine=True), Window(1000, 1050, 50)]
    assert cut(windows, 100) == [Range(0, 1000, 100), Range(1000, None, 50)]


def test_a_window_that_cannot_be_cut_is_a_range_of_its_own():
    windows = [Window(0, 50, 50), Window(50, 1050, 300), Window(1050, 1100, 50)]
    assert cut(windows, 100) == [Range(0, 50, 50), Range(50, 1050, 300), Range(1050, None, 50)]
