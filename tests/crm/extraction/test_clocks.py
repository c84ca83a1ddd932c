"""How far the user's clock and the server's may be apart, as a bound has to allow for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.extraction.clocks import WIDEST, PortalClock
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError

WINTER, SUMMER = "2026-12-01T12:00:00", "2026-07-01T12:00:00"
HOUR = timedelta(hours=1)


def widening(now, zone, bound=None):
    clock = PortalClock.read(now, {"TIME_ZONE": zone})
    return clock.widening(datetime.fromisoformat(bound) if bound else clock.now - HOUR)


@cases(
    ("now", "zone", "hours"),
    [
        (f"{WINTER}+03:00", "Europe/Moscow", 0),
        (f"{SUMMER}+03:00", "Europe/Moscow", 0),
        (f"{SUMMER}+02:00", "Europe/Berlin", 0),
        (f"{WINTER}+03:00", "Asia/Kolkata", 2.5),
        (f"{WINTER}+03:00", "America/New_York", 8),
        (f"{WINTER}-11:00", "Pacific/Kiritimati", 25),
    ],
)
def test_a_bound_is_earlier_by_the_difference_of_the_zones_in_either_direction(now, zone, hours):
    assert widening(now, zone) == timedelta(hours=hours)


@cases("profile", [None, [], {}, {"TIME_ZONE": ""}, {"TIME_ZONE": "Mars/Olympus"}, {"TIME_ZONE": 3}])
def test_a_zone_that_nobody_knows_may_be_any(profile):
    clock = PortalClock.read(f"{WINTER}+03:00", profile)
    assert clock.widening(clock.now) == WIDEST == timedelta(hours=26)


def test_the_difference_at_the_bounds_date_counts_too():
    assert widening(f"{WINTER}+03:00", "Asia/Tehran", "2020-07-01T00:00:00+00:00") == timedelta(hours=1.5)
    assert widening(f"{WINTER}+01:00", "Africa/Algiers", f"{SUMMER}+00:00") == HOUR


def test_an_hour_that_the_servers_clock_showed_twice_is_read_twice():
    """Rows keep the time on the server's clock: a change at the second 2:30 lies before a bound of 2:50."""
    assert widening("2026-10-25T02:30:00+01:00", "Europe/Berlin", "2026-10-25T02:50:00+02:00") == HOUR
    assert widening("2026-10-26T02:30:00+01:00", "Europe/Berlin", "2026-10-26T01:50:00+01:00") == timedelta()


@cases("time", [None, False, [], "", "soon", 5, "2026-05-04T10:00:00"])
def test_a_portal_that_does_not_tell_its_time_is_an_error(time):
    with pytest.raises(UnexpectedResultError, match=r"server\.time: the portal does not tell its time"):
        PortalClock.read(time, {})


@given(
    now=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
    ago=st.timedeltas(timedelta(), timedelta(days=4000)),
    offset=st.integers(-12 * 4, 14 * 4),
    zone=st.sampled_from(["Europe/Moscow", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_the_shifted_bound_is_never_later_than_meant(now, ago, offset, zone):
    clock = PortalClock(now=now.replace(tzinfo=timezone(offset * HOUR / 4)), user_zone=zone)
    bound = clock.now - ago
    widened = clock.widening(bound)
    assert timedelta() <= widened <= WIDEST
    for moment in (bound, clock.now):
        user = moment.astimezone(ZoneInfo(zone)).utcoffset()
        assert bound - widened - (user - clock.offset) <= bound
        assert bound - widened + (user - clock.offset) <= bound
    assert clock.now.astimezone(UTC) == clock.now
