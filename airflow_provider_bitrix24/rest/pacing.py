"""The portal's limits as arithmetic: plain numbers in, seconds to wait out.

Requests: a portal lets a burst through and then a steady rate, counted for everyone behind one address.
The bucket is kept as the theoretical arrival time of the next request, so the burst is used first and
then every caller gets the next free slot, in the order in which they asked.

Operating time: a portal adds up how long each method ran in the last ten minutes and blocks the method
past a threshold; it tells how much is used, and when the oldest of these minutes will no longer count. Near
the threshold calls are spread over the time until then, so that what is left is shared and nobody is blocked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

#: a well-paced caller stays as many seconds of the rate below the portal's burst, because the portal drains
#: its bucket once a second and clocks differ; measured, see docs/architecture.md
_BURST_MARGIN = 1.0
#: and this little below its rate, for a clock that runs fast
_RATE_MARGIN = 0.999

#: a process that cannot share the limits keeps to this part of the rate, as the others do
_PART_ALONE = 0.25

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 16.0
_WAVE_WINDOW = 60.0
_SLOW_DOWN = 0.7
_SLOWEST = 0.1
_RECOVERY_PER_SECOND = 0.005

#: from this part of a method's operating time on, its calls are spread out
_NEAR_THE_LIMIT = 0.9
#: calls shorter than this are not counted by the portal, in seconds
_SHORTEST_COUNTED = 0.1

#: the portal tells resets in whole seconds, rounded down
_ROUNDED_OFF = 1.0

_LONGEST_BLOCK = 600.0
_SHORTEST_BLOCK = 1.0
_FIRST_UNKNOWN_BLOCK = 10.0
_LONGEST_UNKNOWN_BLOCK = 60.0


@dataclass(frozen=True)
class Limits:
    """What a portal allows.

    :param requests_per_second: steady rate of HTTP requests; ``None`` where there is no limit
    :param burst: requests that may come at once before the steady rate counts
    :param operating_seconds: a method's operating time in ten minutes; infinite where nothing is spread out
    """

    requests_per_second: float | None = 2.0
    burst: int = 50
    operating_seconds: float = 480.0

    def alone(self) -> Limits:
        """Return the part of the limits for a process that cannot share them: no burst, a lower rate."""
        if self.requests_per_second is None:
            return self
        return replace(self, requests_per_second=self.requests_per_second * _PART_ALONE, burst=1)

    def tolerance(self, interval: float) -> float:
        """Return how far a burst may run ahead of the steady rate, in seconds.

        :param interval: seconds between two requests at the steady rate
        """
        margin = math.ceil(_BURST_MARGIN * (self.requests_per_second or 0.0))
        return max(0, self.burst - margin - 1) * interval


PLANS: dict[str, Limits] = {
    "standard": Limits(2.0, 50),
    "enterprise": Limits(5.0, 250),
    "self-hosted": Limits(None, 50, math.inf),  # as a rule it counts operating time, but does not limit it
}


class Slot(NamedTuple):
    """A reserved place in the flow of requests.

    :param wait: seconds until the request may go out
    :param epoch: the bucket's epoch when it was reserved; a refusal starts a new epoch and invalidates the
        slot
    """

    wait: float
    epoch: int


@dataclass(frozen=True)
class Bucket:
    """The flow of requests to one portal.

    :param arrival: when the bucket would be empty again, in seconds of the ledger's clock
    :param epoch: counts the waves of refusals; slots of an older epoch are void
    :param pause: how long the last refusal stopped everyone; 0 once a request has passed since
    :param pace: the part of the allowed rate that is used, below 1 while others share the address
    :param paced_at: when ``pace`` was set
    :param refused_at: when the last wave of refusals came
    """

    arrival: float = 0.0
    epoch: int = 0
    pause: float = 0.0
    pace: float = 1.0
    paced_at: float = 0.0
    refused_at: float = float("-inf")

    def moved(self, seconds: float) -> Bucket:
        """Return the bucket on a clock that jumped."""
        return replace(
            self,
            arrival=self.arrival + seconds,
            paced_at=self.paced_at + seconds,
            refused_at=self.refused_at + seconds,
        )

    def pace_at(self, now: float) -> float:
        """Return the part of the rate that may be used now: a reduced one recovers by itself."""
        return min(1.0, self.pace + _RECOVERY_PER_SECOND * max(0.0, now - self.paced_at))

    def interval(self, limits: Limits, now: float) -> float:
        """Return the seconds between two requests at the steady rate."""
        if limits.requests_per_second is None:
            return 0.0
        return 1.0 / (limits.requests_per_second * _RATE_MARGIN * self.pace_at(now))

    def reserve(self, limits: Limits, now: float, at_most: float = math.inf) -> tuple[Bucket, Slot]:
        """Reserve the next free slot; if it is later than ``at_most`` seconds, only return the wait."""
        interval = self.interval(limits, now)
        arrival = max(self.arrival, now)
        wait = max(0.0, arrival - limits.tolerance(interval) - now)
        slot = Slot(wait, self.epoch)
        return (self if wait > at_most else replace(self, arrival=arrival + interval)), slot

    def settled(self, limits: Limits, now: float, slot: Slot, *, passed: bool | None) -> Bucket:
        """Account for the answer to a request: let through, refused, or (``None``) never given.

        A refusal stops everyone for a moment, and everyone goes slower if it happens again soon. Answers
        to requests that were reserved before the last refusal add nothing: a wave counts once.
        """
        if slot.epoch != self.epoch or passed is None:
            return self
        if passed:
            return replace(self, pause=0.0) if self.pause else self
        pause = min(_LONGEST_PAUSE, self.pause * 2) if self.pause else _FIRST_PAUSE
        pace = self.pace_at(now)
        if pause == _FIRST_PAUSE and now - self.refused_at < _WAVE_WINDOW:
            pace = max(_SLOWEST, pace * _SLOW_DOWN)
        slowed = replace(self, pace=pace, paced_at=now)
        arrival = now + limits.tolerance(slowed.interval(limits, now)) + pause
        return replace(slowed, arrival=arrival, epoch=self.epoch + 1, pause=pause, refused_at=now)


class Reading(NamedTuple):
    """What one answer said of a method's operating time.

    :param meter: whose time it is
    :param blocked: the portal refused the call because the time is used up
    :param reset_at: Unix time of the next reset, where told
    :param used: seconds used in the current ten minutes, where told
    :param spent: seconds that the calls of this answer took
    """

    meter: str
    blocked: bool
    reset_at: float | None = None
    used: float | None = None
    spent: float = 0.0


def counted(duration: float | None) -> float:
    """Return the part of a call's duration that the portal counts as operating time.

    :param duration: seconds, where told
    """
    return duration if duration is not None and duration >= _SHORTEST_COUNTED else 0.0


@dataclass(frozen=True)
class Meter:
    """The operating time of one method under one set of credentials.

    :param reset_at: Unix time at which the portal said the oldest minute stops counting
    :param blocked_until: Unix time before which the method is not called
    :param unknown_block: how long the last block was for which no reset was known
    :param interval: seconds between two requests with this method, while it is near its limit
    """

    reset_at: float = 0.0
    blocked_until: float = 0.0
    unknown_block: float = 0.0
    interval: float = 0.0

    def observed(self, reading: Reading, limits: Limits, now: float) -> Meter:
        """Account for a good answer."""
        reset_at = reading.reset_at or self.reset_at
        interval = _spread(reading, limits.operating_seconds, reset_at + _ROUNDED_OFF - now)
        until = now + interval if interval else 0.0
        return Meter(reset_at, until, interval=interval)

    def blocked(self, now: float, reset_at: float | None = None) -> Meter:
        """Account for a refusal because the operating time is used up, and the reset told before it."""
        reset = reset_at or self.reset_at
        if reset > now:
            until = now + min(max(reset - now, _SHORTEST_BLOCK), _LONGEST_BLOCK)
            return replace(self, reset_at=reset, blocked_until=until)
        unknown = (
            min(self.unknown_block * 2, _LONGEST_UNKNOWN_BLOCK)
            if self.unknown_block
            else _FIRST_UNKNOWN_BLOCK
        )
        return replace(self, blocked_until=now + unknown, unknown_block=unknown)

    def wait(self, now: float) -> float:
        """Return the seconds until the method may be called."""
        return max(0.0, self.blocked_until - now)

    def asked(self, now: float) -> tuple[Meter, float]:
        """Return the seconds until the method may be called; if there are none, reserve the turn."""
        wait = self.wait(now)
        if wait or not self.interval:
            return self, wait
        return replace(self, blocked_until=now + self.interval), 0.0


def _spread(reading: Reading, limit: float, until_reset: float) -> float:
    """Return the seconds to leave between requests, so that what is left of the limit lasts to the reset."""
    if (
        reading.used is None
        or not reading.spent
        or until_reset <= 0
        or reading.used < limit * _NEAR_THE_LIMIT
    ):
        return 0.0
    left = max(limit - reading.used, 0.0)
    until_reset = min(until_reset, _LONGEST_BLOCK)
    return until_reset if reading.spent >= left else until_reset * reading.spent / left


def apply_readings(meters: dict[str, Meter], readings: Iterable[Reading], limits: Limits, now: float) -> None:
    """Bring a ledger's meters up to date."""
    for reading in readings:
        meter = meters.get(reading.meter, Meter())
        meters[reading.meter] = (
            meter.blocked(now, reading.reset_at) if reading.blocked else meter.observed(reading, limits, now)
        )


def ask_meters(meters: dict[str, Meter], names: Iterable[str], now: float) -> dict[str, float]:
    """Return the seconds to wait for each meter that is not free, and reserve a turn of each that is."""
    waits = {}
    for name in names:
        if name in meters:
            meters[name], wait = meters[name].asked(now)
            if wait > 0:
                waits[name] = wait
    return waits
