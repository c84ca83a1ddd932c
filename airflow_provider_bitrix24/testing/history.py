"""What happened to the stages of items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from .fields import parse_table
from .item_store import ItemStore

if TYPE_CHECKING:
    from collections.abc import Collection

    from .fields import Field

CREATED, MOVED, FINAL, OTHER_PIPELINE = 1, 2, 3, 5

_COMMON = "ID integer -; TYPE_ID integer -; OWNER_ID integer -; CREATED_TIME datetime -;"
_STAGES = f"{_COMMON} CATEGORY_ID integer -; STAGE_SEMANTIC_ID string -; STAGE_ID crm_status -"
# Leads and old invoices have statuses where others have stages, and no pipelines.
_STATUSES = f"{_COMMON} STATUS_SEMANTIC_ID string -; STATUS_ID crm_status -"


@dataclass(frozen=True, slots=True)
class Step:
    """An item arrived in a stage.

    :param type_id: how it came about: ``CREATED``, ``MOVED``, ``FINAL`` or ``OTHER_PIPELINE``
    """

    type_id: int
    item_id: int
    moment: str
    category_id: int
    semantic: str
    stage_id: str

    def values(self, *, with_pipeline: bool) -> tuple[str, ...]:
        """Return what a row has after its number."""
        pipeline = (str(self.category_id),) if with_pipeline else ()
        return (str(self.type_id), str(self.item_id), self.moment, *pipeline, self.semantic, self.stage_id)


class StageHistory:
    """The steps of all items, by their type.

    Most portals are never asked for them: rows to be searched are made, and those of deleted items left
    out, when somebody asks.
    """

    def __init__(self) -> None:
        self._new: dict[str, list[tuple[int, Step]]] = {}
        self._deleted: dict[str, set[int]] = {}
        self._stores: dict[str, ItemStore] = {}
        self._numbers = count(1)

    def add(self, kind: str, step: Step) -> None:
        """Write down a step."""
        self._part_from_deleted(kind, [step.item_id])
        self._new.setdefault(kind, []).append((next(self._numbers), step))

    def item_deleted(self, kind: str, item_id: int) -> None:
        """Forget the steps of an item."""
        self._deleted.setdefault(kind, set()).add(item_id)

    def add_alike(self, kind: str, item_id: int, others: Collection[int]) -> None:
        """Write the last step of an item down for others, too."""
        steps = reversed(self._new.get(kind, []))
        last = next((step for _, step in steps if step.item_id == item_id), None)
        if last is not None:
            self._part_from_deleted(kind, others)
            steps_of_others = [(next(self._numbers), replace(last, item_id=other)) for other in others]
            self._new.setdefault(kind, []).extend(steps_of_others)

    def _part_from_deleted(self, kind: str, item_ids: Collection[int]) -> None:
        """Forget what there was before items get the numbers of deleted ones."""
        if kind in self._deleted and not self._deleted[kind].isdisjoint(item_ids):
            self.store(kind)

    def store(self, kind: str) -> ItemStore:
        """Return the steps of a type's items as rows."""
        found = self._stores.get(kind)
        if found is None:
            found = self._stores[kind] = ItemStore(kind, _fields(kind), typed=True)
        deleted = self._deleted.pop(kind, ())
        if deleted:
            for number in [number for number, row in found.rows.items() if int(row["OWNER_ID"]) in deleted]:
                found.remove(number)
        _, *names = found.fields
        with_pipeline = "CATEGORY_ID" in names
        for number, step in self._new.pop(kind, ()):
            if step.item_id not in deleted:
                values = step.values(with_pipeline=with_pipeline)
                found.insert(number, dict(zip(names, values, strict=True)))
        return found


def _fields(kind: str) -> dict[str, Field]:
    return parse_table(_STATUSES if kind in ("lead", "invoice") else _STAGES)
