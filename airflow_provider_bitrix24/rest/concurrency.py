"""How many requests of one job are under way at once: fewer while the portal is in trouble.

Portals answer bursts of parallel requests with 5xx when they are busy. Such an answer halves what may be
under way, once for all requests that were sent before it; every good answer brings a part of a request back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_bitrix24.rest.replies import Failure, Response

#: HTTP statuses from here on are the portal's trouble
_TROUBLE = 500


class Window:
    """The number of requests that may be under way.

    :param most: bound of it
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(most)
        #: how often trouble made it smaller
        self.shrinks = 0

    @property
    def size(self) -> int:
        """How many may be under way now."""
        return int(self._size)

    def answered(self, shrinks: int, answer: Response | Failure) -> None:
        """Account for an answer.

        :param shrinks: ``shrinks`` when the request was sent
        :param answer: what came
        """
        if isinstance(answer, Failure) or answer.status >= _TROUBLE:
            self.troubled(shrinks)
        else:
            self.eased()

    def eased(self) -> None:
        """Account for a good answer."""
        self._size = min(float(self._most), self._size + 1.0 / self._size)

    def troubled(self, shrinks: int) -> None:
        """Account for trouble met by a request that was sent when it was that small."""
        if shrinks == self.shrinks:
            self.shrinks += 1
            self._size = max(1.0, self._size / 2)


class Limiter:
    """Lets as many threads work at once as the window says.

    :param most: how many may at most
    """

    def __init__(self, most: int) -> None:
        self._window = Window(most)
        self._inside = 0
        self._changed = threading.Condition()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait for a place, and keep it while the block lasts."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside < self._window.size)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @property
    def shrinks(self) -> int:
        """How often trouble has made the window smaller."""
        return self._window.shrinks

    def answered(self, shrinks: int, answer: Response | Failure) -> None:
        """Account for an answer.

        :param shrinks: ``shrinks`` when the request was sent
        :param answer: what came
        """
        with self._changed:
            self._window.answered(shrinks, answer)
            self._changed.notify_all()


class Stops:
    """Events that make threads give up what they wait for: one for each job that can end by itself."""

    def __init__(self) -> None:
        self._events: set[threading.Event] = set()
        self._is_stopped = False

    @contextmanager
    def own(self) -> Iterator[threading.Event]:
        """Keep an event for the time of the block."""
        event = threading.Event()
        self._events.add(event)
        if self._is_stopped:
            event.set()
        try:
            yield event
        finally:
            self._events.discard(event)

    def set(self) -> None:
        """Set all events, those to come included."""
        self._is_stopped = True
        for event in tuple(self._events):
            event.set()
