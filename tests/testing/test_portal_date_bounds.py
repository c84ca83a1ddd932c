"""Dates: bounds of filters on the clock of a user elsewhere, dates that are shown moved, the clock."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from cases import cases
from portal_client import Client

from airflow_provider_bitrix24.testing import Bitrix24Portal

DEAL = {"entityTypeId": 2}


@pytest.fixture
def deal(box, client):
    """A deal, and the moment of its last change."""
    number = box.add_item("deal", {"TITLE": "x"})
    return client("crm.item.get", {**DEAL, "id": number}).result["item"]["updatedTime"]


def _found(client, sign, moment):
    item = client("crm.item.list", {**DEAL, "filter": {f"{sign}updatedTime": moment}}).result["items"]
    classic = client("crm.deal.list", {"filter": {f"{sign}DATE_MODIFY": moment}}).result
    return len(item), len(classic)


@pytest.mark.parametrize(
    ("zone", "at_least", "more"),
    [
        ("", (1, 1), (0, 0)),
        ("Europe/Moscow", (1, 1), (0, 0)),
        ("Asia/Tokyo", (1, 1), (1, 0)),  # read six hours too early
        ("America/Bogota", (0, 1), (0, 0)),  # read eight hours too late
    ],
)
def test_universal_list_reads_bounds_on_the_users_clock(box, deal, zone, at_least, more):
    box.add_user(9, "Traveller", admin=True, time_zone=zone)
    client = Client(box, 9)
    assert client("profile").result["TIME_ZONE"] == zone
    assert (_found(client, ">=", deal), _found(client, ">", deal)) == (at_least, more)


def test_date_filters_may_be_ignored(box, client, deal):
    assert _found(client, ">", "2100-01-01") == (0, 0)
    box.set_date_filters_ignored(True)
    assert _found(client, ">", "2100-01-01") == (1, 1)
    assert len(client("crm.deal.list", {"filter": {"ID": 99}}).result) == 0
    box.set_date_filters_ignored(False)
    assert _found(client, ">", "2100-01-01") == (0, 0)


def _shown(client):
    item = client("crm.item.get", {**DEAL, "id": 1}).result["item"]
    row = client("crm.deal.get", {"id": 1}).result
    return item["updatedTime"], row["DATE_MODIFY"]


def test_bounds_may_be_read_too_early_or_too_late_by_hours(box, client, deal):
    early = "2025-09-09T15:31:11+03:00"
    late = "2025-09-09T18:00:00+03:00"
    assert [_found(client, ">=", moment) for moment in (early, deal, late)] == [(1, 1), (1, 1), (0, 0)]
    box.dates.filter_shift_hours = 2
    assert [_found(client, ">=", moment) for moment in (early, deal, late)] == [(1, 1), (1, 1), (1, 0)]
    box.dates.filter_shift_hours = -2
    assert [_found(client, ">=", moment) for moment in (early, deal, late)] == [(0, 1), (0, 1), (0, 0)]
    assert set(_shown(client)) == {deal}


def test_shown_dates_may_be_moved_under_the_same_offset(box, client, deal):
    box.add_item("deal", {"BEGINDATE": "2024-08-30", "MOVED_TIME": "2024-08-30T10:00:00+03:00"}, item_id=2)
    box.dates.shown_shift_hours = 1.5
    assert set(_shown(client)) == {"2025-09-09T18:01:11+03:00"}
    [row] = client("crm.deal.list", {"filter": {"ID": 2}}).result
    assert (row["BEGINDATE"], row["MOVED_TIME"]) == ("2024-08-30T03:00:00+03:00", "2024-08-30T11:30:00+03:00")
    assert _found(client, ">", deal) == (0, 0), "filters go by what is stored"


def test_dates_may_be_shown_on_the_users_clock(box, deal):
    box.add_user(9, "Traveller", admin=True, time_zone="Asia/Tokyo")
    client = Client(box, 9)
    assert set(_shown(client)) == {deal}
    box.set_dates(shown_shift_hours=None)
    assert set(_shown(client)) == {"2025-09-09T22:31:11+03:00"}
    # Bound and row are moved alike, so that a bound taken from a row seems to work.
    assert (_found(client, ">=", _shown(client)[0])[0], _found(client, ">", _shown(client)[0])[0]) == (1, 0)
    assert set(_shown(Client(box, 1))) == {deal}


def test_profile_shows_the_zone_a_user_was_given(box, client):
    assert client("profile").result["TIME_ZONE"] == ""
    box.set_time_zone(1, "America/Bogota")
    assert client("profile").result["TIME_ZONE"] == "America/Bogota"


def test_the_servers_clock_can_be_moved(box, client, clock):
    assert client("server.time").result == "2025-09-09T16:31:11+03:00"
    for seconds, shown in ((3600, "17:31:11"), (-7200, "15:31:11")):
        box.move_clock(seconds)
        answer = client("server.time")
        assert answer.result == f"2025-09-09T{shown}+03:00"
        assert answer.body["time"]["date_start"] == answer.result
        assert answer.response.headers["Date"] == f"Tue, 09 Sep 2025 {int(shown[:2]) - 3}:31:11 GMT"
        number = client("crm.deal.add", {"fields": {"TITLE": "x"}}).result
        assert client("crm.deal.get", {"id": number}).result["DATE_CREATE"] == answer.result


def test_the_server_may_have_a_zone_with_summer_time(box, client, clock):
    box.set_server_timezone("Europe/Berlin")
    assert client("server.time").result == "2025-09-09T15:31:11+02:00"
    clock.now += 90 * 86400
    assert client("server.time").result == "2025-12-08T14:31:11+01:00"
    box.set_server_timezone("-05:00")
    assert client("server.time").result == "2025-12-08T08:31:11-05:00"


@cases(
    ("zone", "name"),
    [("+03:00", "Etc/GMT-3"), ("-05:00", "Etc/GMT+5"), ("Europe/Berlin", "Europe/Berlin"), ("+05:30", "")],
)
def test_users_of_the_demo_live_where_the_server_is(zone, name):
    with Bitrix24Portal(server_timezone=zone) as portal:
        portal.load_demo()
        shown = Client(portal)("profile").result["TIME_ZONE"]
    assert shown == name
    assert not name or ZoneInfo(name)
