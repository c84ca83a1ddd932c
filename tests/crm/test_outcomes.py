"""What became of things, and the plan that does the same to each of many, without a portal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.outcomes import ItemOutcome, each, not_done
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import ServerError
from airflow_provider_bitrix24.rest.plans import Work
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply


@dataclass(frozen=True)
class Thing:
    """Something that is polished."""

    name: str

    def row(self) -> dict[str, Any]:
        return {"NAME": self.name}

    def call(self) -> Call:
        return Call("thing.polish", self.row())

    def judge(self, outcome: Outcome) -> ItemOutcome[Thing]:
        if outcome.error is not None:
            return ItemOutcome(self, "failed", outcome.error)
        return ItemOutcome(self, str(outcome.result))


A, B, C, D = map(Thing, "abcd")


# ---------------------------------------------------------------- as plain JSON


def test_what_went_well_has_no_error():
    assert ItemOutcome(A, "polished").to_json() == {"NAME": "a", "STATUS": "polished"}


@pytest.mark.parametrize(("code", "error"), [("X", "X"), ("", "ServerError")])
def test_an_error_is_told_by_code_or_class(code, error):
    row = ItemOutcome(A, "failed", ServerError("down", code=code, method="m"), "rows[3]").to_json()
    words = f"m: {code} down".replace(":  ", ": ")
    assert row == {"NAME": "a", "STATUS": "failed", "ERROR": error, "ERROR_DESCRIPTION": words}


# ---------------------------------------------------------------- what is left to do


@cases(
    ("things", "known", "left"),
    [
        ([], {}, []),
        ([A, B], {}, [A, B]),
        ([A, B, A, C, B], {}, [A, B, C]),
        ([A, B, A, C], {1: True}, [A, C]),
        ([A, A, B, C], {1: True}, [A, C]),
        ([A, B], {0: None, 1: False}, []),
    ],
    ids=["none", "all", "each once", "one is done", "places count each once", "whatever its result"],
)
def test_what_no_earlier_try_has_done(things, known, left):
    assert not_done(things, Progress(known)) == left


def test_what_an_earlier_try_may_have_done_is_left():
    progress = Progress()
    progress.sending({0: Call("thing.add")})
    assert progress.unclear
    assert not_done([A], progress) == [A]


# ---------------------------------------------------------------- the plan


def polish(things, progress=None, *, settled=None, answers=()):
    """Run the plan, and return the work it asked for and what became of each."""
    plan = each(things, progress or Progress(), Thing.call, Thing.judge, done="before", settled=settled)
    try:
        work = next(plan)
    except StopIteration as stop:
        return None, stop.value
    outcomes = [
        Outcome(call, error=answer) if isinstance(answer, ServerError) else Outcome(call, Reply(answer))
        for call, answer in zip(work.calls, answers, strict=True)
    ]
    with pytest.raises(StopIteration) as stop:
        plan.send(outcomes)
    return work, stop.value.value


def test_each_is_sent_once_and_reported_wherever_it_stands():
    down = ServerError("down")
    work, outcomes = polish([A, B, A, C, B], answers=["polished", down, "shiny"])
    assert work == Work([A.call(), B.call(), C.call()], [0, 1, 2])
    polished, failed = ItemOutcome(A, "polished"), ItemOutcome(B, "failed", down)
    assert outcomes == [polished, failed, polished, ItemOutcome(C, "shiny"), failed]


def test_what_an_earlier_try_did_is_done_whatever_it_answered():
    work, outcomes = polish([A, A, B, C], Progress({1: None}), answers=["polished", "polished"])
    assert work == Work([A.call(), C.call()], [0, 2])
    assert [outcome.status for outcome in outcomes] == ["polished", "polished", "before", "polished"]


def test_what_is_settled_is_not_sent():
    settled = {B: ItemOutcome(B, "clean"), D: ItemOutcome(D, "failed", ServerError("no"))}
    work, outcomes = polish([D, C, B, D], settled=settled, answers=["polished"])
    assert work == Work([C.call()], [1])
    assert outcomes == [settled[D], ItemOutcome(C, "polished"), settled[B], settled[D]]


def test_what_is_settled_goes_before_what_is_known():
    _, outcomes = polish([A], Progress({0: True}), settled={A: ItemOutcome(A, "clean")})
    assert [outcome.status for outcome in outcomes] == ["clean"]


@cases(
    ("things", "known", "settled", "statuses"),
    [
        ([], {}, {}, []),
        ([A, A], {0: True}, {}, ["before", "before"]),
        ([A], {}, {A: ItemOutcome(A, "clean")}, ["clean"]),
        ([A, B], {0: True}, {B: ItemOutcome(B, "clean")}, ["before", "clean"]),
    ],
    ids=["nothing", "all known", "all settled", "either"],
)
def test_where_nothing_is_left_nothing_is_sent(things, known, settled, statuses):
    work, outcomes = polish(things, Progress(known), settled=settled)
    assert work is None
    assert [outcome.status for outcome in outcomes] == statuses
