"""Days and moments of a row."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.crm.writing.scalars import Scalar, is_nothing

#: a day, which midnight may follow
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-][0-9:]+)?)?", re.ASCII)
#: a day and a time; Python reads other things, too
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}[0-9:.]*(?: ?(?:Z|[+-][0-9:]+))?", re.ASCII
)


class Day(Scalar):
    """Days."""

    remedy = "Give it as 2026-05-04, without a time."

    def parse(self, value: Any) -> str | None:
        """Return the day in ISO form; of a moment, only if it is midnight."""
        if is_nothing(value):
            return None
        if isinstance(value, datetime):
            found = value.date() if value == value and value.time() == time() else None  # NaT is not itself
        elif isinstance(value, date):
            found = value
        else:
            found = _day(value)
        if found is None:
            raise NotOfTypeError("no day")
        return found.isoformat()

    def read(self, value: Any) -> date | None:
        """Return the day."""
        return ft.calendar_day(value)


class Moment(Scalar):
    """Moments, to the second.

    :param zone: the zone of those that name none, ``None`` to refuse them
    """

    remedy = "Give it with its offset from UTC, such as 2026-05-04T10:00:00+02:00."

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone

    def parse(self, value: Any) -> str | None:
        """Return the moment in UTC, in ISO form, to the second: the API keeps no more."""
        if is_nothing(value):
            return None
        found = value if isinstance(value, datetime) else _moment(value)
        if found is None or found != found:  # NaT is not itself
            raise NotOfTypeError("no moment")
        if found.utcoffset() is None:
            if self._zone is None:
                raise NotOfTypeError("a moment without an offset from UTC, and the API would guess one")
            found = found.replace(tzinfo=self._zone)
        in_utc = _in_utc(found)
        if in_utc is None:
            raise NotOfTypeError("no moment that UTC can name")
        return in_utc.isoformat(timespec="seconds")

    def read(self, value: Any) -> datetime | None:
        """Return the moment."""
        return ft.instant(value)

    def accepted(self, wanted: datetime, found: datetime | None, shifts: Collection[timedelta]) -> bool:
        """Tell whether it is the moment, as it is or as the portal shifts it."""
        return found is not None and (found == wanted or found - wanted in shifts)


def _day(value: Any) -> date | None:
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _moment(value: Any) -> datetime | None:
    text = value.strip() if isinstance(value, str) else ""
    try:
        return datetime.fromisoformat(text.replace(" +", "+")) if _MOMENT.fullmatch(text) else None
    except ValueError:
        return None


def _in_utc(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
