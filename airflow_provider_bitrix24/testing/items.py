"""CRM items: storage, and the conversion of what is written into what is read."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from . import dates, php
from .fields import MULTI_TYPES, STANDARD_FIELDS, Field, user_field
from .files import FileStore, uploaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timezone

Row = dict[str, Any]


@dataclass
class ItemStore:
    """All items of one type.

    Rows hold only what differs from the fields' defaults, so that a hundred thousand of them stay small;
    ``ids`` is always sorted, so that a window of ids is found without looking at every row.
    """

    kind: str
    fields: dict[str, Field]
    typed: bool
    rows: dict[int, Row] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)

    def insert(self, item_id: int | None, row: Row) -> int:
        """Store a row under the given or the next free number."""
        item_id = item_id or (self.ids[-1] + 1 if self.ids else 1)
        if item_id < 1 or item_id in self.rows:
            raise ValueError(f"{self.kind} {item_id}: not a positive number, or exists already")
        if not self.ids or item_id > self.ids[-1]:
            self.ids.append(item_id)
        else:
            insort(self.ids, item_id)
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


class Crm:
    """The items of a portal, by type."""

    def __init__(self, server_zone: timezone, files: FileStore) -> None:
        self._zone = server_zone
        self._files = files
        self._stores: dict[str, ItemStore] = {}
        self._multi_ids = count(100)

    def store(self, kind: str) -> ItemStore:
        """Return the items of a type, given by its lower-case name."""
        found = self._stores.get(kind)
        if found is None:
            standard = STANDARD_FIELDS.get(kind)
            known = dict(standard) if standard else {"ID": Field("ID", "integer", read_only=True)}
            found = self._stores[kind] = ItemStore(kind, known, typed=standard is not None)
        return found

    def kinds(self) -> list[str]:
        """Return the types that have items."""
        return [kind for kind, store in self._stores.items() if store.rows]

    def exists(self, kind: str, item_id: int) -> bool:
        """Tell whether there is such an item."""
        store = self._stores.get(kind)
        return store is not None and item_id in store.rows

    def title(self, kind: str, item_id: int) -> str:
        """Return what a person would call the item."""
        row = self.store(kind).rows.get(item_id, {})
        names = [row.get("NAME"), row.get("LAST_NAME")]
        return str(row.get("TITLE") or " ".join(name for name in names if name) or f"{kind} {item_id}")

    # ------------------------------------------------------------ writing

    def create(
        self, kind: str, values: Mapping[str, Any], *, author: int, now: float, item_id: int | None = None
    ) -> int:
        """Create an item from what a caller gave, dropping what is unknown or read-only."""
        store = self.store(kind)
        moment = dates.stamp(now, self._zone)
        row: Row = {"DATE_CREATE": moment, "DATE_MODIFY": moment, "LAST_ACTIVITY_TIME": moment}
        if "STAGE_ID" in store.fields:
            row["MOVED_TIME"] = moment
        for name in ("CREATED_BY_ID", "MODIFY_BY_ID", "ASSIGNED_BY_ID"):
            row[name] = str(author)
        self._write(store, row, values, author, now, creating=True)
        if not row.get("TITLE") and "TITLE" in store.fields:
            row["TITLE"] = kind.capitalize()
        return store.insert(item_id, row)

    def update(self, kind: str, item_id: int, values: Mapping[str, Any], *, author: int, now: float) -> None:
        """Change an item."""
        store = self.store(kind)
        row = store.rows[item_id]
        before = store.value(row, "STAGE_ID") if "STAGE_ID" in store.fields else None
        self._write(store, row, values, author, now, creating=False)
        row["DATE_MODIFY"] = dates.stamp(now, self._zone)
        row["MODIFY_BY_ID"] = str(author)
        if before is not None and store.value(row, "STAGE_ID") != before:
            row["MOVED_TIME"] = row["DATE_MODIFY"]
            row["MOVED_BY_ID"] = str(author)

    def put(self, kind: str, values: Mapping[str, Any], item_id: int | None, now: float) -> int:
        """Create an item for a test: read-only fields may be given, unknown ones are an error."""
        store = self.store(kind)
        for name in values:
            if store.typed and name not in store.fields:
                if not name.startswith("UF_"):
                    raise ValueError(f"{name!r} is no field of a {kind}; user fields are named UF_CRM_...")
                store.fields[name] = user_field(name)
        if not store.typed:
            return store.insert(item_id, dict(values))
        new_id = self.create(kind, values, author=1, now=now, item_id=item_id)
        row = store.rows[new_id]
        for name, value in values.items():
            if store.fields[name].read_only and name != "ID":
                row[name] = self._converted(store.fields[name], value, row, 1, now)
        return new_id

    def _write(
        self,
        store: ItemStore,
        row: Row,
        values: Mapping[str, Any],
        author: int,
        now: float,
        *,
        creating: bool,
    ) -> None:
        for name, value in values.items():
            known = store.fields.get(name)
            if known is None or known.read_only or (known.immutable and not creating):
                continue
            if known.write_only:
                self._write_links(row, known, value)
            elif known.is_multi:
                row[name] = self._merged_multi(known.name, row.get(name) or [], value)
            else:
                converted = self._converted(known, value, row, author, now)
                if converted is not _UNREADABLE:
                    row[name] = converted
        _derive(store, row)

    def _write_links(self, row: Row, known: Field, value: Any) -> None:
        """``CONTACT_IDS`` keeps the whole list; its first is ``CONTACT_ID``."""
        linked = [number for number in map(php.int_cast, php.values(value)) if number > 0]
        row[known.name] = linked
        row[known.name.removesuffix("S")] = str(linked[0]) if linked else None

    def _merged_multi(self, type_id: str, stored: list[Row], value: Any) -> list[Row]:
        """Entries with a known ID change or delete that one, all others are added."""
        merged = {entry["ID"]: dict(entry) for entry in stored}
        for entry in php.values(value) if php.is_array(value) else []:
            number, text = php.text(php.lookup(entry, "ID")), php.text(php.lookup(entry, "VALUE"))
            value_type = php.text(php.lookup(entry, "VALUE_TYPE")) or "WORK"
            if number in merged:
                if php.lookup(entry, "DELETE") == "Y" or not text:
                    del merged[number]
                else:
                    merged[number] |= {"VALUE": text, "VALUE_TYPE": value_type}
            elif text:
                new_id = str(next(self._multi_ids))
                merged[new_id] = {"ID": new_id, "VALUE_TYPE": value_type, "VALUE": text, "TYPE_ID": type_id}
        return list(merged.values())

    def _converted(self, known: Field, value: Any, row: Row, author: int, now: float) -> Any:
        """Return the stored form of a value, ``_UNREADABLE`` if the field shall stay as it is."""
        if known.multiple and known.type != "file":
            plain = [self._scalar(known, item, now) for item in php.values(value)]
            return [item for item in plain if item not in (_UNREADABLE, "", None)]
        if known.type == "file":
            return self._stored_files(known, value, row.get(known.name), author, now)
        return self._scalar(known, value, now)

    def _scalar(self, known: Field, value: Any, now: float) -> Any:
        if value is None:
            return None
        if known.is_integer:
            return str(php.int_cast(value)) if value != "" else None
        if known.type == "double":
            return f"{php.float_cast(value):.2f}"
        if known.type in ("char", "boolean"):
            return _flag(known, value)
        if known.type in ("date", "datetime"):
            return self._date(known, php.text(value), now)
        return _UNREADABLE if php.is_array(value) else php.text(value)

    def _date(self, known: Field, value: str, now: float) -> Any:
        if not value:
            return ""
        moment = dates.parse(value, self._zone, now)
        if moment is None:
            return _UNREADABLE
        return dates.date_only(moment) if known.type == "date" else moment.isoformat(timespec="seconds")

    def _stored_files(self, known: Field, value: Any, stored: Any, author: int, now: float) -> Any:
        """Write ``{"fileData": [name, base64]}``, or a list of those; anything else changes nothing."""
        entries = php.values(value) if known.multiple else [value]
        new = [uploaded(php.lookup(entry, "fileData")) for entry in entries]
        numbers = [self._files.add(*entry, author, now) for entry in new if entry]
        if not numbers:
            return _UNREADABLE if stored is None or not php.truthy(php.lookup(value, "remove")) else None
        return numbers if known.multiple else numbers[0]


_UNREADABLE = object()


def _flag(known: Field, value: Any) -> str:
    if known.type == "boolean":
        return "1" if value in ("Y", "y", "1", 1, True) else "0"
    return "Y" if value is True or php.text(value).upper() in ("Y", "1") else "N"


def _derive(store: ItemStore, row: Row) -> None:
    """Fill the fields that follow from others."""
    for name, semantic in (("STAGE_ID", "STAGE_SEMANTIC_ID"), ("STATUS_ID", "STATUS_SEMANTIC_ID")):
        if name in row and semantic in store.fields:
            row[semantic] = stage_semantic(row[name] or "")
            if "CLOSED" in store.fields:
                row["CLOSED"] = "N" if row[semantic] == "P" else "Y"
    for name in ("PHONE", "EMAIL"):
        if name in row and name in MULTI_TYPES:
            row[f"HAS_{name}"] = "Y" if row[name] else "N"


def stage_semantic(stage: str) -> str:
    """Return S, F or P: success, failure, in process."""
    code = stage.rpartition(":")[2]
    if code in ("WON", "CONVERTED", "APPROVED", "SUCCESS"):
        return "S"
    return "F" if code in ("LOSE", "APOLOGY", "JUNK", "DECLAINED", "FAIL") else "P"
