"""A lock between all processes that share a Redis server."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING

from airflow_provider_bitrix24.rest.ledgers.cluster_scripts import DROP_LOCK, KEEP_LOCK, TAKE_LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: runs a script; ``None`` where Redis cannot be used
    Run = Callable[[str, Sequence[str], Sequence[str]], list[str] | None]

#: seconds until a lock whose holder died is free; a living holder renews it this often
_EXPIRY, _BEAT = 30.0, 8.0
_POLL = 0.1
#: how long giving back may wait for Redis: it happens on event loops, too
_PATIENCE = 0.1


class ClusterLock:
    """Held by one process of the cluster; where Redis cannot be used, by one thread of this process.

    A thread keeps the lock as long as it is held, so that it may be held for long and still be free soon
    after its holder was killed.

    :param run: runs a script on Redis
    :param key: the lock's key
    :param threads: the lock between threads
    :param expiry: seconds until the lock of a holder who died is free
    :param beat: seconds between two signs of life
    """

    def __init__(
        self, run: Run, key: str, threads: threading.Lock, *, expiry: float = _EXPIRY, beat: float = _BEAT
    ) -> None:
        self._run = run
        self._key = key
        self._threads = threads
        self._milliseconds = str(int(expiry * 1000))
        self._beat = beat
        self._token = secrets.token_hex(16)
        self._given_back = threading.Event()
        self._keeper: threading.Thread | None = None

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock; ``False`` where it is taken and ``blocking`` is off."""
        if not self._threads.acquire(blocking):
            return False
        try:
            taken = self._take(blocking)
        except BaseException:
            self._threads.release()
            raise
        if not taken:
            self._threads.release()
        return taken

    def release(self) -> None:
        """Give the lock back."""
        self._given_back.set()
        if self._keeper is not None:
            self._keeper.join(_PATIENCE)
            self._keeper = None
        self._threads.release()

    def _take(self, blocking: bool) -> bool:
        while (answer := self._run(TAKE_LOCK, [self._key], [self._token, self._milliseconds])) == []:
            if not blocking:
                return False
            time.sleep(_POLL)
        if answer:
            self._given_back = threading.Event()
            self._keeper = threading.Thread(target=self._keep, args=(self._given_back,), daemon=True)
            self._keeper.start()
        return True

    def _keep(self, given_back: threading.Event) -> None:
        while not given_back.wait(self._beat):
            self._run(KEEP_LOCK, [self._key], [self._token, self._milliseconds])
        self._run(DROP_LOCK, [self._key], [self._token])
