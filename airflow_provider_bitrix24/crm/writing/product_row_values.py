"""One product row as it is to be: its values read strictly, as they are sent, and compared with the portal's.

An error names the row's number and the column, and never a value of the row.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from airflow_provider_bitrix24.crm.extraction.product_rows import FIELDS
from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.columns import PRECISION
from airflow_provider_bitrix24.crm.fields.schema import CrmField, CrmSchema, static_schema
from airflow_provider_bitrix24.crm.inputs import in_python, is_missing
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.texts import problem_of

MONETARY, PERCENTAGE = 1, 2
#: what the portal counts with where a row does not say otherwise
_DEFAULTS: dict[str, Any] = {
    "productId": None,
    "discountTypeId": PERCENTAGE,
    "discountRate": "0",
    "discountSum": "0",
    "taxRate": None,
    "taxIncluded": "N",
}
#: of a row's two discounts, the one that its kind does not go by follows from the other
_FOLLOWS = {MONETARY: "discountRate", PERCENTAGE: "discountSum"}
#: decimals that differ by less are the same: extracted ones have six digits behind the point
_CLOSE = Decimal("0.000001")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,18})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?", re.ASCII)
#: whole numbers up to which a float holds each one exactly
_EXACT = 2**53


@dataclass(frozen=True)
class ProductRow:
    """A product row as it is to be.

    :param place: where it stands in the input, such as ``rows[3]``
    :param sent: what is sent of it, by the API's names
    :param columns: what the input calls these fields
    """

    place: str
    sent: Mapping[str, Any] = field(hash=False)
    columns: Mapping[str, str] = field(hash=False)

    def is_held_by(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row of the portal is as this one, also where this one leaves a value out.

        :param row: the row as the API answers it
        """
        expected = {**_DEFAULTS, **self.sent}
        expected.pop(_FOLLOWS[expected["discountTypeId"]])
        return all(_agrees(name, value, row.get(name)) for name, value in expected.items())

    def not_taken(self, row: Mapping[str, Any]) -> list[str]:
        """Return the places of the values that a row of the portal does not hold.

        :param row: the row as the API answered it
        """
        return [
            f"{self.place}.{self.columns[name]}"
            for name, value in self.sent.items()
            if not _agrees(name, value, row.get(name))
        ]

    @property
    def sort(self) -> int:
        """By what it is put in order among the rows of its item."""
        return int(self.sent.get("sort", 0))


@dataclass(frozen=True)
class GivenRow:
    """A row of the input, of which only the owner is read.

    :param owner_id: the item that it belongs to
    :param values: its values by the API's names, without those that are ``None``
    :param columns: what the input calls these fields
    """

    owner_id: int
    values: Mapping[str, Any] = field(hash=False)
    columns: Mapping[str, str] = field(hash=False)

    @property
    def left_out(self) -> list[str]:
        """Columns that the portal works out itself."""
        names = self.columns.keys() - _READERS.keys() - {"ownerId", "ownerType"}
        return [self.columns[name] for name in FIELDS if name in names]

    def read(self, place: str, owner_type: str) -> ProductRow:
        """Return the product row.

        :param place: where it stands, for the message
        :param owner_type: how product rows call the type of its item
        :raises InvalidInputError: a value is none of its type, or one that is needed is missing
        """
        if str(self.values.get("ownerType", owner_type)).casefold() != owner_type.casefold():
            raise InvalidInputError(
                f"{place}.{self.columns['ownerType']}: the row belongs to an item of another type",
                remedy=f"Give the type of the rows' items as entity_type, or leave the column out; "
                f"rows of this type have {owner_type!r}.",
            )
        sent = {
            name: _read(read, self.values[name], f"{place}.{self.columns[name]}")
            for name, read in _READERS.items()
            if name in self.values
        }
        if not sent.get("productId"):  # 0 is no product
            sent.pop("productId", None)
        _check_complete(sent, place)
        discount = sent.get("discountTypeId", PERCENTAGE)
        follows = _FOLLOWS[discount]
        decisive = _FOLLOWS[MONETARY if discount == PERCENTAGE else PERCENTAGE]
        if decisive not in sent and Decimal(sent.get(follows, 0)):
            raise InvalidInputError(
                f"{place}.{self.columns[follows]}: the portal ignores it with discount_type_id {discount}",
                remedy="Give discount_rate with discount_type_id 2 (percentage, the default), or "
                "discount_sum with discount_type_id 1 (amount).",
            )
        sent.pop(follows, None)
        return ProductRow(place, sent, self.columns)


def column_of(name: Any, place: str) -> CrmField:
    """Return the field that a column stands for.

    :param name: the column's name, in lower case or as the API writes it
    :param place: where the row stands, for the message
    :raises InvalidInputError: there is no such field
    """
    found = _field(name) if isinstance(name, str) else None
    if found is None:
        raise _SCHEMA.unknown(name, place)
    return found


@cache
def _field(name: str) -> CrmField | None:
    return _SCHEMA.find(name)


_SCHEMA: CrmSchema = static_schema("product_rows", FIELDS, ("id",), "snake")


def _check_complete(sent: Mapping[str, Any], place: str) -> None:
    for name, column in (("price", "price"), ("quantity", "quantity")):
        if name not in sent:
            raise InvalidInputError(
                f"{place}.{column}: it is missing or empty", remedy="A row needs a price and a quantity."
            )
    if sent.keys().isdisjoint({"productId", "productName"}):
        raise InvalidInputError(
            f"{place}: product_id and product_name are missing or empty", remedy="Give at least one of them."
        )


def _read(read: Callable[[Any], Any], value: Any, place: str) -> Any:
    try:
        return read(in_python(value))
    except ft.NotOfTypeError as error:
        problem = str(error)
    raise InvalidInputError(f"{place}: the value is {problem}", remedy="Mend the row, or leave it out.")


# --- values as they are sent ---


def _digits(value: Any) -> str:
    """Return a number of any type as people write it, ``""`` for what is none."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, float):
        value = Decimal(repr(float(value)))
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() and abs(value.adjusted()) <= PRECISION else ""
    if isinstance(value, str):
        return value.strip()
    try:
        return str(operator.index(value))
    except TypeError:
        return ""


def _decimal(value: Any) -> str:
    text = _digits(value)
    if not _DECIMAL.fullmatch(text):
        raise ft.NotOfTypeError("no number such as 1234.5, of at most 12 digits before the point")
    return text


def _whole(value: Any) -> int:
    text = "" if isinstance(value, float) and not abs(value) < _EXACT else _digits(value)
    if not _WHOLE.fullmatch(text):
        raise ft.NotOfTypeError("no whole number")
    return int(text.partition(".")[0])


def _product_id(value: Any) -> int:
    found = _whole(value)
    if found < 0:
        raise ft.NotOfTypeError("no id")
    return found


def _discount_type(value: Any) -> int:
    found = _whole(value)
    if found not in _FOLLOWS:
        raise ft.NotOfTypeError("neither 1 (amount) nor 2 (percentage)")
    return found


def _name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ft.NotOfTypeError("no text")
    text = str(value)
    if problem := problem_of(text):
        raise ft.NotOfTypeError(f"no text that can be sent: {problem}")
    return text


def _flag(value: Any) -> str:
    found = ft.flag(value)  # databases without booleans have 1 and 0
    if found is None:
        raise ft.NotOfTypeError("neither yes nor no")
    return "Y" if found else "N"


#: what may be written, and what reads it
_READERS: dict[str, Callable[[Any], Any]] = {
    "productId": _product_id,
    "productName": _name,
    "price": _decimal,
    "quantity": _decimal,
    "discountTypeId": _discount_type,
    "discountRate": _decimal,
    "discountSum": _decimal,
    "taxRate": _decimal,
    "taxIncluded": _flag,
    "measureCode": _whole,
    "sort": _whole,
}


# --- comparing ---


def _agrees(name: str, wanted: Any, held: Any) -> bool:
    """Tell whether a value of the portal is what was wanted; ``None`` is no value."""
    if ft.is_empty(held) or (name == "productId" and held in (0, "0")):
        held = _DEFAULTS.get(name)
    if wanted is None or held is None:
        return wanted is held
    if _READERS[name] is _decimal:
        found = ft.number(held)
        return found is not None and abs(found - Decimal(wanted)) < _CLOSE
    if name == "productName":
        return str(held).strip() == str(wanted).strip()
    return str(held) == str(wanted)


def is_given(value: Any) -> bool:
    """Tell whether a row holds a value at all.

    :param value: the value
    """
    is_blank = isinstance(value, str) and not value.strip()
    return not (value is None or is_blank or is_missing(value))
