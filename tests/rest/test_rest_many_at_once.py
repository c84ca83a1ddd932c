"""Several requests of one job under way at once, and what becomes of the others when one is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rest_drivers import QUICK, session_of, webhook_of

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.exchange import Policy
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.plans import Wait, Work
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.wire import Wire

TIME, ADD = Call("server.time"), Call("crm.deal.add", {"fields": {"TITLE": "x"}})
UPDATE = "crm.deal.update"


def alone(number: int) -> Call:
    """Return a call that travels by itself: a batch would turn its ``None`` into text."""
    return Call(UPDATE, {"id": number, "fields": {"TITLE": str(number), "COMMENTS": None}})


class Stage(Progress):
    """Progress that sees who is at work, and keeps everyone a little so that all who may come are there.

    :param together: nobody is kept any more once so many are at work
    """

    def __init__(self, together: int) -> None:
        super().__init__()
        self._together = together
        self._full = threading.Event()
        self._state = threading.Lock()
        self._working: set[int] = set()
        #: how many were at work when each call began
        self.seen: list[int] = []
        #: what the call of this number meets instead of being sent
        self.meets: dict[int, Callable[[], None]] = {}

    def sending(self, calls: Any) -> None:
        with self._state:
            begins = not self._working.issuperset(calls)
            self._working.update(calls)
            if begins:
                self.seen.append(len(self._working))
            number = len(self.seen)
            if len(self._working) >= self._together:
                self._full.set()
        if begins:
            self._full.wait(0.3)
            self.meets.get(number, lambda: None)()

    def ended(self, outcomes: Any, kept: Any = None) -> None:
        with self._state:
            self._working.difference_update(outcomes)


def work_on(calls: list[Call], positions: list[int] | None = None) -> Any:
    return (yield Work(calls, positions or list(range(len(calls)))))


@pytest.fixture
def deals(box):
    for number in range(1, 21):
        box.add_item("deal", {"TITLE": f"old {number}"})
    return lambda count: [alone(number) for number in range(1, count + 1)]


@pytest.fixture
def new_client(box):
    clients = []

    def maker(policy: Policy = QUICK) -> Client:
        clients.append(Client(session_of(webhook_of(box), policy=policy), ProcessLedger(), Wire()))
        return clients[-1]

    yield maker
    for client in clients:
        client.close()


@pytest.mark.slow
@pytest.mark.parametrize(("count", "most"), [(3, 1), (2, 2), (6, 2), (7, 3), (1, 3)])
def test_as_many_as_may_be_are_under_way_and_not_one_more(box, deals, new_client, count, most):
    stage, calls = Stage(together=most + 1), deals(count)
    outcomes = new_client().carry_out(work_on(calls), stage, in_flight=most)
    assert [outcome.call for outcome in outcomes] == calls
    assert all(outcome.unwrap() for outcome in outcomes)
    assert max(stage.seen) == min(most, count)
    assert [box.items("deal")[n]["TITLE"] for n in range(1, count + 1)] == [
        str(n) for n in range(1, count + 1)
    ]


def test_unless_told_otherwise_calls_may_depend_on_those_before_them(deals, new_client):
    for carry_out in (
        lambda calls, stage: new_client().carry_out(work_on(calls), stage),
        lambda calls, stage: new_client().carry_out(work_on(calls), stage),
    ):
        stage = Stage(together=2)
        carry_out(deals(3), stage)
        assert stage.seen == [1, 1, 1]


def test_a_portal_in_trouble_has_fewer_under_way(box, deals, new_client):
    """Eight meet trouble three times each: one is left of them, and eight good answers bring it to four."""
    box.inject("status", UPDATE, status=502, times=24)
    stage, calls = Stage(together=8), deals(13)
    client = new_client(replace(QUICK, attempts=30))
    assert all(outcome.ok for outcome in client.carry_out(work_on(calls), stage, in_flight=8))
    assert max(stage.seen[:8]) == 8
    assert len(stage.seen) == 13
    assert max(stage.seen[8:]) <= 4


# ---------------------------------------------------------------- stopped


class Stopped(BaseException):
    """As a time-out of the task."""


def stop(*_: Any) -> None:
    raise Stopped


@pytest.fixture
def stopped_when():
    """Interrupt the test as Airflow interrupts a task: by a signal, in the main thread."""
    before = signal.signal(signal.SIGUSR1, stop)
    watchers, over = [], threading.Event()

    def watch(so_far: Callable[[], bool]) -> None:
        while not so_far():
            if over.wait(0.01):
                return
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    def begin(so_far: Callable[[], bool]) -> None:
        watchers.append(threading.Thread(target=watch, args=(so_far,), daemon=True))
        watchers[-1].start()

    yield begin
    over.set()
    for watcher in watchers:
        watcher.join()
    signal.signal(signal.SIGUSR1, before)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("bitrix24_")]


def test_a_task_that_is_stopped_sends_nothing_more(box, deals, new_client, stopped_when):
    client, calls = new_client(), deals(20)
    box.inject("delay", UPDATE, seconds=0.4, times=None)
    stopped_when(lambda: len(box.requests) == 2)
    with pytest.raises(Stopped):
        client.batch(calls, in_flight=2)
    assert threads() == [], "what was under way has ended"
    assert len(box.requests) == 2
    box.faults.clear()
    assert all(outcome.ok for outcome in client.batch(calls[:4], in_flight=2)), "it goes on afterwards"


def test_what_waits_for_another_attempt_is_not_sent_again(box, deals, new_client, stopped_when):
    box.inject("delay", UPDATE, seconds=0.4, times=None)  # the second goes out before the first meets trouble
    box.inject("status", UPDATE, status=502, times=None)
    stopped_when(lambda: [request.status for request in box.requests] == [502, 502])
    patient = Policy(attempts=4, first_pause=60.0, longest_pause=60.0)
    with pytest.raises(Stopped):
        new_client(patient).batch(deals(2), in_flight=2)
    assert len(box.requests) == 2


def test_what_goes_wrong_in_one_stops_the_others(box, deals, new_client):
    """As where what a try has come to cannot be kept: then nothing more may be done of which nobody knows."""
    stage, calls = Stage(together=2), deals(20)
    stage.meets[2] = stop
    box.inject("status", UPDATE, status=502, times=None)
    patient = Policy(attempts=4, first_pause=60.0, longest_pause=60.0)
    with pytest.raises(Stopped):
        new_client(patient).carry_out(work_on(calls), stage, in_flight=2)
    assert threads() == []
    assert len(box.requests) <= 1


# ---------------------------------------------------------------- progress


class Noting(Progress):
    """Progress that notes what it is told, and how many requests had come by then."""

    def __init__(self, box: Any) -> None:
        super().__init__()
        self._box = box
        self.notes: list[Any] = []

    def sending(self, calls: Any) -> None:
        self.notes.append(("sending", dict(calls), len(self._box.requests)))

    def ended(self, outcomes: Any, kept: Any = None) -> None:
        results = {position: outcome.result for position, outcome in outcomes.items()}
        self.notes.append(("ended", results, len(self._box.requests)))

    def flush(self) -> None:
        self.notes.append("flush")


def test_progress_is_told_before_and_after_every_request(box, deals, new_client):
    calls, progress = deals(2), Noting(box)
    box.inject("status", UPDATE, status=502)
    new_client().carry_out(work_on(calls, [4, 7]), progress)
    assert progress.notes == [
        ("sending", {4: calls[0]}, 0),
        ("sending", {4: calls[0]}, 1),
        ("ended", {4: True}, 2),
        ("sending", {7: calls[1]}, 2),
        ("ended", {7: True}, 3),
    ]


def test_a_plan_is_carried_out(box, new_client):
    answers: list[Any] = []

    def plan():
        answers.append([outcome.unwrap() for outcome in (yield Work([TIME, TIME]))])
        answers.append((yield Wait(0.01, "a moment")))
        answers.append([outcome.unwrap() for outcome in (yield Work([ADD], [3]))])
        return "done"

    progress = Noting(box)
    assert new_client().carry_out(plan(), progress) == "done"
    assert len(answers[0]) == 2
    assert answers[1:] == [None, [1]]
    assert progress.notes == [("sending", {3: ADD}, 1), ("ended", {3: 1}, 2)], "of questions nothing is noted"


def test_a_plan_waits_as_long_as_it_says(new_client):
    """A wait can be stopped, so it is one."""
    client = new_client()
    client._stopping.set()

    def plan():
        yield Wait(30.0, "the portal")

    progress = Noting(None)
    with pytest.raises(InterruptedError, match="the task is being stopped"):
        client.carry_out(plan(), progress)
    assert progress.notes == ["flush"]


def test_a_plan_has_as_many_under_way_as_it_may(deals, new_client):
    stage = Stage(together=4)
    outcomes = new_client().carry_out(work_on(deals(7)), stage, in_flight=3)
    assert all(outcome.ok for outcome in outcomes)
    assert max(stage.seen) == 3


def test_what_a_plan_has_come_to_is_written_when_it_fails(box, new_client):
    def plan():
        yield Work([ADD], [0])
        raise Stopped

    progress = Noting(box)
    with pytest.raises(Stopped):
        new_client().carry_out(plan(), progress)
    assert [note[0] for note in progress.notes[:2]] == ["sending", "ended"]
    assert progress.notes[2:] == ["flush"]
