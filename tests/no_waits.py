"""Waiting in no time: where a test knows that nothing happens meanwhile, a minute need not pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

#: seconds; shorter waits are slept as ever
_LONG = 3.0


@contextmanager
def no_long_waits() -> Iterator[list[float]]:
    """Skip the long waits of this process's threads while the block lasts, and yield how long they were.

    What is waited for is that the portal can no longer be carrying a request out. So this is only for tests
    whose portal is done with each request when its caller gives it up.
    """
    ordinary = threading.Event.wait
    skipped: list[float] = []

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if timeout is None or timeout < _LONG:
            return ordinary(event, timeout)
        skipped.append(timeout)
        return event.is_set()

    threading.Event.wait = wait
    try:
        yield skipped
    finally:
        threading.Event.wait = ordinary


@pytest.fixture
def long_waits_skipped() -> Iterator[list[float]]:
    """Skip the long waits of a test whose portal is done with each request when its caller gives it up."""
    with no_long_waits() as skipped:
        yield skipped
