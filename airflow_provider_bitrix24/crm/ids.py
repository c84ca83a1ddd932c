"""Ids. Bitrix24 casts what is not one to some other record's number, so nothing of the kind is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from airflow_provider_bitrix24.rest.errors import InvalidInputError

_LARGEST = 2**63 - 1
_LONGEST = len(str(_LARGEST))


def parse_id(value: Any, field: str) -> int:
    """Return a value as an id: a whole number from 1 to 2^63-1.

    Accepted are integers (numpy's too), integral decimals and texts of ASCII digits; not booleans, and not
    floats even where they are whole, because an id that went through a float may have lost digits.

    :param value: the value
    :param field: where it stands, for the message
    :raises InvalidInputError: it is not an id
    """
    number = _whole_number(value)
    if number is None:
        raise InvalidInputError(f"{field}: {shown(value)} is not an id", remedy=_remedy(value))
    if not 1 <= number <= _LARGEST:
        raise InvalidInputError(
            f"{field}: {shown(value)} is not an id", remedy="Give a whole number from 1 to 2^63-1."
        )
    return number


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip(" ")
        digits = text.isascii() and text.isdigit() and len(text.lstrip("0")) <= _LONGEST
        return int(text) if digits and text == value else None
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else None
    try:
        return int(type(value).__index__(value))
    except (AttributeError, TypeError):
        return None


def _remedy(value: Any) -> str:
    if value is None or value in ("None", "null", ""):
        return "The task that should have passed it returned nothing: check what it pushes to XCom."
    if isinstance(value, float) or type(value).__name__.startswith("float"):
        return "Cast it to int where it comes from; in pandas use the column type Int64."
    return "Give a whole number, or a text of digits, such as 7 or '7'."


def shown(value: Any) -> str:
    """Return a value for a message, cut short where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
