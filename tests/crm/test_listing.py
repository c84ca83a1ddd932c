"""Reading a whole list as a part of a plan, without a portal: it is fed outcomes."""

from __future__ import annotations

import pytest

from airflow_provider_bitrix24.crm.listing import read_list
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


@pytest.mark.parametrize(
    ("count", "rounds"),
    [
        (0, [[0]]),
        (1, [[0]]),
        (50, [[0]]),
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
