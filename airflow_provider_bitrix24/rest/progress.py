"""Progress: which items of a plan are done, and which may be done. It can outlive a try of the task.

Every item has a position. Before a request with calls that must not be repeated is sent, their positions
become unclear; the answer tells which are done. Items that are still unclear in the next try were under way
when the last try ended. They are looked up or reported, and not sent again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Acted
from airflow_provider_bitrix24.rest.methods import Repeatability

#: characters of a result that is kept although its call may be repeated
_WORTH_KEEPING = 500


class Span(NamedTuple):
    """When a request went out that may have been carried out.

    :param first: not before this, in Unix time of the portal
    :param last: not after this
    """

    first: float
    last: float


class Progress:
    """Progress that is kept in memory.

    :param known: results of items that are done, by position
    :param unclear: when an item was sent that may have been carried out, by position
    :param earlier_since: the Unix time since which an earlier try may have sent anything, where there was
        one of which nothing is known
    :param clock: Unix time
    """

    def __init__(
        self,
        known: Mapping[int, Any] | None = None,
        unclear: Mapping[int, Span] | None = None,
        *,
        earlier_since: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.known: dict[int, Any] = dict(known or {})
        self.unclear: dict[int, Span] = dict(unclear or {})
        self.earlier_since = earlier_since
        #: when an earlier try sent everything that is not known, where there was one that came so far
        self.earlier: Span | None = None
        #: whether the checks before the work were passed, in this run of the task or before a deferral
        self.checked = False
        self._clock = clock
        self._ahead = 0.0
        self._lock = threading.Lock()

    @property
    def outlives_a_try(self) -> bool:
        """Whether another try of the task will know this."""
        return False

    def set_clock(self, portal_time: float | None) -> None:
        """Measure time as the portal does from now on.

        :param portal_time: the portal's time now; ``None`` where it does not tell
        """
        self._ahead = portal_time - self._clock() if portal_time is not None else 0.0

    def now(self) -> float:
        """Return the portal's time."""
        return self._clock() + self._ahead

    def suspect(self, calls: Mapping[int, Call]) -> None:
        """Count calls as unclear that an earlier try may have sent, of which nothing is known.

        :param calls: the calls by position
        """
        if self.earlier is not None:
            span = self.earlier
        elif self.earlier_since is not None:
            span = Span(self.earlier_since + self._ahead, self.now())
        else:
            return
        for position, call in calls.items():
            if not call.may_repeat and position not in self.known:
                self.unclear.setdefault(position, span)
        self.earlier_since = None  # it stands in what is unclear; what a look-up proves absent stays absent

    # --- while it is carried out ---

    def sending(self, calls: Mapping[int, Call]) -> None:
        """Note what is about to be sent.

        :param calls: the calls by position
        """
        once = [position for position, call in calls.items() if not call.may_repeat]
        if not once:
            return
        with self._lock:
            for position in once:
                self._sent_until_now(position)
            self.write_begun(once)

    def ended(
        self, outcomes: Mapping[int, Outcome], kept: Callable[[int, Outcome], Any] | None = None
    ) -> None:
        """Note what happened to calls.

        :param outcomes: the outcomes by position
        :param kept: returns what is kept of one that went well, ``None`` for nothing; without it, the result
        """
        with self._lock:
            for position, outcome in outcomes.items():
                if outcome.error is None or outcome.error.acted is not Acted.UNKNOWN:
                    self.unclear.pop(position, None)
                elif position in self.unclear:
                    self._sent_until_now(position)
                if outcome.ok and kept is not None:
                    if (result := kept(position, outcome)) is not None:
                        self.known[position] = result
                elif outcome.ok and _is_worth_keeping(outcome):
                    self.known[position] = outcome.result
            once = any(not outcome.call.may_repeat for outcome in outcomes.values())
            self.write_ended(list(outcomes), at_once=once)

    def _sent_until_now(self, position: int) -> None:
        """Widen the time in which an item was sent: a part of a request may be sent more than once."""
        now = self.now()
        self.unclear[position] = Span(self.unclear.get(position, Span(now, now)).first, now)

    @property
    def doubtful(self) -> bool:
        """Whether an earlier try may have done something that is not known."""
        return bool(self.unclear) or self.earlier is not None or self.earlier_since is not None

    @property
    def needs_checks(self) -> bool:
        """Whether nothing is known to have begun, and the checks before the work were not passed."""
        return not (self.checked or self.known or self.doubtful)

    def found(self, position: int, result: Any) -> None:
        """Note that an unclear item is done, as a look-up showed; another try may look it up again."""
        with self._lock:
            self.unclear.pop(position, None)
            self.known[position] = result
            self.write_ended([position], at_once=False)

    def absent(self, position: int) -> None:
        """Note that an unclear item is not done, as a look-up proved."""
        with self._lock:
            self.unclear.pop(position, None)

    # --- for those that keep it somewhere ---

    def write_begun(self, positions: Sequence[int]) -> None:
        """Write that these are unclear, before they are sent; called under a lock."""

    def write_ended(self, positions: Sequence[int], *, at_once: bool) -> None:
        """Write what happened to these; called under a lock.

        :param positions: the items
        :param at_once: whether another try must know it
        """

    def flush(self) -> None:
        """Write what is not written yet."""

    def delete(self) -> None:
        """Forget everything: the work is done."""


def _is_worth_keeping(outcome: Outcome) -> bool:
    """Tell whether a result is kept: what may be repeated, and is large, is rather asked for again."""
    if outcome.call.facts.kind is Repeatability.READ:
        return False
    return not outcome.call.may_repeat or len(json.dumps(outcome.result)) <= _WORTH_KEEPING
