"""Plans: a plan is a generator that does work on many things. It yields calls and receives their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply


class Work(NamedTuple):
    """Calls to be carried out, whose order does not matter.

    :param calls: the calls
    :param positions: the item of each call, where progress is kept of it; ``None`` for mere questions
    :param shared: whether the answers may be a little old, so that one of many who ask the same asks for all
    :param kept: returns what progress keeps of a call that went well, given its item's position; ``None``
        keeps nothing. Without it, the result is kept
    """

    calls: list[Call]
    positions: list[int] | None = None
    shared: bool = False
    kept: Callable[[int, Outcome], Any] | None = None


class Wait(NamedTuple):
    """Time that has to pass first.

    :param seconds: how long
    :param why: what for, in words
    """

    seconds: float
    why: str


T = TypeVar("T")

#: work on many items: a generator that yields what it wants done and receives the outcomes
Plan = Generator[Work | Wait, Any, T]


A = TypeVar("A")
B = TypeVar("B")


def both(first: Plan[A], second: Plan[B]) -> Plan[tuple[A, B]]:
    """Carry out two plans side by side: what they ask for at the same time travels together.

    :param first: a plan that only asks: it yields no waits, and keeps no progress
    :param second: another one
    """
    plans: tuple[Plan[Any], Plan[Any]] = (first, second)
    results: list[Any] = [None, None]
    answers: dict[int, list[Outcome] | None] = {0: None, 1: None}
    while answers:
        works: dict[int, Work] = {}
        for number, outcomes in answers.items():
            try:
                work = plans[number].send(outcomes)
            except StopIteration as stop:
                results[number] = stop.value
            else:
                assert isinstance(work, Work), "the plan only asks"  # noqa: S101
                works[number] = work
        calls = [call for work in works.values() for call in work.calls]
        left = iter((yield Work(calls)) if calls else [])
        answers = {number: [next(left) for _ in work.calls] for number, work in works.items()}
    return results[0], results[1]


def shared(plan: Plan[A]) -> Plan[A]:
    """Carry out a plan that only asks, whose answers may be a little old: see :class:`Work`.

    :param plan: the plan
    """
    answer: Any = None
    while True:
        try:
            step = plan.send(answer)
        except StopIteration as stop:
            result: A = stop.value
            return result
        answer = yield step._replace(shared=True) if isinstance(step, Work) else step


def carry_out_calls(
    calls: Sequence[Call], progress: Progress, refused: Mapping[int, Outcome] | None = None
) -> Plan[list[Outcome]]:
    """Carry out calls, each of them once in all tries, and return their outcomes in order.

    :param calls: the calls
    :param progress: what is known of them
    :param refused: outcomes of calls that are not to be sent, by position
    """
    progress.suspect(dict(enumerate(calls)))
    outcomes = dict(refused or {})
    outcomes |= {
        position: Outcome(calls[position], Reply(result)) for position, result in progress.known.items()
    }
    for position in progress.unclear:
        outcomes[position] = Outcome(calls[position], error=_left_open(calls[position]))
    missing = [position for position in range(len(calls)) if position not in outcomes]
    if missing:
        done = yield Work([calls[position] for position in missing], missing)
        outcomes.update(zip(missing, done, strict=True))
    return [outcomes[position] for position in range(len(calls))]


def _left_open(call: Call) -> AmbiguousWriteError:
    return AmbiguousWriteError(
        "an earlier try of this task ended while this call was under way, so it may have been carried out",
        method=call.method,
    )
