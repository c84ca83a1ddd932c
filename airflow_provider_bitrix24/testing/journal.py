"""What the portal was asked and what it did, for tests to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Via = Literal["webhook", "application"]


@dataclass(frozen=True)
class JournalEntry:
    """One call, alone or inside a batch.

    ``in_batch`` is the command's key, ``None`` for a call of its own. ``executed`` is false for a call
    that was refused before its method ran. ``error`` is the code, which may be ``""``, or ``None``.
    ``started`` is what adding or changing items has started, in order: ``robots``, ``processes``.
    """

    seq: int
    at: float
    method: str
    params: dict[str, Any]
    user_id: int | None
    via: Via | None
    in_batch: str | None
    executed: bool
    result: Any
    error: str | None
    status: int
    started: tuple[str, ...] = ()


@dataclass
class RequestEntry:
    """One HTTP request to ``/rest/``; status 0 means that it was dropped or is not answered yet."""

    seq: int
    at: float
    http_method: str
    path: str
    method: str
    encoding: str
    status: int = 0
    error: str | None = None
    refused: bool = False
    n_commands: int = 0
    source: str = ""


@dataclass
class Journal:
    """Both lists, and the last of their running numbers, which a clear does not reset.

    :param keep_results: whether calls are written down with what they returned
    """

    calls: list[JournalEntry] = field(default_factory=list)
    requests: list[RequestEntry] = field(default_factory=list)
    last: int = 0
    keep_results: bool = True

    def call(self, **values: Any) -> JournalEntry:
        """Write down a call."""
        self.last += 1
        if not self.keep_results:
            values["result"] = None
        entry = JournalEntry(seq=self.last, **values)
        self.calls.append(entry)
        return entry

    def request(self, **values: Any) -> RequestEntry:
        """Write down a request that has arrived; its outcome is filled in later."""
        self.last += 1
        entry = RequestEntry(seq=self.last, **values)
        self.requests.append(entry)
        return entry

    def clear(self) -> None:
        """Forget what was written down."""
        self.last += 1
        self.calls.clear()
        self.requests.clear()
