"""Values in ``crm.item.*``: numbers are numbers, what is empty is null, and phones are in ``fm``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import php
from .date_habits import moved
from .fields import MULTI_TYPES
from .item_files import as_classic
from .item_store import stored_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .fields import Field
    from .item_store import ItemStore, Row

    Reader = Callable[[Row], Any]


def reader(field: Field, shift: float) -> Reader:
    """Return what reads a field from a row as ``crm.item.*`` answers it; files are not decided here.

    :param shift: seconds by which dates with a time are moved
    """
    cast = _cast(field, shift)
    if field.multiple:
        return lambda row: [cast(item) for item in stored_value(field, row) or ()]
    if field.first_of is not None:
        return lambda row: stored_value(field, row)
    name, default = field.name, field.default
    if cast is _as_it_is:
        return lambda row: row.get(name, default) or None

    def read(row: Row) -> Any:
        value = row.get(name, default)
        return None if value is None or value == "" else cast(value)

    return read


def _cast(field: Field, shift: float) -> Callable[[Any], Any]:
    if field.is_integer:
        return int
    if field.type == "double":
        return _number
    if field.type == "boolean":
        return lambda value: "Y" if value == "1" else "N"
    if field.type == "datetime" and shift:
        return lambda value: moved(value, shift)
    return _as_it_is


def _number(value: str) -> float:
    number = float(value)
    return int(number) if number.is_integer() else number


def _as_it_is(value: Any) -> Any:
    return value


def shown_multi(row: Row) -> list[dict[str, Any]]:
    """Return ``fm``."""
    return [
        {"id": int(entry["ID"]), "valueType": entry["VALUE_TYPE"], "value": entry["VALUE"], "typeId": name}
        for name in MULTI_TYPES
        for entry in row.get(name) or ()
    ]


def has_multi(store: ItemStore) -> bool:
    """Tell whether items of the type have phones and the like."""
    return MULTI_TYPES[0] in store.fields


def written(fields: Mapping[str, Field], sent: Mapping[str, Any], row: Row | None) -> dict[str, Any]:
    """Translate what a caller sent into names and values as classic methods take them.

    :param fields: the type's fields by the caller's names
    :param row: the item as it is, ``None`` for a new one
    """
    values: dict[str, Any] = {}
    for name, value in sent.items():
        field = fields.get(name)
        if field is not None and field.first_of is None:
            values[field.name] = _written_value(field, value)
        elif name == "fm":
            values |= _written_multi(value, row or {})
    return values


def _written_value(field: Field, value: Any) -> Any:
    if field.type in ("char", "boolean"):
        return [_flag(entry) for entry in php.values(value)] if field.multiple else _flag(value)
    if field.type == "file":
        return as_classic(value, multiple=field.multiple)
    return value


def _flag(value: Any) -> str:
    return "Y" if value is True or value in ("Y", "y", "true") else "N"


def _written_multi(sent: Any, row: Row) -> dict[str, list[Row]]:
    """Read ``fm``: a number as key changes or deletes an entry of the item, any other key adds one."""
    known = {entry["ID"]: (name, entry) for name in MULTI_TYPES for entry in row.get(name) or ()}
    written: dict[str, list[Row]] = {}
    for key, entry in php.pairs(sent):
        if row and key.isdigit() and key not in known:
            continue
        name, before = known.get(key, (php.text(php.lookup(entry, "typeId")), None))
        if name not in MULTI_TYPES:
            continue
        value, value_type = php.lookup(entry, "value"), php.lookup(entry, "valueType")
        change = {"VALUE": value, "VALUE_TYPE": value_type}
        if before is not None:
            change = {name: before[name] if new is None else new for name, new in change.items()}
            change["ID"] = key
        written.setdefault(name, []).append(change)
    return written
