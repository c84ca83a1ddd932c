"""Whether items exist, asked of a portal that is fed its answers."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.existence import check_items, missing_items
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidParameterError,
    MethodNotFoundError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

GONE = NotFoundError("Not found", code="NOT_FOUND")


class Portal:
    """Knows which items are there, and which of them the user may not read.

    :param there: numbers of the items of every type
    :param hidden: those that the user may not read
    :param errors: what is answered instead, by method
    """

    def __init__(self, there: Any, hidden: Any = (), **errors: Any) -> None:
        self.there, self.hidden = set(there), set(hidden)
        self.errors = errors
        self.works: list[list[Call]] = []

    def check(self, **items):
        return self.run(items, check_items)

    def run(self, items, plan_of=missing_items):
        plan = plan_of(items)
        try:
            work = next(plan)
            while True:
                self.works.append(work.calls)
                work = plan.send([self._outcome(call) for call in work.calls])
        except StopIteration as stop:
            return stop.value

    def _outcome(self, call):
        error = self.errors.get(call.method.rpartition(".")[2])
        if error is not None:
            return Outcome(call, error=error)
        if call.method == "crm.item.list":
            assert call.params["select"] == ["id"]
            assert call.params["start"] == -1
            assert len(call.params["filter"]["@id"]) <= 50
            rows = [{"id": n} for n in call.params["filter"]["@id"] if n in self.there - self.hidden]
            return Outcome(call, Reply({"items": rows}))
        number = call.params["id"]
        if number in self.hidden:
            return Outcome(call, error=AccessDeniedError("no"))
        if number not in self.there:
            return Outcome(call, error=GONE)
        return Outcome(call, Reply({"item": {"id": number}}))


def deals(*numbers):
    return [CrmItem("deal", number) for number in numbers]


def test_thousand_items_are_asked_for_in_twenty_calls_of_one_request():
    portal = Portal(range(1, 1001))
    assert portal.run(deals(*range(1, 1001)) * 2) == {}
    assert [len(calls) for calls in portal.works] == [20]


def test_items_that_no_list_shows_are_asked_for_one_by_one():
    portal = Portal(range(1, 101), hidden=[7])
    missing = portal.run([*deals(1, 7, 300), CrmItem("dynamic_1042", 300), CrmItem("lead", 5)])
    assert set(missing) == {*deals(300), CrmItem("dynamic_1042", 300)}
    assert [len(calls) for calls in portal.works] == [3, 3]
    error = missing[CrmItem("deal", 300)]
    assert isinstance(error, NotFoundError)
    assert (error.description, error.code, error.remedy) == (
        "deal 300 does not exist",
        "NOT_FOUND",
        "Check its type and id.",
    )


def test_one_item_is_one_call():
    portal = Portal([1])
    assert portal.run(deals(1)) == {}
    assert [[call.method for call in calls] for calls in portal.works] == [["crm.item.get"]]


def test_types_that_nobody_can_ask_for_count_as_existing():
    portal = Portal([])
    assert portal.run([CrmItem("order", 1), CrmItem("activity", 2), CrmItem("invoice", 3)]) == {}
    assert portal.run([]) == {}
    assert portal.works == []


@pytest.mark.parametrize("error", [AccessDeniedError("no"), MethodNotFoundError("no")])
def test_who_may_not_ask_is_told_by_what_follows(error):
    assert Portal([], list=error, get=error).run(deals(1, 2)) == {}


def test_item_of_which_it_cannot_be_told_now_has_the_error():
    trouble = ServerError("busy")
    assert Portal([1, 2], list=trouble, get=trouble).run(deals(1, 2)) == dict.fromkeys(deals(1, 2), trouble)


@cases("answer", [None, [], {"items": None}, {"items": [None, {}, {"id": "x"}]}])
def test_list_that_tells_nothing_leads_to_single_questions(answer):
    plan = missing_items(deals(1, 2))
    work = next(plan)
    work = plan.send([Outcome(call, Reply(answer)) for call in work.calls])
    assert [call.params["id"] for call in work.calls] == [1, 2]


@pytest.mark.parametrize("error", [ServerError("busy"), AccessDeniedError("no")], ids=["outage", "no rights"])
def test_items_of_a_list_that_failed_are_not_asked_for_one_by_one(error):
    portal = Portal([], list=error)
    missing = portal.run(deals(*range(1, 51)))
    assert missing == (
        {} if isinstance(error, AccessDeniedError) else dict.fromkeys(deals(*range(1, 51)), error)
    )
    assert [len(calls) for calls in portal.works] == [1]


def test_a_list_that_failed_leaves_the_others_as_they_are():
    plan = missing_items([*deals(1, 2), CrmItem("lead", 3)])
    work = next(plan)
    failed = ServerError("busy")
    work = plan.send(
        [
            Outcome(call, error=failed)
            if call.params["entityTypeId"] == 2
            else Outcome(call, Reply({"items": []}))
            for call in work.calls
        ]
    )
    assert [(call.method, call.params["id"]) for call in work.calls] == [("crm.item.get", 3)]
    with pytest.raises(StopIteration) as stopped:
        plan.send([Outcome(call, error=GONE) for call in work.calls])
    missing = stopped.value.value
    assert [missing[item] for item in deals(1, 2)] == [failed, failed]
    assert isinstance(missing[CrmItem("lead", 3)], NotFoundError)


# ---------------------------------------------------------------- the first that does not exist is an error

DEAL, LEAD, ORDER = CrmItem("deal", 10), CrmItem("lead", 11), CrmItem("order", 12)


def test_items_that_exist_pass():
    portal = Portal([10, 11], hidden=[11])
    assert portal.check(source=DEAL, target=LEAD) is None
    assert portal.check(item=ORDER) is None
    assert portal.check() is None
    assert [len(calls) for calls in portal.works] == [2, 1]


@pytest.mark.parametrize(
    ("there", "place"), [([11], "source: deal 10"), ([10], "target: lead 11"), ([], "source: deal 10")]
)
def test_an_item_that_does_not_exist_is_named_with_its_place(there, place):
    with pytest.raises(NotFoundError) as raised:
        Portal(there).check(source=DEAL, target=LEAD)
    assert str(raised.value) == f"crm.item.get: NOT_FOUND {place} does not exist. Check its type and id."
    assert (raised.value.code, raised.value.method) == ("NOT_FOUND", "crm.item.get")


@pytest.mark.parametrize("error", [AccessDeniedError, InvalidParameterError, MethodNotFoundError])
def test_one_who_may_not_ask_is_told_nothing(error):
    assert Portal([], get=error("no")).check(target=DEAL) is None


def test_an_error_that_leaves_it_open_is_raised():
    with pytest.raises(ServerError, match="busy"):
        Portal([], get=ServerError("busy")).check(target=DEAL)


def test_another_item_than_the_one_asked_for_is_an_error():
    plan = check_items({"target": DEAL})
    [call] = next(plan).calls
    with pytest.raises(UnexpectedResultError, match="asked for deal 10, the portal answered another or none"):
        plan.send([Outcome(call, Reply({"item": {"id": 11}}))])
