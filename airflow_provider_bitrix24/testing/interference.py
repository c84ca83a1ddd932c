"""What tests do to a portal between two of its requests, as other people do while a list is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .journal import JournalEntry, RequestEntry

When = Literal["before", "after"]


@dataclass
class Interference:
    """Callbacks, which run while the portal's lock is held, and the errors that they raised."""

    errors: list[Exception] = field(default_factory=list)
    _callbacks: dict[str, list[Callable[[Any], object]]] = field(default_factory=dict)

    def add(self, when: str, callback: Callable[[Any], object]) -> Callable[[], None]:
        """Call back from now on, and return what ends that."""
        known = self._callbacks.setdefault(when, [])
        known.append(callback)

        def end() -> None:
            if callback in known:
                known.remove(callback)

        return end

    def before_request(self, entry: RequestEntry) -> None:
        """Tell of a request that is about to be carried out."""
        self._run("before", entry)

    def after_request(self, entry: RequestEntry) -> None:
        """Tell of a request whose answer is about to be sent."""
        self._run("after", entry)

    def called(self, entry: JournalEntry) -> None:
        """Tell of a call that was executed."""
        self._run("call", entry)

    def _run(self, when: str, entry: Any) -> None:
        for callback in list(self._callbacks.get(when, ())):
            try:
                callback(entry)
            except Exception as error:
                self.errors.append(error)
