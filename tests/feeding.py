"""Plans carried out without a portal: each call is answered by a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.reply import Reply


def fed(plan: Plan[Any], answer: Callable[[Call], Any]) -> tuple[Any, list[list[Call]]]:
    """Return what a plan returns, and the calls that travelled together.

    :param plan: the plan
    :param answer: returns a call's reply, its result, or its error
    """
    works: list[list[Call]] = []
    try:
        work = next(plan)
        while True:
            works.append(work.calls)
            work = plan.send([_outcome(call, answer(call)) for call in work.calls])
    except StopIteration as stop:
        return stop.value, works


def _outcome(call: Call, answer: Any) -> Outcome:
    if isinstance(answer, Bitrix24Error):
        return Outcome(call, error=answer)
    return Outcome(call, answer if isinstance(answer, Reply) else Reply(answer))
