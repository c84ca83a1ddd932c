"""What all operators share: one hook, errors with what to do about them, failed items in the log."""

from __future__ import annotations

import logging
from functools import cached_property

import pytest
from cases import cases
from operator_alone import Log, context_of, logging_to

from airflow_provider_bitrix24.hooks import errors
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators.base import OUTCOMES_KEY, Bitrix24Operator
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.operators.rest import Bitrix24BatchOperator, Bitrix24CallOperator
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor

GONE = 999_999
MISSING = {"method": "crm.deal.get", "params": {"id": GONE}}


def test_hook_is_one_object(portal):
    wait = {"record_id": 1, "entity_type": "deal", "entity_id": 1}
    for operator in (
        Bitrix24Operator(task_id="a"),
        Bitrix24CallOperator(task_id="b", method="x"),
        Bitrix24BatchOperator(task_id="c", calls=[], deferrable=True),
        TimelineBindingSensor(task_id="d", **wait),
    ):
        assert operator.hook is operator.hook
        assert operator.hook.get_conn() is operator.hook.get_conn()
        assert operator.hook.bitrix24_conn_id == "bitrix24_default"


def test_each_operator_has_a_hook_of_its_own():
    one, other = (Bitrix24CallOperator(task_id=name, method="x") for name in ("a", "b"))
    assert one.hook is not other.hook


def test_hook_is_made_when_the_connection_is_rendered():
    operator = Bitrix24CallOperator(task_id="a", method="x", bitrix24_conn_id="{{ params.conn }}")
    assert "hook" not in vars(operator)
    operator.bitrix24_conn_id = "mine"
    assert operator.hook.bitrix24_conn_id == "mine"


@cases(
    ("options", "seconds"),
    [
        ({}, None),
        ({"deferrable": True}, 60.0),
        ({"deferrable": True, "max_wait_in_worker": 5}, 5),
        ({"deferrable": False, "max_wait_in_worker": 5}, None),
    ],
    ids=["waits here", "defers", "defers soon", "does not defer"],
)
def test_how_long_the_hook_waits(options, seconds):
    operator = Bitrix24CallOperator(task_id="a", method="x", **options)
    other = Bitrix24Operator(task_id="b")
    assert operator.hook._policy.max_wait == (other.hook._policy.max_wait if seconds is None else seconds)
    assert operator.hook._policy.attempts == other.hook._policy.attempts


# ---------------------------------------------------------------- what to do


def raised(error, try_number=1, max_tries=0, operator=None):
    """Return what is raised, logged and pushed where the work of a task raises an error."""
    log, context = Log(), context_of(try_number, max_tries)
    operator = logging_to(log, operator or Bitrix24Operator(task_id="t"))
    with pytest.raises(errors.Bitrix24Error) as caught, operator.traced(context):
        raise error
    return caught.value, log.lines, context["ti"].pushed


@cases(
    ("error", "try_number", "max_tries", "level"),
    [
        (rest.RejectedError("Locked", remedy="Unlock it."), 1, 0, logging.ERROR),
        (rest.RejectedError("Locked", remedy="Unlock it."), 1, 2, logging.WARNING),
        (rest.RejectedError("Locked", remedy="Unlock it."), 2, 2, logging.WARNING),
        (rest.RejectedError("Locked", remedy="Unlock it."), 3, 2, logging.ERROR),
        (rest.NotFoundError("Gone", remedy="Unlock it."), 1, 2, logging.ERROR),
    ],
    ids=["only try", "first try", "second try", "last try", "no try helps"],
)
def test_remedy_is_logged_on_a_line_of_its_own(error, try_number, max_tries, level):
    caught, lines, pushed = raised(error, try_number, max_tries)
    assert lines == [(level, "What to do: Unlock it.")]
    assert pushed == {}
    assert type(caught).__name__ == type(error).__name__
    assert caught.fields() == error.fields()
    assert caught.__cause__ is None


def test_an_error_without_a_remedy_adds_no_line():
    assert raised(rest.RejectedError("Locked"))[1] == []


def test_general_advice_is_a_remedy():
    error = rest.AuthenticationError("invalid")
    assert raised(error)[1] == [(logging.ERROR, f"What to do: {rest.AuthenticationError.advice}")]


def test_a_context_without_a_task_is_of_an_only_try():
    log = Log()
    with pytest.raises(errors.RejectedError), logging_to(log, Bitrix24Operator(task_id="t")).traced({}):
        raise rest.RejectedError("Locked", remedy="Unlock it.")
    assert log.lines == [(logging.ERROR, "What to do: Unlock it.")]


def test_what_is_no_error_of_the_portal_is_left_alone():
    log = Log()
    operator = logging_to(log, Bitrix24Operator(task_id="t"))
    with pytest.raises(ZeroDivisionError), operator.traced(context_of()):
        raise ZeroDivisionError
    with operator.traced(context_of()):
        pass
    assert log.lines == []


@pytest.mark.parametrize(
    ("tries", "level"), [((1, 1), "warning"), ((2, 1), "error")], ids=["first try", "last try"]
)
def test_remedy_stands_in_the_log_of_a_task(portal, written, tries, level):
    """By Airflow's own logger, of a task whose portal is away."""
    portal.stop()
    operator = Bitrix24CallOperator(task_id="t", method="crm.deal.get")
    operator.hook = Bitrix24Hook(max_attempts=1)
    with pytest.raises(errors.PortalUnreachableError) as caught:
        operator.execute(context_of(*tries))
    [line] = [line for line in written().splitlines() if "What to do: " in line]
    assert f"[{level}" in line
    assert caught.value.remedy in line


# ---------------------------------------------------------------- failed items


def failed(count):
    """Return rows, of which some failed."""
    rows = [
        {"ID": number, "STATUS": "failed", "ERROR_DESCRIPTION": f"No {number}."} for number in range(count)
    ]
    return [{"ID": 99, "STATUS": "done"}, *rows]


def failing(rows, error=None):
    error = error or rest.RejectedError("some failed", remedy="Look.")
    error.outcomes = tuple(rows)
    return error


@cases("count", [1, 10, 11, 250])
@cases("tries", [(1, 0), (1, 1)], ids=["last try", "first try"])
def test_up_to_ten_failed_items_are_logged(count, tries):
    rows = failed(count)
    caught, lines, pushed = raised(failing(rows), *tries)
    shown = [f"Failed: No {number}." for number in range(min(count, 10))]
    more = [f"{count - 10} more failed, see XCom key 'outcomes'."] if count > 10 else []
    assert [line for _, line in lines] == [*shown, *more, "What to do: Look."]
    assert {level for level, _ in lines} == {logging.ERROR if tries == (1, 0) else logging.WARNING}
    assert pushed == {OUTCOMES_KEY: rows}
    assert caught.outcomes == tuple(rows)


def test_what_is_done_is_not_logged_as_failed():
    _, lines, pushed = raised(failing([{"STATUS": "done"}, "a text", None]))
    assert lines == [(logging.ERROR, "What to do: Look.")]
    assert pushed[OUTCOMES_KEY] == [{"STATUS": "done"}, "a text", None]


def failed_calls(rows):
    numbered = enumerate(rows[:10])
    return [f"Failed: calls[{n}] (id {row['ID']}): {row['ERROR_DESCRIPTION']}" for n, row in numbered]


def test_failed_items_of_a_task_that_succeeds_are_warnings(portal):
    log = Log()
    operator = Bitrix24BatchOperator(task_id="t", calls=[MISSING] * 12, fail_on="never")
    rows = logging_to(log, operator).execute(context_of())
    *shown, more, summary = log.lines
    assert shown == [(logging.WARNING, line) for line in failed_calls(rows)]
    assert more == (logging.WARNING, "2 more failed, see XCom key 'return_value'.")
    assert summary == (logging.INFO, "12 calls: 12 failed.")


def test_failed_items_of_a_task_that_fails(portal):
    log, context = Log(), context_of()
    operator = logging_to(log, Bitrix24BatchOperator(task_id="t", calls=[MISSING] * 12))
    with pytest.raises(errors.NotFoundError) as caught:
        operator.execute(context)
    rows = context["ti"].pushed["outcomes"]
    texts = [line for _, line in log.lines]
    assert texts[:10] == failed_calls(rows)
    assert texts[10] == "2 more failed, see XCom key 'outcomes'."
    assert texts[11:] == ([f"What to do: {caught.value.remedy}"] if caught.value.remedy else [])
    assert {level for level, _ in log.lines} == {logging.ERROR}


def test_a_hook_of_a_subclass_may_be_another_one():
    class Mine(DeferringOperator):
        @cached_property
        def hook(self):
            return "mine"

    assert Mine(task_id="t").hook == "mine"
