"""Dates and times as the portal reads and writes them, in its server's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)\Z", re.DOTALL)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\Z")


def zone(offset: str) -> tzinfo:
    """Return the time zone of an offset such as ``+03:00``, or of a name such as ``Europe/Berlin``."""
    found = _OFFSET.match(offset)
    if found is None:
        try:
            return ZoneInfo(offset)
        except (ValueError, ZoneInfoNotFoundError):
            raise ValueError(
                f"{offset!r} is no offset from UTC such as '+03:00' and no zone such as 'Europe/Berlin'"
            ) from None
    delta = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-delta if found[1] == "-" else delta)


def name_of(found: tzinfo) -> str:
    """Return the name of a time zone, ``""`` for an offset of no whole hours, which has none."""
    if isinstance(found, ZoneInfo):
        return found.key
    minutes = (found.utcoffset(None) or timedelta()) // timedelta(minutes=1)
    return "" if minutes % 60 else f"Etc/GMT{-minutes // 60:+d}"  # its sign is the other way round


def stamp(moment: float, server: tzinfo) -> str:
    """Write a moment as the API does: ``2025-09-09T16:31:11+03:00``."""
    return datetime.fromtimestamp(int(moment), server).isoformat()


def shown(moment: float, server: tzinfo) -> str:
    """Write a moment for a person, with its zone: ``9 Sep 2025 16:31:11 +03:00``."""
    when = datetime.fromtimestamp(int(moment), server)
    return f"{when.day} {when:%b %Y %H:%M:%S} {when.isoformat()[-6:]}"


def parse(value: str, server: tzinfo, now: float) -> datetime | None:
    """Read what ``strtotime`` most commonly is given; ``None`` if it cannot be read.

    :param value: ISO 8601, ``DD.MM.YYYY`` with or without a time, or ``now``, ``today``, ``tomorrow``, ...
    :param server: zone of values that name none
    :param now: the portal's time
    """
    word = value.strip().lower()
    if word in _WORDS:
        return _relative(word, server, now)
    found = _DAY_FIRST.match(word)
    if found:
        word = f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}{found[4]}"
    try:
        moment = datetime.fromisoformat(word.upper())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=server)).astimezone(server)


_WORDS = {"now": None, "today": 0, "midnight": 0, "tomorrow": 1, "yesterday": -1}


def _relative(word: str, server: tzinfo, now: float) -> datetime:
    moment = datetime.fromtimestamp(int(now), server)
    days = _WORDS[word]
    if days is None:
        return moment
    return moment.replace(hour=0, minute=0, second=0) + timedelta(days=days)


def date_only(moment: datetime) -> str:
    """Write a date: the clock part is nothing but the server's offset."""
    offset = max(moment.utcoffset() or timedelta(), timedelta())
    clock = (datetime(2000, 1, 1, tzinfo=UTC) + offset).strftime("%H:%M:%S")
    return f"{moment:%Y-%m-%d}T{clock}{moment.isoformat()[-6:]}"
