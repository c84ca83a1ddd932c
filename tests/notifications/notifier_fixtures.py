"""Notifiers called as Airflow calls them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest


def sync(notifier: Any, context: dict[str, Any]) -> None:
    """Call a notifier as a task's process does."""
    notifier(context)


def in_loop(notifier: Any, context: dict[str, Any]) -> None:
    """Await a notifier as the triggerer does."""

    async def run() -> None:
        notifier.context = context
        await notifier

    asyncio.run(run())


both_ways = pytest.mark.parametrize("call", [sync, in_loop])


def context_of(task_id: str = "load", **more: Any) -> dict[str, Any]:
    """Return what templates may name."""
    return {"ti": SimpleNamespace(dag_id="nightly", task_id=task_id), **more}


def texts(portal: Any) -> list[str]:
    """Return the texts of all notifications."""
    return [sent.text for sent in portal.notifications()]


def errors_in(output: str) -> list[str]:
    """Return the lines at ERROR of what was written."""
    return [line for line in output.splitlines() if "[error" in line]
