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

        If it is later than ``at_most`` seconds, the ledger returns the wait without reserving.
        """

    def is_current(self, portal: str, slot: Slot) -> bool:
        """Tell whether a slot is still valid: no refusal came while its caller waited."""

    def settle(
        self, portal: str, limits: Limits, slot: Slot, *, passed: bool | None, readings: Sequence[Reading]
    ) -> None:
        """Account for an answer: did it pass (``None``: none came), what time did it use."""

    def blocked(self, meters: Collection[str]) -> Mapping[str, float]:
        """Return the seconds to wait for each meter that is blocked or whose turn has not come.

        Near a method's limit its calls take turns: asking about a free meter reserves the turn.
        """

    def renewal(self, identity: str) -> RenewalLock:
        """Return a lock under which the tokens of one application are renewed."""
