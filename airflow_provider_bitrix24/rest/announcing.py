"""Log lines: why a call waits, once a minute how long it still waits, and how far long work has come."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pendulum

from airflow_provider_bitrix24.rest.steps import Pause

log = logging.getLogger(__name__)

_MINUTE = 60.0
#: seconds between two words on how far work has come
_OFTEN = 30.0
#: the moves that were logged; every hook that reads the connection again makes them again
_moves: set[tuple[str, str]] = set()


def announced(log: logging.Logger, pause: Pause) -> Iterator[float]:
    """Log a wait, and yield the seconds to sleep until there is something to say again.

    The short waits of an ordinary pace are logged at DEBUG only.

    :param log: the transport's logger
    :param pause: the wait
    """
    until = pendulum.now("UTC").add(seconds=pause.seconds)
    level = logging.INFO if pause.notable else logging.DEBUG
    log.log(level, "%s; waiting %.1f s, until %s", pause.why, pause.seconds, until.to_iso8601_string())
    left = pause.seconds
    while left > _MINUTE:
        yield _MINUTE
        left -= _MINUTE
        log.log(level, "%s; %.0f s left", pause.why, left)
    yield left


def announce_move(old: str, new: str) -> None:
    """Log, once in a process, that a portal was found at another address than the connection's.

    :param old: the address before, scheme and host
    :param new: the address that the portal redirects to
    """
    if (old, new) not in _moves:
        _moves.add((old, new))
        log.warning("The portal %s redirects to %s. Put the new address into the connection.", old, new)


def announce_renewal(portal: str) -> None:
    """Log that a new pair of tokens is there.

    :param portal: the portal's host
    """
    log.info("The access token for %s had expired and was renewed.", portal)


class Headway:
    """Says now and then how far work on many items has come.

    :param log: where to say it
    :param total: number of items
    :param what: what the items are
    :param clock: seconds that never jump
    """

    def __init__(
        self,
        log: logging.Logger,
        total: int,
        what: str = "calls",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._total = total
        self._what = what
        self._clock = clock
        self._done = 0
        self._begun = self._said = clock()
        self._lock = threading.Lock()

    def made(self, count: int) -> None:
        """Account for items that are done.

        :param count: how many
        """
        with self._lock:
            self._done += count
            now = self._clock()
            left = max(0, self._total - self._done)  # a list may grow while it is read
            if now - self._said < _OFTEN:
                return
            self._said = now
            if not self._done:
                return  # nothing to reckon with: a list may have shown no rows yet
            rate = self._done / (now - self._begun)
            self._log.info(
                "%d of %d %s done, %d left; %.1f a second, about %.0f s left",
                self._done,
                self._total,
                self._what,
                left,
                rate,
                left / rate,
            )
