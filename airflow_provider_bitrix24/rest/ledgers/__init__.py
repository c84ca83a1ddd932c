"""Where the state of the portal's limits lives, so that everyone who shares a limit shares its state."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from airflow_provider_bitrix24.rest.pacing import Limits, Reading, Slot


class RenewalLock(Protocol):
    """A lock; in an event loop it is asked for again and again instead of waited for."""

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock; ``False`` where it is taken and ``blocking`` is off."""

    def release(self) -> None:
        """Give the lock back."""


class Ledger(Protocol):
    """Keeps the flow of requests and the operating time of portals.

    Every method may block for a moment, so in an event loop it is called in a thread.
    """

    def reserve(self, portal: str, limits: Limits, at_most: float = math.inf) -> Slot:
        """Take the next free slot in the flow of requests to a portal.

        One that is further away than ``at_most`` seconds is only told and left to others.
        """

    def is_current(self, portal: str, slot: Slot) -> bool:
        """Tell whether a slot is still good: no refusal came while its owner waited."""

    def settle(
        self, portal: str, limits: Limits, slot: Slot, *, passed: bool | None, readings: Sequence[Reading]
    ) -> None:
        """Account for an answer: did it pass (``None``: none came), what time did it use."""

    def blocked(self, meters: Collection[str]) -> Mapping[str, float]:
        """Return the seconds to wait for each of these meters that is blocked or not yet its asker's turn.

        Near a method's limit its calls take turns; being asked about a meter that is free takes one.
        """

    def renewal(self, identity: str) -> RenewalLock:
        """Return a lock under which the tokens of one application are renewed."""
