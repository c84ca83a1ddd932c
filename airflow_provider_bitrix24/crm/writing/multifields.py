"""Phones, e-mails and the like: an item's entries of one kind, all of which the API takes as ``fm``.

``fm`` names entries that are there by their id, and new ones ``n0``, ``n1``. An empty value deletes an entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.inputs import in_python, is_sequence
from airflow_provider_bitrix24.crm.writing.scalars import plain_text, whole
from airflow_provider_bitrix24.crm.writing.writer import ReadFile, Writer, json_of, parsed
from airflow_provider_bitrix24.rest.errors import InvalidInputError

Phones = Literal["add", "replace"]
#: in the order of the numbers that ``fm`` names their new entries by
KINDS = ("PHONE", "EMAIL", "WEB", "IM", "LINK")
#: numbers of new entries that each kind has to itself, so that the entries of all kinds fit one ``fm``
_NUMBERS = 1000
_DEFAULT_KIND = "WORK"
_KIND = re.compile(r"[A-Z][A-Z0-9_]*")
_SPELLINGS = {
    "id": "id",
    "kind": "kind",
    "valuetype": "kind",
    "value_type": "kind",
    "value": "value",
    "typeid": "type",
    "type_id": "type",
}
_REMEDY = (
    'Give a text, or a list of {"kind": "WORK", "value": ...}; an entry of the item is named by its "id".'
)

#: an entry: ``id`` where it names one that is there, ``kind`` where it is told, ``value``
Entry = dict[str, Any]


class EntriesWriter(Writer):
    """Writes an item's entries of one kind.

    :param kind: ``PHONE``, ``EMAIL``, ``WEB``, ``IM`` or ``LINK``
    :param column: the column that it takes values from
    :param phones: whether entries are added to those that are there, or replace them
    :param read_only: whether the API never lets them be written
    """

    def __init__(self, kind: str, column: str, *, phones: Phones, read_only: bool = False) -> None:
        super().__init__(kind, (column,), read_only=read_only)
        self._replaces = phones == "replace"

    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return the entries, ``None`` where there are none."""
        rows = _rows(self.only(given, place), place)
        found = [self._entry(row, f"{place}[{number}]") for number, row in enumerate(rows)]
        entries = [entry for entry in found if entry is not None]
        self._check_ids(entries, place)
        return self._each_once(entries) or None

    def _each_once(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries that name one of the item, then each other value once."""
        named = [entry for entry in entries if entry["id"] is not None]
        found = list(named)
        is_double = _is_equal if self._replaces else self._is_alike
        for entry in entries:
            if entry["id"] is None and _first(found, entry, is_double) is None:
                found.append(entry)
        return found

    def _entry(self, row: Any, place: str) -> Entry | None:
        """Return an entry; ``None`` for nothing."""
        if not isinstance(row, Mapping):
            value = _value(row, place)
            return None if value is None else {"id": None, "kind": None, "value": value}
        parts: dict[str, Any] = {}
        for name, part in row.items():
            key = _SPELLINGS.get(str(name).lower())
            if key is None or key in parts:
                problem = "has a key that is unknown or comes twice"
                raise InvalidInputError(f"{place}: the mapping {problem}", remedy=_REMEDY)
            parts[key] = part
        if parts.get("type") not in (None, "", self.name):
            raise InvalidInputError(f"{place}: the entry's typeId is not {self.name}", remedy=_REMEDY)
        number = parsed(whole, parts.get("id"), f"{place}.id", _REMEDY) or None
        value = _value(parts.get("value"), f"{place}.value")
        if value is not None:
            return {"id": number, "kind": self._kind(parts.get("kind"), f"{place}.kind"), "value": value}
        if number is not None and not self._replaces:
            raise InvalidInputError(
                f"{place}: the entry has no value, and nothing is deleted",
                remedy='With phones="replace" the item has exactly the entries of the row afterwards.',
            )
        return None

    def _kind(self, value: Any, place: str) -> str | None:
        kind = (_value(value, place) or "").upper()
        if kind and not _KIND.fullmatch(kind):
            raise InvalidInputError(f"{place}: the value is no kind such as WORK or HOME", remedy=_REMEDY)
        return kind or None

    def _check_ids(self, entries: Sequence[Entry], place: str) -> None:
        ids = [entry["id"] for entry in entries if entry["id"] is not None]
        if len(ids) != len(set(ids)):
            raise InvalidInputError(f"{place}: two entries have the same id", remedy=_REMEDY)

    def agrees(self, wanted: Any, item: Mapping[str, Any]) -> bool:
        """Tell whether the item has these entries."""
        present = self._present(item)
        return not self._has_unknown(wanted or [], present) and not self._changes(wanted or [], present)

    def taken(self, wanted: Any, item: Mapping[str, Any], shifts: Collection[timedelta] = ()) -> bool:
        """Tell whether the item has entries with these values, whatever their ids and their formatting."""
        if "fm" not in item:  # an answer without entries tells nothing of them
            return True
        left = self._present(item)
        for entry in sorted(wanted or [], key=lambda entry: entry["kind"] is None):
            found = _first(left, entry, self._is_accepted)
            if found is None:
                return False
            left.remove(found)
        return not left or not self._replaces

    def _is_accepted(self, entry: Entry, found: Entry) -> bool:
        has_kind = entry["kind"] in (None, found["kind"]) or (entry["id"] is None and not self._replaces)
        return has_kind and self._is_alike(entry, found)

    def sent(self, wanted: Any, item: Mapping[str, Any] | None, read_file: ReadFile) -> dict[str, Any]:
        """Return the entries that are new or change, and those that go, as ``fm``.

        Entries of a new item are all new, whatever ids they bring.
        """
        entries = wanted or []
        if item is None:
            entries, present = [{**entry, "id": None} for entry in entries], []
        else:
            present = self._present(item)
        if self._has_unknown(entries, present):
            raise InvalidInputError(
                "the item does not have an entry whose id is given",
                remedy="Leave the id out to add the entry.",
            )
        changes = self._changes(entries, present)
        return {"fm": changes} if changes else {}

    def needs_item(self, wanted: Any) -> bool:
        """Tell whether an update depends on the entries that are there."""
        return self._replaces or wanted is not None

    def _present(self, item: Mapping[str, Any]) -> list[Entry]:
        """Return the entries of the kind that an item has."""
        rows = item.get("fm") or []
        return [
            {
                "id": ft.integer(row.get("id")),
                "kind": row.get("valueType") or None,
                "value": str(row.get("value") or "").strip(),
            }
            for row in (rows.values() if isinstance(rows, Mapping) else rows)
            if row.get("typeId") == self.name
        ]

    def _has_unknown(self, wanted: Sequence[Entry], present: Sequence[Entry]) -> bool:
        known = {entry["id"] for entry in present}
        return any(entry["id"] is not None and entry["id"] not in known for entry in wanted)

    def _changes(self, wanted: Sequence[Entry], present: Sequence[Entry]) -> dict[str, Any]:
        """Return what becomes of each entry that does not stay as it is, by its key in ``fm``."""
        pairs, left = self._paired(wanted, present)
        changes: dict[str, Any] = {}
        fresh = KINDS.index(self.name) * _NUMBERS
        for entry, found in pairs:
            if found is None:
                changes[f"n{fresh}"] = self._row(entry["kind"] or _DEFAULT_KIND, entry["value"])
                fresh += 1
            elif (entry["id"] is not None or self._replaces) and not _is_equal(entry, found):
                changes[str(found["id"])] = self._row(entry["kind"] or found["kind"], entry["value"])
        if self._replaces:
            changes |= {str(entry["id"]): self._row(entry["kind"], "") for entry in left}
        return changes

    def _row(self, kind: str | None, value: str) -> dict[str, Any]:
        return {"typeId": self.name, "valueType": kind or _DEFAULT_KIND, "value": value}

    def _paired(
        self, wanted: Sequence[Entry], present: Sequence[Entry]
    ) -> tuple[list[tuple[Entry, Entry | None]], list[Entry]]:
        """Return each entry with the one that becomes it, and those that are left: the best ones first."""
        left, open_ones, found = list(present), list(wanted), {}
        for is_it in (_has_id, _is_equal, _is_same, self._is_alike):
            for entry in list(open_ones):
                other = _first(left, entry, is_it)
                if other is not None:
                    found[wanted.index(entry)] = other
                    left.remove(other)
                    open_ones.remove(entry)
        return [(entry, found.get(place)) for place, entry in enumerate(wanted)], left

    def _is_alike(self, entry: Entry, found: Entry) -> bool:
        return self._letters(entry["value"]) == self._letters(found["value"])

    def _letters(self, value: str) -> str:
        """Return what counts of a value: the digits of a phone, an e-mail in whatever case."""
        digits = _digits(value) if self.name == "PHONE" else ""
        return digits or (value.casefold() if self.name in ("PHONE", "EMAIL") else value)


def _digits(phone: str) -> str:
    """Return a phone's digits; 8 at the start of eleven is how Russians and Kazakhs dial their +7."""
    digits = re.sub("[^0-9]", "", phone)
    is_national = len(digits) == len("89001234567") and digits[0] == "8" and not phone.startswith("+")
    return f"7{digits[1:]}" if is_national else digits


def _value(value: Any, place: str) -> str | None:
    """Return a phone or the like without blanks at its ends, which the portal does not keep."""
    text: str | None = parsed(plain_text, value, place, _REMEDY)
    return (text or "").strip() or None


def _rows(value: Any, place: str) -> Sequence[Any]:
    """Return the entries of a cell: one, a list of them, or the JSON text of either."""
    found = in_python(value)
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        found = json_of(value)
        if found is None:
            raise InvalidInputError(f"{place}: the value begins like JSON and is none", remedy=_REMEDY)
    return found if is_sequence(found) else [found]


def _first(entries: Sequence[Entry], wanted: Entry, is_it: Callable[[Entry, Entry], bool]) -> Entry | None:
    return next((entry for entry in entries if is_it(wanted, entry)), None)


def _has_id(entry: Entry, found: Entry) -> bool:
    return entry["id"] is not None and entry["id"] == found["id"]


def _is_same(entry: Entry, found: Entry) -> bool:
    return bool(entry["id"] is None and entry["value"] == found["value"])


def _is_equal(entry: Entry, found: Entry) -> bool:
    return bool(entry["value"] == found["value"] and entry["kind"] in (None, found["kind"]))
