"""A successful answer of the API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Timing:
    """How much of a method's operating time is used up, where the portal tells.

    :param operating: seconds used in the current ten minutes
    :param reset_at: Unix time at which the oldest of them no longer count
    :param duration: seconds that this call took
    """

    operating: float | None = None
    reset_at: float | None = None
    duration: float | None = None

    @classmethod
    def parse(cls, time: Any) -> Timing:
        """Read a reply's ``time``, any part of which may be missing."""
        if not isinstance(time, Mapping):
            return cls()
        return cls(*(_number(time.get(name)) for name in ("operating", "operating_reset_at", "duration")))


@dataclass(frozen=True)
class Reply:
    """A successful answer.

    :param result: the method's result
    :param total: number of rows in the whole list, for list methods
    :param next: where the next page starts, where there is one
    :param time: the portal's own figures about the call, as sent
    """

    result: Any
    total: int | None = None
    next: int | None = None
    time: Mapping[str, Any] | None = None

    @property
    def timing(self) -> Timing:
        """The operating time used up, where the portal tells."""
        return Timing.parse(self.time)

    @property
    def began(self) -> Any:
        """The portal's time when the call began, as sent; ``None`` where the portal does not tell."""
        return self.time.get("date_start") if isinstance(self.time, Mapping) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
