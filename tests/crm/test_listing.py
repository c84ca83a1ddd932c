"""Reading lists as a part of a plan, without a portal: it is fed outcomes."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.listing import read_list, read_pages
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import IncompleteListError, ServerError
from airflow_provider_bitrix24.rest.reply import Reply

_FILTER = {"filter": {"ENTITY_TYPE": "deal", "ENTITY_ID": 1}}


class Portal:
    """Shows so many comments, fifty a page.

    :param count: how many there are
    """

    def __init__(self, count):
        self.rows = [{"ID": str(number)} for number in range(1, count + 1)]
        self.rounds = []
        self.fails_at = None
        self.counts = True

    def run(self, method):
        plan = read_list(Call(method, _FILTER))
        try:
            work = next(plan)
            while True:
                assert work.positions is None
                self.rounds.append([call.params.get("start", 0) for call in work.calls])
                assert {call.method for call in work.calls} == {method}
                assert all(call.params["filter"] == _FILTER["filter"] for call in work.calls)
                work = plan.send([self.answer(call) for call in work.calls])
        except StopIteration as stop:
            return stop.value

    def answer(self, call):
        start = call.params.get("start", 0)
        if start == self.fails_at:
            return Outcome(call, error=ServerError("down"))
        following = start + 50 if start + 50 < len(self.rows) else None
        total = len(self.rows) if self.counts else None
        return Outcome(call, Reply(self.rows[start : start + 50], total, following))


@cases(
    ("count", "rounds"),
    [
        (0, [[0]]),
        (1, [[0]]),
        (49, [[0]]),
        (50, [[0]]),  # the portal counts comments, so a full page may be all
        (51, [[0], [50]]),
        (100, [[0], [50]]),
        (101, [[0], [50, 100]]),
        (151, [[0], [50, 100, 150]]),
    ],
)
def test_all_pages_after_the_first_are_asked_for_together(count, rounds):
    portal = Portal(count)
    assert portal.run("crm.timeline.comment.list") == portal.rows
    assert portal.rounds == rounds


def test_where_the_portal_does_not_count_pages_are_read_one_by_one():
    portal = Portal(120)
    portal.counts = False
    assert portal.run("crm.timeline.comment.list") == portal.rows
    assert portal.rounds == [[0], [50], [100]]


def test_a_list_with_ids_is_read_past_the_last_one():
    pages = [[{"ID": str(number)} for number in range(1, 51)], [{"ID": "51"}]]
    plan = read_list(Call("crm.deal.list"))
    [first] = next(plan).calls
    [second] = plan.send([Outcome(first, Reply(pages[0], 51, 50))]).calls
    assert second.params["filter"] == {">ID": 50}
    with pytest.raises(StopIteration) as stop:
        plan.send([Outcome(second, Reply(pages[1], 1))])
    assert stop.value.value == pages[0] + pages[1]


def test_a_list_with_ids_is_not_asked_for_by_pages():
    """Pages in the middle are not counted, which Bitrix24 is told by a start of -1."""
    rows = [{"ID": str(number)} for number in range(1, 121)]
    plan = read_list(Call("crm.deal.list"))
    work = next(plan)
    starts = []
    for first in (0, 50):
        [call] = work.calls
        starts.append(call.params.get("start"))
        work = plan.send([Outcome(call, Reply(rows[first : first + 50], 120 - first))])
    [call] = work.calls
    starts.append(call.params.get("start"))
    with pytest.raises(StopIteration) as stop:
        plan.send([Outcome(call, Reply(rows[100:], 20))])
    assert starts == [None, -1, None]
    assert stop.value.value == rows


@pytest.mark.parametrize("start", [0, 50, 100])
def test_a_page_that_fails_ends_it(start):
    portal = Portal(120)
    portal.fails_at = start
    with pytest.raises(ServerError, match="down"):
        portal.run("crm.timeline.comment.list")


def test_a_list_that_grows_shorter_is_not_complete():
    portal = Portal(120)
    answer = portal.answer

    def shrinking(call):
        outcome = answer(call)
        if call.params.get("start") == 100:
            return Outcome(call, Reply(outcome.result, 119))
        return outcome

    portal.answer = shrinking
    with pytest.raises(IncompleteListError, match="counted 120 rows and now 119"):
        portal.run("crm.timeline.comment.list")


# ---------------------------------------------------------------- several lists, as far as is needed


class Shelf:
    """Shows several lists, a page of one row each.

    :param lists: the rows of each list, by what its first page is asked for by
    """

    def __init__(self, **lists):
        self.lists = lists
        self.following = None
        self.fails = ()
        self.rounds = []
        self.taken = []

    def run(self, wants=lambda key, outcome: True):
        def take(key, outcome):
            self.taken.append((key, outcome.result if outcome.ok else type(outcome.error).__name__))
            return wants(key, outcome)

        first = {key: Call("list", {"filter": key, "start": 0}) for key in self.lists}
        plan = read_pages(first, take)
        try:
            work = next(plan)
            while True:
                assert (work.positions, work.shared) == (None, False)
                assert len(self.rounds) < 20, "it reads on for ever"
                self.rounds.append([(call.params["filter"], call.params["start"]) for call in work.calls])
                work = plan.send([self.answer(call) for call in work.calls])
        except StopIteration:
            return

    def answer(self, call):
        key, start = call.params["filter"], call.params["start"]
        if (key, start) in self.fails:
            return Outcome(call, error=ServerError("down"))
        rows = self.lists[key]
        following = start + 1 if start + 1 < len(rows) else None
        if self.following is not None:
            following = self.following.get(start)
        return Outcome(call, Reply(rows[start : start + 1], len(rows), following))


def test_lists_are_read_side_by_side_each_to_its_end():
    shelf = Shelf(a=[1, 2, 3], b=[], c=[4, 5])
    shelf.run()
    assert shelf.rounds == [[("a", 0), ("b", 0), ("c", 0)], [("a", 1), ("c", 1)], [("a", 2)]]
    assert shelf.taken == [("a", [1]), ("b", []), ("c", [4]), ("a", [2]), ("c", [5]), ("a", [3])]


def test_a_list_is_read_as_long_as_somebody_wants_to():
    shelf = Shelf(a=[1, 2, 3], b=[4, 5, 6])
    shelf.run(lambda key, outcome: outcome.result not in ([2], [4]))
    assert shelf.rounds == [[("a", 0), ("b", 0)], [("a", 1)]]


def test_a_page_that_fails_ends_its_own_list():
    shelf = Shelf(a=[1, 2, 3], b=[4, 5, 6])
    shelf.fails = [("a", 1)]
    shelf.run()
    assert shelf.rounds == [[("a", 0), ("b", 0)], [("a", 1), ("b", 1)], [("b", 2)]]
    assert ("a", "ServerError") in shelf.taken


def test_an_error_of_who_looks_at_a_page_ends_all():
    shelf = Shelf(a=[1, 2], b=[3, 4])
    shelf.fails = [("a", 0)]
    with pytest.raises(ServerError, match="down"):
        shelf.run(lambda key, outcome: outcome.unwrap())
    assert shelf.taken == [("a", "ServerError")]


@cases(
    ("following", "starts"),
    [({0: 0}, [0]), ({0: 1, 1: 1}, [0, 1]), ({0: 1, 1: 0}, [0, 1]), ({0: 2, 2: None}, [0, 2])],
)
def test_a_list_that_starts_over_is_not_followed(following, starts):
    shelf = Shelf(a=[1, 2, 3])
    shelf.following = following
    shelf.run()
    assert [start for [(_, start)] in shelf.rounds] == starts


def test_a_first_page_may_be_any():
    plan = read_pages({5: Call("list", {"filter": "a"})}, lambda key, outcome: True)
    [first] = next(plan).calls
    [second] = plan.send([Outcome(first, Reply([1], 60, 50))]).calls
    assert second == Call("list", {"filter": "a", "start": 50})


def test_no_lists_are_not_read():
    shelf = Shelf()
    shelf.run()
    assert shelf.rounds == []
