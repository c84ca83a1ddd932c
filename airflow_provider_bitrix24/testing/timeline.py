"""Timeline records and what they are bound to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[str, int]


@dataclass
class TimelineRecord:
    """A record; ``created`` is in seconds, ``files`` are numbers of stored files.

    ``home`` is the item it was created in, whatever it is bound to since. ``title``, ``icon`` and
    ``application`` (who created it) are those of log messages.
    """

    record_id: int
    kind: str
    text: str
    author_id: int
    created: float
    files: list[int] = field(default_factory=list)
    home: Pair | None = None
    title: str = ""
    icon: str = ""
    application: str = ""


class Timeline:
    """All records of a portal and all bindings, those to records that do not exist included.

    ``revision`` grows with every change of either.
    """

    def __init__(self) -> None:
        self.records: dict[int, TimelineRecord] = {}
        self._items: dict[int, dict[Pair, None]] = {}
        self._records_of: dict[Pair, dict[int, None]] = {}
        # What changes of comments saw: until when it is believed, and the bindings.
        self.remembered: dict[int, tuple[float, list[Pair]]] = {}
        self._next_id = 1
        self.revision = 0

    def add(self, record: TimelineRecord, pair: Pair | None) -> int:
        """Store a record, its number is given here if it is 0, and bind it."""
        self.revision += 1
        if record.record_id <= 0:
            record.record_id = self._next_id
        self._next_id = max(self._next_id, record.record_id + 1)
        self.records[record.record_id] = record
        if pair is not None:
            record.home = record.home or pair
            self.bind(record.record_id, pair)
        return record.record_id

    def delete(self, record_id: int) -> None:
        """Delete a record and its bindings."""
        self.revision += 1
        for pair in list(self._items.get(record_id, ())):
            self.unbind(record_id, pair)
        self.records.pop(record_id, None)

    def bind(self, record_id: int, pair: Pair) -> None:
        """Bind; nothing changes if it is bound already. The record need not exist."""
        self.revision += 1
        self._items.setdefault(record_id, {})[pair] = None
        self._records_of.setdefault(pair, {})[record_id] = None

    def unbind(self, record_id: int, pair: Pair) -> bool:
        """Unbind and tell whether it was bound. The record stays, even without any binding."""
        bound = self._items.get(record_id, {})
        if pair not in bound:
            return False
        self.revision += 1
        del bound[pair]
        if not bound:
            del self._items[record_id]
        records = self._records_of[pair]
        del records[record_id]
        if not records:
            del self._records_of[pair]
        return True

    def bindings(self, record_id: int) -> list[Pair]:
        """Return the items the record is bound to, in no particular order."""
        return list(self._items.get(record_id, ()))

    def records_of(self, pair: Pair) -> Iterator[TimelineRecord]:
        """Iterate over the existing records bound to an item, oldest first."""
        for record_id in sorted(self._records_of.get(pair, ())):
            record = self.records.get(record_id)
            if record is not None:
                yield record

    def missing_of(self, pair: Pair) -> list[int]:
        """Return the numbers bound to an item under which there is no record."""
        return sorted(number for number in self._records_of.get(pair, ()) if number not in self.records)

    def unbound(self) -> Iterator[TimelineRecord]:
        """Iterate over the records that are bound to nothing."""
        return (record for record in self.records.values() if record.record_id not in self._items)

    def bound_items(self) -> list[Pair]:
        """Return every item that something is bound to."""
        return list(self._records_of)

    def item_deleted(self, pair: Pair) -> None:
        """Drop an item's bindings, and the records that were bound to nothing else."""
        for record_id in list(self._records_of.get(pair, ())):
            self.unbind(record_id, pair)
            if record_id not in self._items:
                self.records.pop(record_id, None)
