"""Progress that outlives a try of a task: kept in Airflow's task state store, where Airflow has one.

The progress belongs to one input and one connection. It outlives a clear, because people clear a task to go
on after a failure; a task that is cleared after it succeeded starts afresh. With other input, what was sent
before counts as unclear. The progress is stored as a head and small numbered parts. Parts with writes that
must not be repeated are written before and after each request; what may be repeated is written once a
second.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_bitrix24.rest.progress import Progress, Span

log = logging.getLogger(__name__)

_PREFIX = "bitrix24_progress"
_VERSION = 1
#: in a head: when everything was done, or when other items were sent
_DONE, _EARLIER = "done", "earlier"
#: a request is noted so many seconds at most before it goes out: a connection has to be made
_UNTIL_SENT = 10.0
#: seconds between two notes of what may be repeated
_SELDOM = 1.0
#: characters of a part; Airflow advises to stay below 64 KiB
_PART = 48_000


class Store(Protocol):
    """What is used of Airflow's task state store."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""

    def delete(self, key: str) -> None:
        """Forget a value."""


def digest_of(*parts: Any) -> str:
    """Return what tells one piece of work from another.

    :param parts: its input and the credentials' identity, as plain JSON
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


class StoredProgress(Progress):
    """Progress in a task state store.

    :param store: the store
    :param digest: what the work is
    :param life: which life of the task this is; clearing it begins another
    :param clock: Unix time
    """

    def __init__(
        self, store: Store, digest: str, life: int, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(clock=clock)
        self._store = store
        self._head = {"version": _VERSION, "digest": digest, "life": life}
        self._parts = 0
        self._begun: set[int] = set()
        self._unwritten: list[int] = []
        self._first_sent: float | None = None
        self._has_head = False
        self._written_at = clock()
        self._open()

    @property
    def outlives_a_try(self) -> bool:
        """Whether another try of the task will know this."""
        return True

    def write_begun(self, positions: Sequence[int]) -> None:
        """Write that these are unclear, before they are sent."""
        spans = [self.unclear[position] for position in positions]
        span = Span(min(span.first for span in spans), max(span.last for span in spans))
        self._begun.update(positions)
        self._note_sent(span)
        self._write({"begun": list(positions), "span": list(span)})

    def write_ended(self, positions: Sequence[int], *, at_once: bool) -> None:
        """Write what happened to these."""
        self._unwritten += positions
        if at_once or self._clock() - self._written_at >= _SELDOM:
            self._write_out()

    def flush(self) -> None:
        """Write what is not written yet. Losing it costs only requests, so a failure is only logged."""
        with self._lock:
            try:
                self._write_out()
            except AirflowRuntimeError as error:
                log.warning("Storing the progress made so far failed: %s", error)

    def delete(self) -> None:
        """Forget everything: the work is done.

        If the worker is killed before Airflow knows that, another try would do everything again. If that must
        not happen, what was done stays until the task is cleared, and another try returns it.
        """
        if self._first_sent is not None:
            self._write_out()
            self._store.set(_PREFIX, {**self._head, _DONE: [self._first_sent, self.now()]})
            return
        self._delete_parts()
        if self._has_head:
            self._store.delete(_PREFIX)

    # --- the store ---

    def _delete_parts(self) -> None:
        for number in reversed(range(self._parts)):  # so that parts are never left behind a gap
            self._store.delete(_key(number))
        self._parts = 0

    def _open(self) -> None:
        stored = self._store.get(_PREFIX)
        if not isinstance(stored, Mapping):
            return  # it is written when there is something to keep
        head = dict(stored)
        done, earlier = (Span(*head.pop(name)) if name in head else None for name in (_DONE, _EARLIER))
        if done is not None and head.get("life") != self._head["life"]:
            self._forget()  # somebody cleared the task after it had succeeded: it starts afresh
            return
        for span in filter(None, (done, earlier)):
            self._note_sent(span)
        same_work = all(head.get(name) == self._head[name] for name in ("version", "digest"))
        self._read(keep=same_work)
        if not same_work:
            self._replace(head)
            return
        self._has_head = True
        if done is not None or earlier is not None:
            self._suspect_all(max(span.last for span in (done, earlier) if span is not None))
        elif self.known or self.unclear:
            log.info(
                "Going on where an earlier try ended: %d items are done, %d were under way.",
                len(self.known),
                len(self.unclear),
            )

    def _forget(self) -> None:
        """Forget what a life of the task left that ended well."""
        self._read(keep=False)
        self._first_sent = None
        self._delete_parts()

    def _replace(self, head: dict[str, Any]) -> None:
        """Forget the progress of other items; what was sent of them counts as unclear.

        The task has not succeeded since, so somebody may have repaired its input and cleared it.
        """
        if self._first_sent is not None:
            self._suspect_all(self.now())
            self._store.set(_PREFIX, {**head, **self._notes()})
        self._delete_parts()

    def _suspect_all(self, last: float) -> None:
        log.info("An earlier try may have done some of this: it is looked up in the portal, or reported.")
        self.earlier = Span(self._first_sent or last, last)

    def _notes(self) -> dict[str, Any]:
        return {} if self.earlier is None else {_EARLIER: list(self.earlier)}

    def _note_sent(self, span: Span) -> None:
        self._first_sent = min(span.first, self._first_sent or span.first)

    def _read(self, *, keep: bool) -> None:
        while isinstance(part := self._store.get(_key(self._parts)), Mapping):
            if "begun" in part:
                self._note_sent(Span(*part["span"]))
            if keep:
                self._take(part)
            self._parts += 1

    def _take(self, part: Mapping[str, Any]) -> None:
        if "begun" in part:
            first, last = part["span"]
            self.unclear.update(dict.fromkeys(part["begun"], Span(first, last + _UNTIL_SENT)))
        for position, result in part.get("done", ()):
            self.known[position] = result
            self.unclear.pop(position, None)
        for position in part.get("open", ()):
            self.unclear.pop(position, None)

    def _write(self, part: Mapping[str, Any]) -> None:
        if not self._has_head:
            self._store.set(_PREFIX, {**self._head, **self._notes()})
            self._has_head = True
        self._store.set(_key(self._parts), part)
        self._parts += 1

    def _write_out(self) -> None:
        """Write the results of what ended; what failed may be sent again, unless it is still unclear."""
        done, opened, size = [], [], 0
        for position in self._unwritten:
            if position in self.known:
                entry = [position, self.known[position]]
                size += len(json.dumps(entry))
                done.append(entry)
            elif position in self._begun and position not in self.unclear:
                self._begun.remove(position)
                opened.append(position)
            if size >= _PART:
                self._write({"done": done, "open": opened})
                done, opened, size = [], [], 0
        if done or opened:
            self._write({"done": done, "open": opened})
        self._unwritten = []
        self._written_at = self._clock()


def _key(number: int) -> str:
    return f"{_PREFIX}_{number}"
