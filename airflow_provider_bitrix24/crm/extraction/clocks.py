"""The portal's clock, and how far the clocks that a date filter goes by may be apart.

``crm.item.list`` takes a bound to the server's clock and reads it on the user's. The dates it returns may be
shifted alike, so no answer shows the difference. Only a bound that is earlier by all of it is safe.
The API tells the name of the user's zone, but of the server's zone only the present offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from airflow_provider_bitrix24.rest.errors import UnexpectedResultError

#: no two clocks on earth are further apart
WIDEST = timedelta(hours=26)
#: the clocks of a portal's servers may be so far apart
APART = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class PortalClock:
    """The portal's time at one moment, and whose clocks it goes by.

    :param now: the portal's time, with the server's offset from UTC
    :param user_zone: name of the time zone of the user who calls; ``""`` where it is not known
    """

    now: datetime
    user_zone: str = ""

    @classmethod
    def read(cls, time: Any, profile: Any) -> PortalClock:
        """Return the clock from the results of two calls.

        :param time: of ``server.time``
        :param profile: of ``profile``; an inactive user has none
        :raises UnexpectedResultError: the portal does not tell its time
        """
        try:
            now = datetime.fromisoformat(time)
        except (TypeError, ValueError):
            now = None
        if now is None or now.utcoffset() is None:
            raise UnexpectedResultError("the portal does not tell its time", method="server.time")
        zone = profile.get("TIME_ZONE") if isinstance(profile, Mapping) else ""
        return cls(now=now, user_zone=zone if isinstance(zone, str) else "")

    @property
    def offset(self) -> timedelta:
        """The server's offset from UTC."""
        return self.now.utcoffset() or timedelta()

    @property
    def user_offset(self) -> timedelta | None:
        """The user's offset from UTC, ``None`` where the zone is not known."""
        zone = _zone(self.user_zone)
        return None if zone is None else _offset(zone, self.now)

    def is_set_anew(self, before: PortalClock) -> bool:
        """Return whether the portal's clock went back since, or a clock was put to summer time or back.

        The clocks of a portal's several servers may be a little apart, which is nothing.

        :param before: the clock, looked at before
        """
        offsets, offsets_before = ((clock.offset, clock.user_offset) for clock in (self, before))
        return offsets != offsets_before or self.now < before.now - APART

    def widening(self, bound: datetime) -> timedelta:
        """Return how much earlier than meant a bound has to be, so that no change is missed.

        A user without a zone of their own may have the portal's default zone, or the server's: nobody tells.
        The server's zone may be any that has its offset now. Zones that have set their clocks back since the
        bound widen it, too: rows keep the time on the server's clock, which showed one hour twice.

        :param bound: the bound as it is meant
        """
        user = _zone(self.user_zone)
        if user is None:
            return WIDEST
        of_user = {_offset(user, bound), _offset(user, self.now)}
        of_server = {self.offset} | {
            _offset(zone, bound) for zone in _all_zones() if _offset(zone, self.now) == self.offset
        }
        return max(abs(one - other) for one in of_user for other in of_server)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name.strip() else None
    except (KeyError, ValueError, OSError):
        return None


@cache
def _all_zones() -> tuple[ZoneInfo, ...]:
    return tuple(zone for name in sorted(available_timezones()) if (zone := _zone(name)) is not None)
