"""Bounds of date filters: on the clock of a user elsewhere, and where the portal ignores them."""

from __future__ import annotations

import pytest
from portal_client import Client

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
