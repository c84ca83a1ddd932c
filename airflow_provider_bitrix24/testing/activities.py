"""Activities: calls, to-dos and the like, which have numbers and bindings of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import dates, php
from .fields import parse_table
from .item_store import ItemStore, Row
from .values import UNREADABLE, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

    from .owner_types import OwnerTypes
    from .timeline import Pair

MOST_BINDINGS = 100

_FIELDS = parse_table("""
    ID integer - r; OWNER_ID integer - r; OWNER_TYPE_ID integer - r; TYPE_ID integer 6 i
    PROVIDER_ID string - i; PROVIDER_TYPE_ID string - i; PROVIDER_GROUP_ID string - i
    ASSOCIATED_ENTITY_ID integer 0 r; SUBJECT string -; CREATED datetime - r; LAST_UPDATED datetime - r
    START_TIME datetime -; END_TIME datetime -; DEADLINE datetime -; COMPLETED char N; STATUS integer 1 r
    RESPONSIBLE_ID user -; PRIORITY integer 2; NOTIFY_TYPE integer 0; NOTIFY_VALUE integer 0
    DESCRIPTION string -; DESCRIPTION_TYPE integer 1; DIRECTION integer 0; LOCATION string -
    SETTINGS object -; ORIGINATOR_ID string -; ORIGIN_ID string -; AUTHOR_ID user - r; EDITOR_ID user - r
    PROVIDER_PARAMS object -; PROVIDER_DATA string -; RESULT_MARK integer 0; RESULT_VALUE double -
    RESULT_SUM double -; RESULT_CURRENCY_ID string -; RESULT_STATUS integer 0; RESULT_STREAM integer 0
    RESULT_SOURCE_ID string -; AUTOCOMPLETE_RULE integer 0 r
""")
# What is stored where there is no deadline, but for the server's offset.
_NEVER = "9999-12-31T00:00:00"
_OFFSET = slice(len(_NEVER), None)

# What an activity is called: its TYPE_ID, PROVIDER_ID and PROVIDER_TYPE_ID.
KINDS: Mapping[str, tuple[int, str, str]] = {
    "meeting": (1, "CRM_MEETING", "MEETING"),
    "call": (2, "VOXIMPLANT_CALL", "CALL"),
    "task": (3, "CRM_TASKS_TASK", "TASKS_TASK"),
    "email": (4, "CRM_EMAIL", "EMAIL"),
    "todo": (6, "CRM_TODO", "TODO"),
}


class Activities:
    """All activities of a portal and what they are bound to; the first binding is the owner.

    ``revision`` grows with every change.
    """

    def __init__(self, zone: tzinfo, types: OwnerTypes) -> None:
        self.zone = zone
        self._types = types
        self.store = ItemStore("activity", _FIELDS, typed=True)
        self._items: dict[int, list[Pair]] = {}
        self._activities_of: dict[Pair, dict[int, None]] = {}
        self.revision = 0

    def exists(self, activity_id: int) -> bool:
        """Tell whether there is such an activity."""
        return activity_id in self.store.rows

    def kind(self, row: Row) -> str:
        """Return a person's word for an activity."""
        provider = row.get("PROVIDER_ID")
        return next((name for name, known in KINDS.items() if known[1] == provider), "activity")

    # ------------------------------------------------------------ writing

    def add(
        self, pairs: Iterable[Pair], kind: str, values: Mapping[str, Any], *, author: int, now: float
    ) -> int:
        """Create an activity.

        :param pairs: the items it is bound to, its owner first
        :param kind: one of ``KINDS``
        :param values: fields by name; unknown ones are dropped
        """
        type_id, provider, provider_type = KINDS[kind]
        moment = dates.stamp(now, self.zone)
        row: Row = {
            "TYPE_ID": str(type_id),
            "PROVIDER_ID": provider,
            "PROVIDER_TYPE_ID": provider_type,
            "CREATED": moment,
            "START_TIME": moment,
            "RESPONSIBLE_ID": str(author),
            "AUTHOR_ID": str(author),
        }
        self._write(row, values, now)
        self._touch(row, author, now)
        activity_id = self.store.insert(None, row)
        self.rebind(activity_id, list(dict.fromkeys(pairs)))
        return activity_id

    def update(self, activity_id: int, values: Mapping[str, Any], *, author: int, now: float) -> None:
        """Change an activity; the fields that are decided at its creation stay."""
        row = self.store.rows[activity_id]
        kept = {name: value for name, value in values.items() if not _is_fixed(name)}
        self._write(row, kept, now)
        self._touch(row, author, now)

    def _write(self, row: Row, values: Mapping[str, Any], now: float) -> None:
        for name, value in values.items():
            known = self.store.fields.get(name)
            if known is None or known.read_only:
                continue
            if known.type == "object":
                converted = value if php.is_array(value) else UNREADABLE
            else:
                converted = scalar(known, value, self.zone, now)
            if converted is not UNREADABLE:
                row[name] = converted
        row["STATUS"] = "2" if row.get("COMPLETED") == "Y" else "1"
        row.setdefault("END_TIME", row.get("START_TIME"))
        if "DEADLINE" not in row and row["PROVIDER_ID"] != KINDS["email"][1]:
            row["DEADLINE"] = row["END_TIME"]
        if not row.get("DEADLINE"):
            row["DEADLINE"] = _NEVER + row["CREATED"][_OFFSET]

    def _touch(self, row: Row, author: int, now: float) -> None:
        self.revision += 1
        row["LAST_UPDATED"] = dates.stamp(now, self.zone)
        row["EDITOR_ID"] = str(author)

    def delete(self, activity_id: int) -> None:
        """Delete an activity and its bindings."""
        self.rebind(activity_id, [])
        self._items.pop(activity_id, None)
        if self.exists(activity_id):
            self.store.remove(activity_id)

    # ------------------------------------------------------------ bindings

    def bindings(self, activity_id: int) -> list[Pair]:
        """Return the items an activity is bound to, the owner first."""
        return list(self._items.get(activity_id, ()))

    def rebind(self, activity_id: int, pairs: list[Pair]) -> None:
        """Replace all bindings; the first one becomes the owner."""
        self.revision += 1
        for pair in self._items.get(activity_id, ()):
            del self._activities_of[pair][activity_id]
            if not self._activities_of[pair]:
                del self._activities_of[pair]
        self._items[activity_id] = pairs
        for pair in pairs:
            self._activities_of.setdefault(pair, {})[activity_id] = None
        if pairs:
            owner = self._types.by_name(pairs[0][0])
            row = self.store.rows[activity_id]
            row["OWNER_TYPE_ID"] = str(owner.type_id if owner else 0)
            row["OWNER_ID"] = str(pairs[0][1])

    def of(self, pair: Pair) -> list[int]:
        """Return the activities bound to an item, oldest first."""
        return sorted(self._activities_of.get(pair, ()))

    def bound_items(self) -> list[Pair]:
        """Return every item that an activity is bound to."""
        return list(self._activities_of)

    def item_deleted(self, pair: Pair) -> None:
        """Drop an item's bindings, and the activities that were bound to nothing else."""
        for activity_id in self.of(pair):
            left = [other for other in self.bindings(activity_id) if other != pair]
            if left:
                self.rebind(activity_id, left)
            else:
                self.delete(activity_id)


def deadline(row: Row) -> str | None:
    """Return when an activity has to be done, if there is such a moment."""
    stored = row.get("DEADLINE")
    return None if not stored or stored.startswith(_NEVER) else str(stored)


def _is_fixed(name: str) -> bool:
    known = _FIELDS.get(name)
    return known is not None and known.immutable
