"""The portal's limits: requests per second, and execution time per method."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Literal

Plan = Literal["standard", "enterprise", "self-hosted"]

_BUCKETS: dict[str, tuple[int | None, float]] = {
    "standard": (50, 2.0),
    "enterprise": (250, 5.0),
    "self-hosted": (None, 0.0),
}
_AS_PLANNED = -1.0
OPERATING_WINDOW = 600
OPERATING_SLICE = 60
SHORTEST_COUNTED = 0.1


@dataclass(frozen=True)
class Limits:
    """The figures of a portal; by default those documented for its plan.

    :param plan: ``standard`` (50, 2 per second), ``enterprise`` (250, 5 per second) or ``self-hosted`` (none)
    :param bucket: size of the leaky bucket; ``None``: the plan's
    :param drain: requests that leak out per second; ``None``: the plan's
    :param operating_limit: seconds a method may run within ten minutes; ``None``: the limiter is off;
        the plan's (480, self-hosted off) if not given
    :param refused_fill: whether refused requests fill the bucket too
    :param smooth: leak continuously instead of once a second
    :param counting: false switches the bucket off, whatever the plan
    """

    plan: Plan = "standard"
    bucket: int | None = None
    drain: float | None = None
    operating_limit: float | None = _AS_PLANNED
    refused_fill: bool = False
    smooth: bool = False
    counting: bool = True

    def __post_init__(self) -> None:
        bucket, drain = _BUCKETS[self.plan]
        if not self.counting:
            bucket = None
        if self.bucket is None:
            object.__setattr__(self, "bucket", bucket)
        if self.drain is None:
            object.__setattr__(self, "drain", drain)
        if self.operating_limit == _AS_PLANNED:
            object.__setattr__(self, "operating_limit", None if self.plan == "self-hosted" else 480.0)

    @classmethod
    def off(cls) -> Limits:
        """Return limits that never refuse anything."""
        return cls(operating_limit=None, counting=False)


class LeakyBuckets:
    """The request counters, one per source address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._levels: dict[str, tuple[float, float]] = {}

    def admit(self, source: str, now: float) -> bool:
        """Count one request and tell whether it may pass."""
        limits = self._limits
        if limits.bucket is None:
            return True
        level = self.level(source, now) + 1
        passes = level <= limits.bucket
        if not passes and not limits.refused_fill:
            level -= 1
        self._levels[source] = (level, now)
        return passes

    def level(self, source: str, now: float) -> float:
        """Return how full the source's bucket is."""
        level, at = self._levels.get(source, (0.0, now))
        ticks = now - at if self._limits.smooth else floor(now) - floor(at)
        return max(0.0, level - (self._limits.drain or 0.0) * max(0.0, ticks))

    def fill(self, source: str, now: float, requests: int) -> None:
        """Count requests that somebody else sent from the same address."""
        self._levels[source] = (self.level(source, now) + requests, now)


class OperatingTime:
    """Seconds booked per (credential, method), in ten slices of a minute."""

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self._slices: dict[tuple[str, str], list[list[float]]] = {}

    def book(self, credential: str, method: str, seconds: float, now: float) -> None:
        """Add a call's duration; calls below 0.1 s are not counted."""
        if self.limit is None or seconds < SHORTEST_COUNTED:
            return
        slices = self._current(credential, method, now)
        if slices and now < slices[-1][0] + OPERATING_SLICE:
            slices[-1][1] += seconds
        else:
            slices.append([now, seconds])

    def blocked(self, credential: str, method: str, now: float) -> bool:
        """Tell whether the method has used up its time."""
        return self.limit is not None and self.used(credential, method, now) >= self.limit

    def used(self, credential: str, method: str, now: float) -> float:
        """Return the seconds booked within the last ten minutes."""
        return sum(seconds for _, seconds in self._current(credential, method, now))

    def reset_at(self, credential: str, method: str, now: float) -> int:
        """Return when the oldest slice falls out."""
        slices = self._current(credential, method, now)
        return int((slices[0][0] if slices else now) + OPERATING_WINDOW)

    def clear(self) -> None:
        """Forget everything that was booked."""
        self._slices.clear()

    def _current(self, credential: str, method: str, now: float) -> list[list[float]]:
        slices = self._slices.setdefault((credential, method), [])
        while slices and slices[0][0] + OPERATING_WINDOW <= now:
            slices.pop(0)
        return slices
