"""Deleted items, until somebody restores them; no method of the API lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .item_store import Row
    from .timeline import Pair

# These are gone for good.
_UNPROTECTED = frozenset({"quote"})


@dataclass(frozen=True)
class Deleted:
    """An item as it was, and its product rows."""

    row: Row
    product_rows: list[Row]


class RecycleBin:
    """The deleted items of a portal."""

    def __init__(self) -> None:
        self._deleted: dict[Pair, Deleted] = {}

    def keep(self, pair: Pair, row: Row, product_rows: list[Row]) -> None:
        """Put an item in."""
        if pair[0] not in _UNPROTECTED:
            self._deleted[pair] = Deleted(row, product_rows)

    def take(self, pair: Pair) -> Deleted:
        """Take an item out."""
        if pair not in self._deleted:
            kind, item_id = pair
            raise ValueError(f"{kind} {item_id} is not in the recycle bin")
        return self._deleted.pop(pair)
