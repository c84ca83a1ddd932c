"""Pacing shared by everything in one process."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from weakref import WeakSet

from airflow_provider_bitrix24.rest.pacing import (
    Bucket,
    Limits,
    Meter,
    Reading,
    Slot,
    apply_readings,
    ask_meters,
)

#: all that are in use: what is registered for a fork stays for ever, so they are not registered one by one
_LEDGERS: WeakSet[ProcessLedger] = WeakSet()


class ProcessLedger:
    """Keeps the state in memory, under one lock.

    :param clock: seconds that never jump, for the flow of requests
    :param wall_clock: Unix time, which the portal's resets are told in
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._buckets: dict[str, Bucket] = {}
        self._meters: dict[str, Meter] = {}
        self.new_locks()
        _LEDGERS.add(self)

    def new_locks(self) -> None:
        """Forget the locks: a fork may copy one that another thread holds, and nobody releases the copy."""
        self._lock = threading.Lock()
        self._renewals: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def reserve(self, portal: str, limits: Limits, at_most: float = math.inf) -> Slot:
        """Reserve the next free slot; if it is later than ``at_most`` seconds, only return the wait."""
        with self._lock:
            bucket, slot = self._bucket(portal).reserve(limits, self._clock(), at_most)
            self._buckets[portal] = bucket
        return slot

    def is_current(self, portal: str, slot: Slot) -> bool:
        """Tell whether a slot is still valid: no refusal came while its caller waited."""
        with self._lock:
            return self._bucket(portal).epoch == slot.epoch

    def settle(
        self, portal: str, limits: Limits, slot: Slot, *, passed: bool | None, readings: Sequence[Reading]
    ) -> None:
        """Account for an answer: did it pass (``None``: none came), what time did it use."""
        with self._lock:
            self._buckets[portal] = self._bucket(portal).settled(limits, self._clock(), slot, passed=passed)
            apply_readings(self._meters, readings, limits, self._wall_clock())

    def blocked(self, meters: Collection[str]) -> Mapping[str, float]:
        """Return the seconds to wait for each meter that is blocked or whose turn has not come."""
        with self._lock:
            return ask_meters(self._meters, meters, self._wall_clock())

    def renewal(self, identity: str) -> threading.Lock:
        """Return a lock under which the tokens of one application are renewed."""
        with self._lock:
            return self._renewals[identity]

    def seed(self, portal: str, bucket: Bucket) -> None:
        """Put in what is known of a portal from elsewhere.

        :param portal: the portal
        :param bucket: its bucket, on this ledger's clock
        """
        with self._lock:
            self._buckets[portal] = bucket

    def _bucket(self, portal: str) -> Bucket:
        return self._buckets.get(portal, Bucket())


def _renew_locks() -> None:
    for ledger in list(_LEDGERS):
        ledger.new_locks()


os.register_at_fork(after_in_child=_renew_locks)

#: the one that all hooks of this process share
PROCESS_LEDGER = ProcessLedger()
