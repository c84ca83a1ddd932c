"""Pacing shared by all machines of a cluster, through Redis.

Every step is one script on the server, by the server's clock. Redis holds nothing worth keeping: where it is
gone, refuses, or takes no writes, each process keeps to a part of the limits by itself, seeded with what it
last knew, and looks again every few seconds. A task never fails because of it.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from airflow_provider_bitrix24.rest.ledgers import cluster_scripts as scripts
from airflow_provider_bitrix24.rest.ledgers.cluster_lock import ClusterLock
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisLine, RedisServer, RedisUnusableError
from airflow_provider_bitrix24.rest.pacing import Bucket, Limits, Reading, Slot

log = logging.getLogger(__name__)

T = TypeVar("T")

_NEXT_TRY = 5.0
#: a try that took long, as a name that is looked up in vain, is not made more often than a tenth of the time
_TRIES_PART = 10.0
_UNSEEN = (Bucket(), float("-inf"))


class ClusterLedger:
    """Keeps the state on a Redis server that all processes reach.

    :param server: the server
    :param prefix: what all keys begin with
    :param server_clock: stands in for the server's clock, in tests
    :param clock: seconds that never jump, for this process alone
    :param wall_clock: Unix time, for this process alone
    :param warn: told once when the server cannot be used
    """

    def __init__(
        self,
        server: RedisServer,
        *,
        prefix: str = "bitrix24:",
        server_clock: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self._server = server
        self._prefix = prefix
        self._server_clock = server_clock
        self._clock = clock
        self._warn = warn
        self._warned = False
        self._alone = ProcessLedger(clock, wall_clock)
        #: the buckets as the server told them last, each with the server's time
        self._last_buckets: dict[str, tuple[Bucket, float]] = {}
        self._next_try = float("-inf")
        self._abandoned: list[RedisLine] = []
        self._line = RedisLine(server)
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """Leave the parent's connection alone after a fork: both would read each other's answers."""
        self._abandoned.append(self._line)
        self._line = RedisLine(self._server)
        self._lock = threading.Lock()

    # --- what a ledger does ---

    def reserve(self, portal: str, limits: Limits, at_most: float = math.inf) -> Slot:
        """Reserve the next free slot; if it is later than ``at_most`` seconds, only return the wait."""

        def take() -> Slot:
            wait, *state = self._bucket_script(scripts.RESERVE, portal, limits, more=[_text(at_most)])
            return Slot(wait, self._remember(portal, limits, state).epoch)

        return self._shared(take, lambda: self._alone.reserve(portal, limits.alone(), at_most))

    def is_current(self, portal: str, slot: Slot) -> bool:
        """Tell whether a slot is still valid: no refusal came while its caller waited."""
        return self._shared(
            lambda: self._bucket_script(scripts.EPOCH, portal, Limits())[0] == slot.epoch,
            lambda: self._alone.is_current(portal, slot),
        )

    def settle(
        self, portal: str, limits: Limits, slot: Slot, *, passed: bool | None, readings: Sequence[Reading]
    ) -> None:
        """Account for an answer: did it pass (``None``: none came), what time did it use."""
        answer = "" if passed is None else str(int(passed))
        meters = [self._key("meter", reading.meter) for reading in readings]
        told = [str(slot.epoch), answer, *(text for reading in readings for text in _reading(reading))]

        def account() -> None:
            _, *state = self._bucket_script(scripts.SETTLE, portal, limits, meters, told)
            self._remember(portal, limits, state)
            # Should the server be lost, what this process has read of operating time is not.
            self._alone.settle(portal, limits, slot, passed=None, readings=readings)

        self._shared(
            account, lambda: self._alone.settle(portal, limits, slot, passed=passed, readings=readings)
        )

    def blocked(self, meters: Collection[str]) -> Mapping[str, float]:
        """Return the seconds to wait for each meter that is blocked or whose turn has not come."""
        names = list(meters)
        if not names:
            return {}

        def look() -> Mapping[str, float]:
            keys = [self._key("meter", name) for name in names]
            waits = map(float, self._line.run(scripts.ASK, keys, [self._time()]))
            return {name: wait for name, wait in zip(names, waits, strict=True) if wait > 0}

        return self._shared(look, lambda: self._alone.blocked(names))

    def renewal(self, identity: str) -> ClusterLock:
        """Return a lock under which the tokens of one application are renewed, by one process at a time."""
        return ClusterLock(self._run, self._key("renewal", identity), self._alone.renewal(identity))

    # --- the server ---

    def _shared(self, work: Callable[[], T], alone: Callable[[], T]) -> T:
        """Do work on the server's state; alone, where the server cannot be used."""
        with self._lock:
            started = self._clock()
            if started >= self._next_try:
                try:
                    return work()
                except (RedisUnusableError, ValueError, TypeError) as error:
                    self._give_up_for_now(error, started)
        return alone()

    def _run(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> list[str] | None:
        return self._shared(lambda: self._line.run(script, keys, arguments), lambda: None)

    def _bucket_script(
        self,
        script: str,
        portal: str,
        limits: Limits,
        meters: Sequence[str] = (),
        more: Sequence[str] = (),
    ) -> list[float]:
        """Run a script on a portal's bucket, which is told what this process knows of it."""
        bucket, seen_at = self._last_buckets.get(portal, _UNSEEN)
        state = " ".join(_text(number) for number in (*vars(bucket).values(), seen_at))
        arguments = [self._time(), *_limits(limits), state, *more]
        [answer] = self._line.run(script, [self._key("bucket", portal), *meters], arguments)
        return [*map(float, answer.split())]

    def _remember(self, portal: str, limits: Limits, state: Sequence[float]) -> Bucket:
        """Keep the bucket as it is now, should the server be lost.

        This process then goes on alone where everybody stands. Alone there is no burst, so the next request
        may go when the shared flow's next one might.
        """
        arrival, epoch, pause, pace, paced_at, refused_at, now = state
        bucket = Bucket(arrival, int(epoch), pause, pace, paced_at, refused_at)
        self._last_buckets[portal] = bucket, now
        ahead = limits.tolerance(bucket.interval(limits, now))
        self._alone.seed(portal, replace(bucket, arrival=arrival - ahead).moved(self._clock() - now))
        return bucket

    def _key(self, kind: str, name: str) -> str:
        """Return a key that tells nothing of portals and credentials."""
        return f"{self._prefix}{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def _time(self) -> str:
        return _text(self._server_clock()) if self._server_clock is not None else ""

    def _give_up_for_now(self, error: Exception, started: float) -> None:
        now = self._clock()
        self._next_try = now + max(_NEXT_TRY, (now - started) * _TRIES_PART)
        if not self._warned:
            self._warned = True
            self._warn(
                f"The portal's limits cannot be shared through {self._server.address} ({error}); "
                "this process keeps to a part of them by itself and looks again every few seconds."
            )


def _text(number: float | None) -> str:
    """Return a number as Lua reads it, to the last digit."""
    return "" if number is None else repr(float(number))


def _limits(limits: Limits) -> list[str]:
    return [_text(limits.requests_per_second), _text(limits.burst), _text(limits.operating_seconds)]


def _reading(reading: Reading) -> list[str]:
    return [
        str(int(reading.blocked)),
        _text(reading.reset_at),
        _text(reading.used),
        _text(reading.spent),
    ]
