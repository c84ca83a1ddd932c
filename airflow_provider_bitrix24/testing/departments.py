"""The company's structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import parse_table
from .item_store import ItemStore, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS = parse_table("ID integer -; NAME string -; SORT integer -; PARENT integer -; UF_HEAD integer -")


class Departments:
    """The departments of a portal, which has one from the beginning."""

    def __init__(self) -> None:
        self.store = ItemStore("department", _FIELDS, typed=True)
        self.add("Company", None, None, 500, 1)

    def add(
        self, name: str, parent: int | None, head: int | None, sort: int, department_id: int | None
    ) -> int:
        """Add a department.

        :param parent: the department it belongs to
        :param head: the user who leads it
        """
        if parent is not None and parent not in self.store.rows:
            raise ValueError(f"parent={parent}: there is no such department")
        row: Row = {
            "ID": "",
            "NAME": name,
            "SORT": str(sort),
            "PARENT": None if parent is None else str(parent),
            "UF_HEAD": None if head is None else str(head),
        }
        return self.store.insert(department_id, row)

    def in_order(self, wanted: list[Row]) -> list[Row]:
        """Return rows in the order of the tree: each department before those that belong to it."""
        places = {number: place for place, number in enumerate(self._walk(None))}
        return sorted(wanted, key=lambda row: places[int(row["ID"])])

    def _walk(self, parent: str | None) -> Iterator[int]:
        children = [row for row in self.store.rows.values() if row["PARENT"] == parent]
        for row in sorted(children, key=lambda row: (int(row["SORT"]), int(row["ID"]))):
            yield int(row["ID"])
            yield from self._walk(row["ID"])
