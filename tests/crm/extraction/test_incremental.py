"""Extractions one after another, of a portal that changes while it is read, into a table in memory."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_bitrix24.crm.extraction.deletions import check_census, check_share, confirm_gone
from airflow_provider_bitrix24.crm.extraction.windows import begin, window_after
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

CALL = Call("crm.item.list", {"entityTypeId": 2})
OVERLAP = timedelta(minutes=2)


class Scene:
    """A portal whose deals change all the time, and a table that follows it.

    :param random: decides what happens
    """

    def __init__(self, random):
        self.random = random
        self.now = datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()
        self.table, self.watermark, self.max_id = {}, None, None

    def clock(self):
        return self.now

    def change(self, portal, hook):
        """Let some time pass, and a few deals be added, restored, changed or deleted."""
        for _ in range(self.random.randrange(4)):
            self.now += self.random.choice([0, 0.4, 1, 30])
            numbers = list(portal.items("deal"))
            what = self.random.choice(["add", "restore", "change", "change", "delete"])
            number = self.random.choice(numbers)
            if what == "add":
                portal.add_item("deal", {"TITLE": f"new {self.now}"})
            elif what == "restore":
                portal.add_item("deal", {"TITLE": "restored", "DATE_MODIFY": "2020-01-01T00:00:00+03:00"})
            elif what == "change":
                fields = {"title": f"{self.now} {self.random.random()}"}
                hook.call("crm.item.update", {"entityTypeId": 2, "id": number, "fields": fields})
            elif len(numbers) > 40:
                portal.delete_item("deal", number)

    def extract(self, portal, hook, killed_after=None):
        """Read a window; a killed extraction leaves in the table what it had, and keeps its watermark."""
        beginning = hook.carry_out(begin(CALL, "updatedTime"))
        window = window_after(beginning, self.watermark, self.max_id, OVERLAP)
        highest = self.max_id or 0
        count = 0
        for filters in window.filters({}):
            params = {**CALL.params, "filter": filters, "select": ["id", "title"]}
            for row in hook.records(CALL.method, params):
                if count % 25 == 0:
                    self.change(portal, hook)
                count += 1
                if count == killed_after:
                    return
                self.table[row["id"]] = row["title"]
                highest = max(highest, row["id"])
        self.watermark, self.max_id = window.watermark, highest

    def sweep(self, portal, hook):
        """Take out of the table what is gone."""
        beginning = hook.carry_out(begin(CALL))
        read = {row["id"] for row in hook.records(CALL.method, {**CALL.params, "select": ["id"]})}
        self.change(portal, hook)
        up_to = beginning.highest
        hook.carry_out(check_census(CALL, sum(number <= up_to for number in read), up_to))
        candidates = {number for number in self.table if number <= up_to} - read
        found = hook.carry_out(confirm_gone(CALL, "deal", sorted(candidates)))
        check_share(len(found.gone), len(self.table), 1.0)
        for number in found.gone:
            del self.table[number]


SLOW = pytest.mark.slow
ZONES = [
    "America/New_York",
    *(pytest.param(zone, marks=SLOW) for zone in ("Europe/Moscow", "Asia/Tokyo", "")),
]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_the_table_equals_the_portal_in_the_end(connect, zone):
    scene = Scene(random.Random(zone))
    with Bitrix24Portal(limits=Limits.off(), clock=scene.clock) as portal:
        portal.add_user(9, "Reader", time_zone=zone)
        hook = connect(portal.connection(user_id=9))
        portal.add_items("deal", [{"TITLE": str(number)} for number in range(70)])
        for round_ in range(8):
            scene.now += scene.random.choice([1, 60, 3600, 40_000])
            scene.change(portal, hook)
            killed_after = scene.random.randrange(1, 40) if round_ % 3 == 1 else None
            scene.extract(portal, hook, killed_after)
            if round_ % 4 == 3:
                scene.sweep(portal, hook)
        scene.change = lambda *_: None
        scene.extract(portal, hook)
        scene.sweep(portal, hook)
        assert scene.table == {number: row["TITLE"] for number, row in portal.items("deal").items()}
