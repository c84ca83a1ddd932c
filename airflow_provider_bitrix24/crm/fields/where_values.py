"""Values of filters: checked by their field's type, and made the API's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.filters import check_date
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

#: a day and a time, in whatever spelling, without an offset from UTC
_WITHOUT_ZONE = re.compile(r"[0-9.-]{8,10}[T ][0-9:.,]+", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)
_OPTION = ("enumeration", "iblock_element", "iblock_section")


def filter_value(value: Any, kind: str, place: str, *, of_user: bool = False, is_part: bool = False) -> Any:
    """Return a value as the API's filters take it.

    What is no number, flag, date or id is refused: the API would read it as 0 or as "no", or leave it out.

    :param value: the value, as a user writes it
    :param kind: its field's type, as the metadata names it
    :param place: where it stands, for the message
    :param of_user: whether it is a user's field; their flags are filtered by 1 and 0
    :param is_part: whether it is a part of what is looked for, which is text of any kind
    :raises InvalidInputError: it is no value of the type
    """
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise _zoneless(value.isoformat(), place)
        value = value.isoformat(timespec="seconds")
    elif isinstance(value, date):
        value = value.isoformat()
    elif kind == "datetime" and isinstance(value, str) and _WITHOUT_ZONE.fullmatch(value.strip()):
        raise _zoneless(value, place)
    elif isinstance(value, Decimal):
        value = format(value, "f")
    elif isinstance(value, Mapping):
        raise InvalidInputError(f"{place}: {shown(value)} is not a value or a list of values")
    if is_part or _is_nothing(value):
        return value
    return _of_type(value, kind, place, of_user=of_user)


def _is_nothing(value: Any) -> bool:
    """Tell whether it is nothing to compare with, which another check judges by the operator."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "None", "null"))


def _of_type(value: Any, kind: str, place: str, *, of_user: bool) -> Any:
    if kind in ft.FLAGS:
        flag = ft.flag(value)
        if flag is None:
            raise _not(value, place, "yes or no", "Give True or False.")
        return int(flag) if of_user else "Y" if flag else "N"
    if kind in ("date", "datetime"):
        check_date(value, place, is_bound=False)
    elif kind in ("double", "money"):
        amount = value.partition("|")[0] if kind == "money" and isinstance(value, str) else value
        if not _fits(_DECIMAL, amount):
            raise _not(value, place, "a number", "Give it as 10000 or 10000.50, without blanks and commas.")
    elif ft.is_whole(kind) and not (value is False or _fits(_WHOLE, value)):  # False: without a value
        raise _not(value, place, *_whole_in_words(kind))
    return value


def _whole_in_words(kind: str) -> tuple[str, str]:
    """Return what a type's whole numbers are, and what to give."""
    if kind in _OPTION:
        return "the id of an option", "Give its id: .enum_values behind the dataset's name lists the options."
    if kind in ft.IDS:
        return "an id", "Give an id such as 7."
    return "a whole number", "Give it as 10000, without blanks, commas and a point."


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    is_scalar = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return is_scalar and pattern.fullmatch(str(value).strip()) is not None


def _not(value: Any, place: str, what: str, remedy: str) -> InvalidInputError:
    return InvalidInputError(f"{place}: {shown(value)} is not {what}", remedy=remedy)


def _zoneless(value: str, place: str) -> InvalidInputError:
    return InvalidInputError(
        f"{place}: {value} has no offset from UTC, and the API would guess one",
        remedy="Give it one, such as 2026-05-04T10:00:00+02:00.",
    )
