"""Rows of one type, by their numbers."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .fields import Field

Row = dict[str, Any]


@dataclass
class ItemStore:
    """All items of one type.

    Rows hold only what differs from the fields' defaults, so that a hundred thousand of them stay small;
    ``ids`` is always sorted, so that a window of ids is found without looking at every row. Numbers are
    never given twice, also after a deletion.
    """

    kind: str
    fields: dict[str, Field]
    typed: bool
    rows: dict[int, Row] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    last_id: int = 0

    def insert(self, item_id: int | None, row: Row) -> int:
        """Store a row under the given or the next free number."""
        item_id = item_id or self.last_id + 1
        if item_id < 1 or item_id in self.rows:
            raise ValueError(f"{self.kind} {item_id}: not a positive number, or exists already")
        if not self.ids or item_id > self.ids[-1]:
            self.ids.append(item_id)
        else:
            insort(self.ids, item_id)
        self.last_id = max(self.last_id, item_id)
        row["ID"] = str(item_id)
        self.rows[item_id] = row
        return item_id

    def remove(self, item_id: int) -> None:
        """Remove a row."""
        del self.rows[item_id]
        del self.ids[bisect_left(self.ids, item_id)]

    def value(self, row: Row, name: str) -> Any:
        """Return a stored value or the field's default."""
        return row[name] if name in row else self.fields[name].default

    def readable(self) -> Iterable[Field]:
        """Return the fields that show up in answers."""
        return (entry for entry in self.fields.values() if not entry.write_only)
