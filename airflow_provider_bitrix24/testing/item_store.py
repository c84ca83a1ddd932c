"""Rows of one type, by their numbers."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import php

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
    #: what others made of the fields; forgotten when the fields change
    cache: dict[Any, Any] = field(default_factory=dict)

    def add_field(self, known: Field) -> None:
        """Add a field, or replace it."""
        self.fields[known.name] = known
        self.cache.clear()

    def remove_field(self, name: str) -> None:
        """Remove a field, with its values."""
        del self.fields[name]
        for row in self.rows.values():
            row.pop(name, None)
        self.cache.clear()

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

    def remove(self, item_id: int) -> Row:
        """Remove a row and return it."""
        del self.ids[bisect_left(self.ids, item_id)]
        return self.rows.pop(item_id)

    def value(self, row: Row, name: str) -> Any:
        """Return a stored value or the field's default."""
        return row[name] if name in row else self.fields[name].default

    def readable(self) -> Iterable[Field]:
        """Return the fields that show up in answers of classic methods."""
        return (entry for entry in self.fields.values() if not entry.write_only and not entry.item_only)


def stored_value(known: Field, row: Row) -> Any:
    """Return what a row has of a field: the stored value, the linked items, the first phone."""
    if known.write_only:
        return linked(row, known.name.removesuffix("S"))
    if known.first_of is not None:
        kind, type_ = known.first_of
        found = (entry for entry in row.get(kind) or () if type_ in ("", entry["VALUE_TYPE"]))
        return next((entry["VALUE"] for entry in found), None)
    return row.get(known.name, known.default)


def linked(row: Row, name: str) -> list[int]:
    """Return the numbers of linked items: the list if there is one, or the single link."""
    if f"{name}S" in row:
        return list(row[f"{name}S"])
    number = php.int_cast(row.get(name))
    return [number] if number > 0 else []
