"""Ids. Bitrix24 casts a bad id to the id of another record, so no bad id is sent."""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import Any

from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_LARGEST = 2**63 - 1
_LONGEST = len(str(_LARGEST))


def parse_id(value: Any, field: str) -> int:
    """Return a value as an id: a whole number from 1 to 2^63-1.

    Integers (numpy's too), integral decimals and texts of ASCII digits are ids. Booleans are not, and floats
    are not even if they are whole, because an id that was a float may have lost digits.

    :param value: the value
    :param field: where it stands, for the message
    :raises InvalidInputError: it is not an id
    """
    number = _whole_number(value)
    if number is None or not 1 <= number <= _LARGEST:
        raise InvalidInputError(f"{field}: {shown(value)} is not an id", remedy=_remedy(value))
    return number


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        digits = value.isascii() and value.isdigit() and len(value.lstrip("0")) <= _LONGEST
        return int(value) if digits else None
    if isinstance(value, Decimal):
        # A decimal may stand for a number of a billion digits, which is not written out to look at it.
        short = value.is_finite() and value.adjusted() < _LONGEST
        return int(value) if short and value == value.to_integral_value() else None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _remedy(value: Any) -> str:
    # A text is compared as one: an array or pandas' NA answers a comparison with something else.
    if value is None or (isinstance(value, str) and value.strip() in ("", "None", "null")):
        return RETURNED_NOTHING
    if isinstance(value, float) or type(value).__name__.startswith("float"):
        return "Cast it to int where it comes from; in pandas use the column type Int64."
    return "Give a whole number from 1 to 2^63-1, or a text of its digits, such as 7 or '7'."
