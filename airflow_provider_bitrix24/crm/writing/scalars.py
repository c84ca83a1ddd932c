"""Single values of each type: how a row gives them, how the API takes them, and when two are the same.

A row's values come as Python, as a database or as a cell of CSV has them. An error says what a value is not,
and never the value.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sized
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.columns import PRECISION
from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.rest.texts import problem_of

#: digits behind the point that a number may bring
_MOST_BEHIND = 30
#: how many codes a message names
_SHOWN = 10
#: characters of a whole number that is worth reading
_LONGEST_WHOLE = 64
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.ASCII | re.IGNORECASE)
_CRM_ITEM = re.compile(r"[A-Z][A-Za-z0-9]*_[1-9][0-9]*")


class Scalar(ABC):
    """A type of single values."""

    #: how to give a value
    remedy: str = ""

    @abstractmethod
    def parse(self, value: Any) -> Any:
        """Return a row's value as the API takes it, ``None`` for nothing.

        :raises NotOfTypeError: it is no value of the type
        """

    @abstractmethod
    def read(self, value: Any) -> Any:
        """Return what the API answers, or what :meth:`parse` returned, so that it can be compared.

        :raises NotOfTypeError: it is no value of the type
        """

    def same(self, wanted: Any, found: Any) -> bool:
        """Tell whether two values that were read are the same, neither of which is nothing."""
        return bool(wanted == found)

    def accepted(self, wanted: Any, found: Any, shifts: Collection[timedelta]) -> bool:
        """Tell whether the portal may have made a value, or nothing, of what was wanted."""
        return found is not None and self.same(wanted, found)


class Whole(Scalar):
    """Whole numbers."""

    remedy = "Give a whole number such as 10000, without blanks and commas."

    def parse(self, value: Any) -> int | None:
        """Return the number."""
        return whole(value)

    def read(self, value: Any) -> int | None:
        """Return the number."""
        return ft.integer(value)


class Id(Whole):
    """Ids of something; 0 is none."""

    remedy = "Give an id such as 7; None for none."

    def parse(self, value: Any) -> int | None:
        """Return the id."""
        found = whole(value) or None
        if found is not None and found < 0:
            raise NotOfTypeError("no id")
        return found

    def read(self, value: Any) -> int | None:
        """Return the id."""
        return ft.link(value)


class Number(Scalar):
    """Decimals, as text so that they lose no digit.

    :param scale: how many digits behind the point the field keeps
    """

    remedy = "Give a number such as 10000.50, without blanks and commas."

    def __init__(self, scale: int) -> None:
        self._scale = scale
        self._unit = Decimal(1).scaleb(-scale)
        self._most = Decimal(10) ** (PRECISION - scale)

    def parse(self, value: Any) -> str | None:
        """Return the number as text."""
        if is_nothing(value):
            return None
        found = _decimal(value)
        if found is None:
            raise NotOfTypeError("no number")
        if not -self._most < found < self._most:
            raise NotOfTypeError(f"no number of {PRECISION} digits, {self._scale} of them behind the point")
        if _behind(found) > _MOST_BEHIND:
            raise NotOfTypeError(f"a number of more than {_MOST_BEHIND} digits behind the point")
        return f"{found:f}"

    def read(self, value: Any) -> Decimal | None:
        """Return the number."""
        if is_nothing(value) or value is False:
            return None
        found = ft.number(value)
        if found is None:
            raise NotOfTypeError("no number")
        return found

    def same(self, wanted: Decimal, found: Decimal) -> bool:
        """Tell whether two numbers are the same, or one is the other as the field can keep it."""
        if wanted == found:
            return True
        is_near = self._is_too_exact(wanted) and abs(wanted - found) * 2 <= self._unit
        return is_near and not self._is_too_exact(found)

    def accepted(self, wanted: Decimal, found: Decimal | None, shifts: Collection[timedelta]) -> bool:
        """Tell whether a number differs only behind the digits that the field keeps."""
        if found is None:
            return False
        return wanted == found or (self._is_too_exact(wanted) and abs(wanted - found) < self._unit)

    def _is_too_exact(self, wanted: Decimal) -> bool:
        return wanted != round(wanted, self._scale)


class Flag(Scalar):
    """Yes or no; the API takes 1 for no."""

    remedy = "Give True or False."

    def parse(self, value: Any) -> str | None:
        """Return ``Y`` or ``N``."""
        if is_nothing(value):
            return None
        found = ft.flag(value)
        if found is None:
            raise NotOfTypeError("neither yes nor no")
        return "Y" if found else "N"

    def read(self, value: Any) -> bool | None:
        """Return the flag."""
        return ft.yes_or_no(value)


class Text(Scalar):
    """Texts, as they are."""

    remedy = "Give a text."

    def parse(self, value: Any) -> str | None:
        """Return the text; a number is its digits."""
        return plain_text(value)

    def read(self, value: Any) -> str | None:
        """Return the text."""
        return ft.text(value)

    def same(self, wanted: str, found: str) -> bool:
        """Tell whether a text differs only in what the portal trims: else each run would write it again."""
        return _trimmed(wanted) == _trimmed(found)

    def accepted(self, wanted: str, found: str | None, shifts: Collection[timedelta]) -> bool:
        """Tell whether the portal took a text, which it may trim."""
        return self.same(wanted, found or "")


class Code(Text):
    """Codes of a status, a stage and the like.

    :param codes: those that exist, ``None`` where that is not known
    """

    def __init__(self, codes: Collection[str] | None) -> None:
        self._codes = codes
        first = ", ".join(sorted(codes or ())[:_SHOWN])
        self.remedy = f"The field takes {first}{and_more(codes or (), _SHOWN)}." if first else "Give a code."

    def parse(self, value: Any) -> str | None:
        """Return the code."""
        found = plain_text(value)
        if found is not None and self._codes is not None and found not in self._codes:
            raise NotOfTypeError("no code that the field knows")
        return found


class Address(Text):
    """Addresses, behind whose text the portal may write the number that it keeps them by."""

    def same(self, wanted: str, found: str) -> bool:
        """Tell whether the text is the same; the number counts only where it is given."""
        return found == wanted or ("|" not in wanted and found.partition("|")[0] == wanted)

    def accepted(self, wanted: str, found: str | None, shifts: Collection[timedelta]) -> bool:
        """Tell whether the text differs only in line ends, and in blanks at its ends."""
        return self.same(_trimmed(wanted), _trimmed(found or ""))


class CrmItemText(Text):
    """Items of the CRM as ``D_1``, or by their id alone where the field allows one type only."""

    remedy = "Give the type's short name and the id, such as D_1 for deal 1."

    def parse(self, value: Any) -> str | None:
        """Return the item."""
        text = plain_text(value)
        if text is None or text == "0":
            return None
        found = text.strip()
        if not _CRM_ITEM.fullmatch(found) and not (found.isascii() and found.isdigit()):
            raise NotOfTypeError("no item of the CRM")
        return found

    def accepted(self, wanted: str, found: str | None, shifts: Collection[timedelta]) -> bool:
        """Tell whether it is the item, with its type or without."""
        return found is not None and (wanted == found or wanted == found.rpartition("_")[2])


def is_nothing(value: Any) -> bool:
    """Tell whether a row's value is none: ``None`` or an empty text.

    :param value: the value
    """
    return value is None or (isinstance(value, str) and value == "")


def and_more(values: Sized, shown: int) -> str:
    """Return what follows a list in a message of which only some values are shown.

    :param values: all of them
    :param shown: how many are shown at most
    """
    return f" and {len(values) - shown} more" if len(values) > shown else ""


def whole(value: Any) -> int | None:
    """Return a whole number of 64 bits, ``None`` for nothing.

    :param value: the number as a row gives it
    :raises NotOfTypeError: it is none
    """
    if is_nothing(value):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not value or len(value) > _LONGEST_WHOLE:
            raise NotOfTypeError("no whole number")
    elif isinstance(value, bool):
        raise NotOfTypeError("no whole number")
    elif isinstance(value, Decimal):
        value = _without_fraction(value)
    elif hasattr(value, "__index__"):  # NumPy's integers as well
        value = operator.index(value)
    return ft.integer(value)


def _without_fraction(value: Decimal) -> int:
    is_whole = value.is_finite() and value.adjusted() < _LONGEST_WHOLE and value == value.to_integral_value()
    if not is_whole:
        raise NotOfTypeError("no whole number")
    return int(value)


def plain_text(value: Any) -> str | None:
    """Return a text as it is, a number as its digits, ``None`` for nothing.

    :param value: the text as a row gives it
    :raises NotOfTypeError: it is none
    """
    if is_nothing(value):
        return None
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, str):
        return _digits(value)
    if problem := problem_of(value):
        raise NotOfTypeError(f"no text that can be stored: {problem}")
    return str(value)


def _digits(value: Any) -> str:
    """Return the digits of a number: of whole ones those of a whole number, also if it is a float."""
    if not isinstance(value, (float, Decimal)):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise NotOfTypeError("no text")
        return str(operator.index(value))
    found = _decimal(value)
    if found is None or found.adjusted() > _LONGEST_WHOLE or _behind(found) > _MOST_BEHIND:
        raise NotOfTypeError("no number that can be written as text")
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else f"{found:f}"


def _decimal(value: Any) -> Decimal | None:
    """Return a finite number, of floats the shortest digits that mean the same."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool):
        return None
    if not isinstance(value, (str, float)):
        if not hasattr(value, "__index__"):
            return None
        value = operator.index(value)
        return Decimal(value) if abs(value) < 10**_LONGEST_WHOLE else None
    text = str(value).strip()
    return Decimal(text) if _NUMBER.fullmatch(text) and len(text) <= _LONGEST_WHOLE else None


def _behind(value: Decimal) -> int:
    """Return how many digits a number has behind the point; many where it is not finite."""
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else PRECISION


def _trimmed(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
