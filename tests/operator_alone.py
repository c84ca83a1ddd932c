"""Operators executed on their own: without a DAG, in a context like a task's."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

STARTED = datetime.now(UTC)
GONE = 999_999


@dataclass
class FakeTask:
    """What an operator sees of the task that runs it, and what it pushed."""

    try_number: int = 1
    max_tries: int = 0
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep what is pushed."""
        self.pushed[key] = value


def context_of(try_number: int = 1, max_tries: int = 0, **more: Any) -> dict[str, Any]:
    """Return a task's context."""
    return {"ti": FakeTask(try_number, max_tries), "dag_run": SimpleNamespace(start_date=STARTED), **more}


def quick(cls: Any, **arguments: Any) -> Any:
    """Return an operator whose portal is known to cut requests off at once: no look-up has to wait."""

    class Quick(cls):
        @cached_property
        def hook(self):
            return Bitrix24Hook(self.bitrix24_conn_id, request_cut=0.0)

    return Quick(task_id="t", **arguments)


def given_late(cls: Any, task_id: str, **arguments: Any) -> Any:
    """Return an operator that sees its arguments when it runs only, as if they came by template."""
    late = {name: value for name, value in arguments.items() if name in cls.template_fields}
    operator = cls(task_id=task_id, **{**arguments, **dict.fromkeys(late, "{{ late }}")})
    for name, value in late.items():
        setattr(operator, name, value)
    return operator


class Store(dict):
    """A task state store."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self[key] = value

    def delete(self, key: str) -> None:
        """Forget a value."""
        self.pop(key, None)


class Log:
    """Stands for an operator's logger, and keeps what is logged: the level and the line."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def log(self, level: int, message: str, *args: Any) -> None:
        """Keep a line."""
        self.lines.append((level, message % args if args else message))

    def debug(self, message: str, *args: Any) -> None:
        """Keep nothing of what nobody reads."""

    def info(self, message: str, *args: Any) -> None:
        """Keep a line."""
        self.log(logging.INFO, message, *args)

    def warning(self, message: str, *args: Any) -> None:
        """Keep a line, unless Airflow says that the operator is executed on its own."""
        if "outside of the Task Runner" not in message:
            self.log(logging.WARNING, message, *args)


def logging_to(log: Log, operator: Any) -> Any:
    """Return an operator that logs to a log of ours."""
    operator._cached_logger = log
    return operator


def run(cls: Any, context: Any = None, **arguments: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Execute an operator, and return it, its result and what it pushed."""
    context = context or context_of()
    operator = cls(task_id="t", **arguments)
    result = operator.execute(context)
    return operator, result, context["ti"].pushed


def fails(cls: Any, error: Any, context: Any = None, **arguments: Any) -> tuple[Any, dict[str, Any]]:
    """Execute an operator that has to fail, and return the error and what was pushed."""
    context = context or context_of()
    with pytest.raises(error) as caught:
        cls(task_id="t", **arguments).execute(context)
    return caught.value, context["ti"].pushed


def row(record: int, kind: str, item: int, status: str) -> dict[str, Any]:
    """Return what an operator returns for a binding."""
    return {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": item, "STATUS": status}


def card(portal: Any, kind: str, number: int) -> str:
    """Return the address of an item's card."""
    return f"{portal.url}/crm/{kind}/details/{number}/"
