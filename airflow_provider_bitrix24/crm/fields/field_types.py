"""The types of the CRM's fields: what the API's values of each are, in Python.

Sensors compare by these types, extraction reads by them. Where the API says in one of its many ways that
there is no value, these functions say ``None``; what is no value of the type raises ``NotOfTypeError``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_bitrix24.crm.fields.columns import PRECISION, ValueType

_LINKS = ("user", "crm_lead", "crm_deal", "crm_contact", "crm_company", "crm_entity", "crm_quote")
_NUMBERS = ("integer", "double", "money", "crm_category", *_LINKS)
#: types whose values are the ids of something; 0 is none of it
IDS = (*_LINKS, "crm", "employee", "enumeration", "iblock_element", "iblock_section")
FLAGS = ("boolean", "char")
#: types whose values say nothing about a customer
HARMLESS = (*FLAGS, *_LINKS, "crm_status", "crm_category")

#: a day, which a time may follow
_DAY = re.compile(r"([0-9]{4}-?[0-9]{2}-?[0-9]{2})([T ][0-9:.]+(Z|[+-][0-9:]+)?)?")
_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0*)?", re.ASCII)
_BOOLEANS = {"Y": True, "N": False, "TRUE": True, "FALSE": False, "1": True, "0": False}


class NotOfTypeError(ValueError):
    """A value is none of its field's type; the message says what it is not, and never the value."""


def is_empty(value: Any) -> bool:
    """Tell whether a value is nothing at all, as the API writes it.

    :param value: the value
    """
    return value is None or (isinstance(value, (str, list)) and not value)


# --- comparing: None is what is no value of the type ---


def reader(kind: str) -> tuple[Callable[[Any], Any], str]:
    """Return what reads values of a type, ``None`` for what is none of it, and the type in words.

    :param kind: the type, as the metadata names it
    """
    if kind in _NUMBERS:
        return number, "a number"
    if kind in FLAGS:
        return flag, "yes or no"
    if kind == "date":
        return day, "a date"
    if kind == "datetime":
        return moment, "a moment with its offset from UTC, such as 2026-05-04T10:00:00+02:00"
    return _plain_text, "a text"


def number(value: Any) -> Decimal | None:
    """Return a number; money of a user's field (``100|USD``) without its currency.

    :param value: the number, as the API or a user writes it
    """
    text = str(value).partition("|")[0]
    if "_" in text:  # as Python writes numbers, but neither people nor the portal do
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def flag(value: Any) -> bool | None:
    """Return yes or no.

    :param value: ``Y``, ``N``, ``1``, ``0`` and the like
    """
    return _BOOLEANS.get(str(value).strip().upper())


def day(value: Any) -> date | None:
    """Return a day: of a moment, the day that its first ten characters name.

    :param value: the day, as the API or a user writes it
    """
    if isinstance(value, datetime):
        return value.date()
    match = _DAY.fullmatch(str(value))
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def moment(value: Any) -> datetime | None:
    """Return a moment that names its offset from UTC.

    :param value: the moment, as the API or a user writes it
    """
    if not isinstance(value, datetime):
        try:
            value = datetime.fromisoformat(value)
        except (ValueError, TypeError):
            return None
    return value if value.tzinfo is not None else None


def _plain_text(value: Any) -> str | None:
    return None if isinstance(value, (bool, list, Mapping)) else str(value)


# --- extracting: an error is what is no value of the type ---


def integer(value: Any) -> int | None:
    """Return a whole number of 64 bits.

    :raises NotOfTypeError: it is none
    """
    if type(value) is int:
        found = value
    elif value is None or value == "" or value is False:
        return None
    elif isinstance(value, float) and value.is_integer():
        found = int(value)
    elif isinstance(value, str) and _WHOLE.fullmatch(value):
        found = int(value.partition(".")[0])
    else:
        raise NotOfTypeError("no whole number")
    if not -(2**63) <= found < 2**63:
        raise NotOfTypeError("no number of 64 bits")
    return found


def link(value: Any) -> int | None:
    """Return the id of something; 0 is none.

    :raises NotOfTypeError: it is none
    """
    return integer(value) or None


def decimal_of(scale: int) -> Callable[[Any], Decimal | None]:
    """Return what reads decimals, and rounds them to so many digits behind the point.

    :param scale: digits behind the point
    """
    unit = Decimal(1).scaleb(-scale)
    most = Decimal(10) ** (PRECISION - scale)

    def read(value: Any) -> Decimal | None:
        if value is None or value == "" or value is False:
            return None
        found = None if value is True else number(value)
        if found is None or not -most < found < most:
            raise NotOfTypeError(f"no number of {PRECISION} digits")
        return found.quantize(unit)

    return read


def money_of(scale: int) -> Callable[[Any], Decimal | None]:
    """Return what reads the amount of money of a user's field (``100|USD``).

    :param scale: digits behind the point
    """
    read = decimal_of(scale)
    return lambda value: read(value.partition("|")[0] if isinstance(value, str) else value)


def currency(value: Any) -> str | None:
    """Return the currency of money of a user's field (``100|USD``)."""
    return (value.partition("|")[2] if isinstance(value, str) else "") or None


def yes_or_no(value: Any) -> bool | None:
    """Return a flag.

    :raises NotOfTypeError: it is none
    """
    if value == "Y":
        return True
    if value == "N":
        return False
    if is_empty(value):
        return None
    found = flag(value)
    if found is None:
        raise NotOfTypeError("neither yes nor no")
    return found


def calendar_day(value: Any) -> date | None:
    """Return a day.

    :raises NotOfTypeError: it is none
    """
    if is_empty(value) or value is False:
        return None
    found = day(value)
    if found is None:
        raise NotOfTypeError("no day")
    return found


def instant(value: Any) -> datetime | None:
    """Return a moment in UTC.

    :raises NotOfTypeError: it is none, or does not name its offset
    """
    if not value:  # users' moments may be {}
        return None
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        pass
    raise NotOfTypeError("no moment with an offset from UTC")


def text(value: Any) -> str | None:
    """Return a text, ``None`` for an empty one.

    :raises NotOfTypeError: it is none
    """
    if type(value) is str:
        return value or None
    if value is None or value is False or value == []:
        return None
    if isinstance(value, (Mapping, list)):
        return json.dumps(value, ensure_ascii=False)
    return "Y" if value is True else str(value)


def file_id(value: Any) -> int | None:
    """Return the id of a file; its link is left out, because it carries a token.

    :raises NotOfTypeError: it is none
    """
    if value == []:  # as PHP writes a mapping that holds nothing
        return None
    return link(value.get("id") if isinstance(value, Mapping) else value)


def anything(value: Any) -> Any:
    """Return a list or mapping as it is, ``None`` for an empty one."""
    return None if value in (None, "", False, [], {}) else value


def many(read: Callable[[Any], Any]) -> Callable[[Any], list[Any] | None]:
    """Return what reads a list of values, ``None`` where there are none.

    :param read: reads one of them
    """
    return lambda value: [found for one in _several(value) if (found := read(one)) is not None] or None


def many_monies(read: Callable[[Any], Any]) -> Callable[[Any], list[Any] | None]:
    """Return what reads a part of each money of a list, ``None`` where there is no money.

    An amount and its currency stand at the same place of two lists, so a part that is missing is ``None``.

    :param read: reads the amount or the currency of one
    """
    return lambda value: [read(one) for one in _several(value) if not is_empty(one) and one != "|"] or None


def _several(value: Any) -> Collection[Any]:
    """Return the values of a multiple field."""
    if value in (None, "", False, [], {}):
        return ()
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else [value]


def _is_enumerated(kind: str) -> bool:
    """Tell whether values are the numbers of something that the API knows: the kind of an activity."""
    return kind.startswith("crm_enum_")


def is_whole(kind: str) -> bool:
    """Tell whether values of a type are whole numbers, ids among them.

    :param kind: the type, as the metadata names it
    """
    return value_type(kind) is ValueType.INTEGER and kind not in ("file", "diskfile")


def value_type(kind: str) -> ValueType:
    """Return what values of a type are in a column.

    :param kind: the type, as the metadata names it
    """
    if _is_enumerated(kind):
        return ValueType.INTEGER
    return _VALUE_TYPES.get(kind, ValueType.TEXT)


def read_as(kind: str, scale: int) -> Callable[[Any], Any]:
    """Return what reads a value of a type.

    :param kind: the type, as the metadata names it
    :param scale: digits behind the point, of decimals
    """
    if kind == "double":
        return decimal_of(scale)
    if kind == "money":
        return money_of(scale)
    if _is_enumerated(kind):
        return integer
    return _READ.get(kind, text)


_READ: dict[str, Callable[[Any], Any]] = {
    "integer": integer,
    "crm_category": integer,
    **dict.fromkeys((*_LINKS, "employee", "enumeration", "iblock_element", "iblock_section"), link),
    "resourcebooking": link,
    "file": file_id,
    "diskfile": file_id,
    **dict.fromkeys(FLAGS, yes_or_no),
    "date": calendar_day,
    "datetime": instant,
    "object": anything,
}
_OTHER_TYPES: dict[Callable[[Any], Any], ValueType] = {
    yes_or_no: ValueType.BOOLEAN,
    calendar_day: ValueType.DATE,
    instant: ValueType.TIMESTAMP,
    anything: ValueType.JSON,
}
_VALUE_TYPES: dict[str, ValueType] = {
    "double": ValueType.DECIMAL,
    "money": ValueType.DECIMAL,
    **{kind: _OTHER_TYPES.get(read, ValueType.INTEGER) for kind, read in _READ.items()},
}
