"""Says in the log for what a sensor waits, and what it saw last."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_bitrix24.hooks.logs import Logger

#: seconds after which what has not changed is said again
_REPEAT_SECONDS = 1800.0


class Reports:
    """Says what was seen: at the first look, after a change, and once in a while.

    :param log: where to say it
    :param goal: what is waited for, in words
    :param clock: seconds that never jump
    """

    def __init__(self, log: Logger, goal: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._goal = goal
        self._clock = clock
        self._missing = goal
        self._seen = ""
        self._said_at = 0.0

    def saw(self, seen: str, *, met: bool, missing: str = "") -> None:
        """Take what a look saw, and say it if that is due.

        :param seen: how things are
        :param met: whether that is what is waited for
        :param missing: which part of what is waited for is not there, in words; ``""`` for all of it
        """
        self._missing = missing or self._goal
        now = self._clock()
        if met:
            self._log.info("%s.", _capitalised(seen))
        elif seen != self._seen or now - self._said_at >= _REPEAT_SECONDS:
            self._log.info("%s, waiting for: %s.", _capitalised(seen), self._missing)
            self._said_at = now
        self._seen = seen

    def timed_out(self, seen: str = "", missing: str = "") -> None:
        """Say what was seen last, as the time is over.

        :param seen: how things are, if somebody has just looked
        :param missing: which part of what is waited for is not there then, in words
        """
        seen = seen or self._seen
        last = f"Last seen: {seen}." if seen else "No look succeeded."
        self._log.warning("Timed out while waiting for: %s. %s", missing or self._missing, last)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
