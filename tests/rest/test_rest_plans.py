"""Plans: calls that are made once in all tries, and plans that both clients carry out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cases import cases
from rest_drivers import AsyncDriver, SyncDriver, session_of, webhook_of

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.plans import Wait, Work, both, carry_out_calls
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply

ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})


def get(number: int) -> Call:
    return Call("crm.deal.get", {"id": number})


def carry_out(calls: list[Call], progress: Progress, *outcomes: Outcome) -> tuple[list[Work], list[Outcome]]:
    """Run the plan, whose work has these outcomes; return what it asked for and what it made of it."""
    plan = carry_out_calls(calls, progress)
    asked: list[Work] = []
    answer: Any = None
    while True:
        try:
            asked.append(plan.send(answer))
        except StopIteration as stop:
            return asked, stop.value
        answer = list(outcomes)


def test_calls_are_carried_out_under_their_positions():
    calls = [get(1), ADD]
    outcomes = [Outcome(calls[0], Reply({"ID": "1"})), Outcome(ADD, Reply(5))]
    assert carry_out(calls, Progress(), *outcomes) == ([Work(calls, [0, 1], shared=False)], outcomes)


def test_what_is_known_or_unclear_is_not_carried_out_again():
    calls = [get(1), ADD, get(2), ADD]
    progress = Progress({0: {"ID": "1"}}, {1: Span(1.0, 2.0)})
    done = [Outcome(calls[2], Reply({"ID": "2"})), Outcome(ADD, Reply(9))]
    asked, outcomes = carry_out(calls, progress, *done)
    assert asked == [Work([calls[2], calls[3]], [2, 3])]
    assert outcomes[0] == Outcome(calls[0], Reply({"ID": "1"}))
    assert outcomes[2:] == done
    assert outcomes[1].call == ADD
    assert type(outcomes[1].error) is e.AmbiguousWriteError
    assert outcomes[1].error.method == "crm.deal.add"
    assert outcomes[1].error.description.startswith(
        "an earlier try of this task ended while this call was under way"
    )


def test_what_an_earlier_try_may_have_sent_is_not_sent_again():
    progress = Progress(earlier_since=1.0)
    done = Outcome(get(1), Reply({"ID": "1"}))
    asked, outcomes = carry_out([ADD, get(1)], progress, done)
    assert asked == [Work([get(1)], [1])]
    assert [type(outcome.error) for outcome in outcomes] == [e.AmbiguousWriteError, type(None)]


@pytest.mark.parametrize(("calls", "known"), [([], {}), ([ADD], {0: 7})], ids=["nothing", "all-known"])
def test_where_nothing_is_left_nothing_is_asked_for(calls, known):
    asked, outcomes = carry_out(calls, Progress(known))
    assert asked == []
    assert [outcome.result for outcome in outcomes] == list(known.values())


# ---------------------------------------------------------------- plans that only ask


def run(driver: SyncDriver | AsyncDriver, plan: Any) -> Any:
    """Carry out a plan by either client."""
    if isinstance(driver, AsyncDriver):
        return driver.run(driver.client.carry_out(plan))
    return driver.client.carry_out(plan, Progress())


def test_a_plan_is_told_the_outcomes_of_what_it_asks(box, driver):
    number = driver.call("crm.deal.add", {"fields": {"TITLE": "x"}})
    titles = []

    def plan():
        found, missing = yield Work([get(number), get(number + 1)])
        titles.append(found.unwrap()["TITLE"])
        assert isinstance(missing.error, e.NotFoundError)
        [again] = yield Work([get(number)], shared=True)
        titles.append(again.unwrap()["TITLE"])
        assert (yield Work([])) == []
        return "done"

    assert run(driver, plan()) == "done"
    assert titles == ["x", "x"]
    assert [request.method for request in box.requests[1:]] == ["batch", "crm.deal.get"]


def test_a_plan_that_asks_for_nothing(driver):
    assert run(driver, carry_out_calls([], Progress())) == []


def test_an_error_of_a_plan_is_raised(driver):
    def plan():
        [outcome] = yield Work([Call("crm.no.such")])
        return outcome.unwrap()

    with pytest.raises(e.MethodNotFoundError):
        run(driver, plan())


def test_the_asynchronous_client_changes_nothing_that_has_to_be_waited_for(box):
    driver = AsyncDriver(session_of(webhook_of(box)))
    asked = []

    def plan():
        asked.append((yield Work([get(1)])))
        yield Wait(0.01, "a moment")
        asked.append((yield Work([ADD], [0])))

    try:
        with pytest.raises(TypeError, match="is carried out by the synchronous client"):
            run(driver, plan())
    finally:
        driver.close()
    assert len(asked) == 1
    assert len(box.requests) == 1


def test_a_plan_does_not_hold_up_the_loop(box):
    driver = AsyncDriver(session_of(webhook_of(box)))
    box.inject("delay", "crm.deal.get", seconds=0.2)

    def plan():
        return (yield Work([get(1)]))

    async def both() -> int:
        ticks = 0
        asking = asyncio.ensure_future(driver.client.carry_out(plan()))
        while not asking.done():
            await asyncio.sleep(0.01)
            ticks += 1
        await asking
        return ticks

    try:
        assert driver.run(both()) > 5
    finally:
        driver.close()


def _asking(*rounds):
    """Ask for some calls in each round, and return all answers."""
    answers = []
    for names in rounds:
        answers += yield Work([Call(name) for name in names])
    return answers


@cases(
    ("first", "second", "rounds"),
    [
        ([], [], []),
        ([["a"]], [], [["a"]]),
        ([["a"]], [["b", "c"]], [["a", "b", "c"]]),
        ([["a"], ["d"]], [["b", "c"]], [["a", "b", "c"], ["d"]]),
        ([["a"]], [["b"], ["c"], ["d"]], [["a", "b"], ["c"], ["d"]]),
    ],
)
def test_plans_side_by_side_ask_together_and_get_their_own_answers(first, second, rounds):
    plan, asked = both(_asking(*first), _asking(*second)), []
    try:
        work = next(plan)
        while True:
            asked.append([call.method for call in work.calls])
            work = plan.send([f"answer to {call.method}" for call in work.calls])
    except StopIteration as stop:
        found = stop.value
    assert asked == rounds
    told = ([f"answer to {name}" for names in wanted for name in names] for wanted in (first, second))
    assert found == tuple(told)
