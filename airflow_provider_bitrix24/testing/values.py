"""What is written into a field, as it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import dates, php

if TYPE_CHECKING:
    from datetime import tzinfo

    from .fields import Field

# Stands for a value that leaves the field as it is.
UNREADABLE = object()


def scalar(known: Field, value: Any, zone: tzinfo, now: float) -> Any:
    """Return the stored form of one value: text, ``None``, or ``UNREADABLE``.

    :param zone: of dates that name none
    :param now: the portal's time, for ``tomorrow`` and the like
    """
    if value is None:
        return None if known.is_user_field or known.type != "double" else known.default
    if known.type == "enumeration":
        return _option(known, php.int_cast(value))
    if known.is_integer:
        return str(php.int_cast(value)) if value != "" else None
    if known.type == "double":
        return _number(known, value)
    if known.type in ("char", "boolean"):
        return _flag(known, value)
    if known.type in ("date", "datetime"):
        return _date(known, php.text(value), zone, now)
    return UNREADABLE if php.is_array(value) else php.text(value)


def _date(known: Field, value: str, zone: tzinfo, now: float) -> Any:
    if not value:
        return ""
    moment = dates.parse(value, zone, now)
    if moment is None:
        return UNREADABLE
    return dates.date_only(moment) if known.type == "date" else moment.isoformat(timespec="seconds")


def _option(known: Field, number: int) -> Any:
    """Take the id of an option: a label is none, and 0 empties the field."""
    if not number:
        return None
    options = known.definition.options
    return str(number) if not options or any(o.number == number for o in options) else UNREADABLE


def _number(known: Field, value: Any) -> str | None:
    """Amounts of the item have two digits behind the point, a user field has as many as it needs."""
    if not known.is_user_field:
        return f"{php.float_cast(value):.2f}"
    if value == "":
        return None
    written = f"{php.float_cast(value):.{known.definition.precision}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _flag(known: Field, value: Any) -> str:
    if known.type == "boolean":
        return "1" if value in ("Y", "y", "1", 1, True) else "0"
    return "Y" if value is True or php.text(value).upper() in ("Y", "1") else "N"
