"""A trigger that waits for a limit to be lifted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

#: seconds; no limit of a portal blocks for longer, whatever the clock of the task's worker says
_LONGEST_WAIT = 600.0


class LimitTrigger(BaseTrigger):
    """Fires at a moment, when the portal's limit that a task met should be lifted, after ten minutes at most.

    :param until: Unix time, by the clock of the worker
    :param reason: what is waited for, for the log
    :param state: what the event takes back to the task, because ``airflow dags test`` drops the arguments of
        a deferral
    """

    def __init__(self, *, until: float, reason: str, state: dict[str, Any] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until = until
        self.reason = reason
        self.state = state or {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is built from again."""
        cls = type(self)
        arguments = {"until": self.until, "reason": self.reason, "state": self.state}
        return f"{cls.__module__}.{cls.__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the moment."""
        left = min(self.until - time.time(), _LONGEST_WAIT)
        if left > 0:
            self.log.info("%s Waiting %.0f s.", self.reason, left)
            await asyncio.sleep(left)
        yield TriggerEvent({"status": "over", "state": self.state})
