"""What happened to the stages of items."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from .fields import parse_table
from .item_store import ItemStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Field

CREATED, MOVED, FINAL, OTHER_PIPELINE = 1, 2, 3, 5

_FIELDS = parse_table("""
    ID integer -; TYPE_ID integer -; OWNER_ID integer -; CREATED_TIME datetime -; CATEGORY_ID integer -
    STAGE_SEMANTIC_ID string -; STAGE_ID crm_status -
""")
_LEAD_NAMES = {"STAGE_ID": "STATUS_ID", "STAGE_SEMANTIC_ID": "STATUS_SEMANTIC_ID"}


@dataclass(frozen=True, slots=True)
class Step:
    """An item arrived in a stage."""

    number: int
    type_id: int
    item_id: int
    moment: str
    category_id: int
    semantic: str
    stage_id: str


class StageHistory:
    """The steps of all items, by their type; rows to be searched are made when someone asks."""

    def __init__(self) -> None:
        self._steps: dict[str, list[Step]] = {}
        self._stores: dict[str, ItemStore] = {}
        self._numbers = count(1)

    def add(
        self,
        kind: str,
        type_id: int,
        item_id: int,
        moment: str,
        category_id: int,
        semantic: str,
        stage_id: str,
    ) -> None:
        """Write down a step.

        :param type_id: how it came about: ``CREATED``, ``MOVED``, ``FINAL`` or ``OTHER_PIPELINE``
        """
        step = Step(next(self._numbers), type_id, item_id, moment, category_id, semantic, stage_id)
        self._steps.setdefault(kind, []).append(step)

    def store(self, kind: str) -> ItemStore:
        """Return the steps of a type's items as rows."""
        found = self._stores.get(kind)
        if found is None:
            found = self._stores[kind] = ItemStore(kind, _fields(kind), typed=True)
        names = list(found.fields)[1:]
        steps = self._steps.get(kind, [])
        for step in steps[len(found.rows) :]:
            values = (
                str(step.type_id),
                str(step.item_id),
                step.moment,
                str(step.category_id),
                step.semantic,
                step.stage_id,
            )
            found.insert(step.number, dict(zip(names, values, strict=True)))
        return found


def _fields(kind: str) -> dict[str, Field]:
    """Leads have statuses where others have stages, and no pipelines."""
    if kind != "lead":
        return dict(_FIELDS)
    known: Mapping[str, str] = _LEAD_NAMES
    table = "\n".join(f"{known.get(name, name)} {field.type} -" for name, field in _FIELDS.items())
    return parse_table(table)
