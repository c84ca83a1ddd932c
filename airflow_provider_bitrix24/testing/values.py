"""What is written into a field, as it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import dates, php

if TYPE_CHECKING:
    from datetime import timezone

    from .fields import Field

# Stands for a value that leaves the field as it is.
UNREADABLE = object()


def scalar(known: Field, value: Any, zone: timezone, now: float) -> Any:
    """Return the stored form of one value: text, ``None``, or ``UNREADABLE``.

    :param zone: of dates that name none
    :param now: the portal's time, for ``tomorrow`` and the like
    """
    if value is None:
        return None
    if known.is_integer:
        return str(php.int_cast(value)) if value != "" else None
    if known.type == "double":
        return f"{php.float_cast(value):.2f}"
    if known.type in ("char", "boolean"):
        return _flag(known, value)
    if known.type in ("date", "datetime"):
        return _date(known, php.text(value), zone, now)
    return UNREADABLE if php.is_array(value) else php.text(value)


def _date(known: Field, value: str, zone: timezone, now: float) -> Any:
    if not value:
        return ""
    moment = dates.parse(value, zone, now)
    if moment is None:
        return UNREADABLE
    return dates.date_only(moment) if known.type == "date" else moment.isoformat(timespec="seconds")


def _flag(known: Field, value: Any) -> str:
    if known.type == "boolean":
        return "1" if value in ("Y", "y", "1", 1, True) else "0"
    return "Y" if value is True or php.text(value).upper() in ("Y", "1") else "N"
