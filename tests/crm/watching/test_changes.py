"""What a look for changes finds: everything that changed since the last look, once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.watching.changes import ChangesWatch, Cursor


@pytest.fixture
def hook(box, connect):
    """A hook that does not keep the cloud's pace, because the portal refuses nothing."""
    return connect(box.connection(plan="self-hosted"))


LOOKED_THROUGH = "so the newest changes of all are looked through."


class Looks:
    """Looks again and again, and is restarted now and then."""

    def __init__(self, hook, *, where=None, max_ids=1000):
        self.hook = hook
        self.arguments = ("deal", where, max_ids)
        self.cursor = None
        self.watch = ChangesWatch(*self.arguments)

    def look(self, look_back=None):
        found = self.hook.carry_out(self.watch.look(self.cursor, look_back))
        self.cursor, self.notes = found.cursor, found.notes
        return found.signal

    def ids(self):
        return sorted((self.look() or {"ids": []})["ids"])

    def restart(self):
        self.watch = ChangesWatch(*self.arguments)
        self.cursor = Cursor.of_json(json.loads(json.dumps(self.cursor.to_json())))


ACTIONS = st.lists(st.sampled_from(["add", "change", "look", "wait", "long", "restart"]), max_size=12)
ZONES = st.sampled_from(["", "Europe/Berlin", "America/New_York", "Asia/Tokyo"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, zone=ZONES, shift=st.sampled_from([0.0, None]))
def test_every_change_is_told_once_whatever_the_zones_are(box, hook, actions, zone, shift):
    box.set_server_timezone("Europe/Berlin")
    box.set_time_zone(1, zone)
    box.set_dates(shown_shift_hours=shift)
    deals = box.add_items("deal", [{"TITLE": "x"}, {"TITLE": "y"}])
    box.move_clock(60)
    looks = Looks(hook)
    looks.look()
    due = set()
    for action in [*actions, "look"]:
        if action == "add":
            due.add(box.add_item("deal", {"TITLE": "new"}))
        elif action == "change":
            box.update_item("deal", deals[0], {"TITLE": "z"})
            due.add(deals[0])
        elif action == "look":
            assert set(looks.ids()) == due
            due.clear()
            box.move_clock(1)  # the portal tells the time in whole seconds
        elif action == "restart":
            looks.restart()
        else:
            box.move_clock({"wait": 50, "long": 30 * 3600}[action])


def test_more_changes_than_one_look_reads_are_told_as_cut(box, hook):
    ids = box.add_items("deal", [{"TITLE": "x"}] * 1200)
    box.move_clock(3600)
    looks = Looks(hook, max_ids=3)
    looks.look()
    box.move_clock(1)
    for number in ids:
        box.update_item("deal", number, {"TITLE": "y"})
    signal = looks.look()
    assert (signal["count"], len(signal["ids"]), signal["truncated"]) == (500, 3, True)
    box.move_clock(1)
    assert looks.look() is None, "what is older than all that is remembered was told of"
    box.update_item("deal", ids[0], {"TITLE": "z"})
    assert looks.ids() == ids[:1]


def test_new_items_with_old_dates_are_told(box, hook):
    box.add_item("deal", {"TITLE": "x"})
    looks = Looks(hook)
    looks.look()
    box.move_clock(-30 * 24 * 3600)
    old = box.add_item("deal", {"TITLE": "restored"})
    box.move_clock(30 * 24 * 3600)
    assert looks.ids() == [old]
    assert looks.look() is None


def test_a_portal_that_ignores_date_filters_is_watched_by_its_newest_changes(box, hook):
    ids = box.add_items("deal", [{"TITLE": "x"}] * 700)
    box.set_dates(filter_ignored=True)
    box.move_clock(60)
    looks = Looks(hook)
    looks.look()
    box.move_clock(60)
    looks.restart()
    for number in ids[:60]:
        box.update_item("deal", number, {"TITLE": "y"})
    assert looks.ids() == ids[:60]
    assert looks.notes == (f"The portal's dates cannot be filtered by, {LOOKED_THROUGH}",)
    assert looks.look() is None


def test_a_clock_that_goes_back_loses_no_change(box, hook):
    deal = box.add_item("deal", {"TITLE": "x"})
    looks = Looks(hook)
    looks.look()
    box.move_clock(-3600)
    box.update_item("deal", deal, {"TITLE": "y"})
    assert looks.ids() == [deal]
    assert looks.notes == (f"The portal's clock has gone back, {LOOKED_THROUGH}",)
    before = looks.cursor.watermark
    assert looks.look() is None
    assert looks.cursor.watermark == before


def test_a_clock_that_is_put_to_another_zone_between_two_looks_loses_no_change(box, hook):
    box.set_server_timezone("UTC")
    box.set_time_zone(1, "UTC")
    deal = box.add_item("deal", {"TITLE": "x"})
    looks = Looks(hook)
    looks.look()
    box.move_clock(3600)
    assert looks.look() is None
    box.set_server_timezone("Asia/Tokyo")
    box.update_item("deal", deal, {"TITLE": "y"})
    box.clear_journal()
    assert looks.ids() == [deal]
    bounds = [call.params["filter"].get(">=updatedTime") for call in box.calls("crm.item.list")]
    assert len(bounds) == 4, "both lists are read with another bound"
    assert looks.look() is None
    assert len(box.calls("crm.item.list")) == 6


def without_times(plan):
    """Let a portal not tell how long its calls took, and when they began."""
    outcomes = None
    while True:
        try:
            step = plan.send(outcomes)
        except StopIteration as stop:
            return stop.value
        outcomes = [
            replace(outcome, reply=outcome.reply and replace(outcome.reply, time=None))
            for outcome in (yield step)
        ]


def test_the_time_is_asked_for_where_answers_do_not_tell_it(box, hook):
    watch = ChangesWatch("deal", None, 1)
    cursor = None
    for changed, as_told in enumerate([lambda plan: plan, without_times, without_times]):
        box.move_clock(60)
        deal = box.add_item("deal", {"TITLE": "new"})
        found = hook.carry_out(as_told(watch.look(cursor)))
        cursor = found.cursor
        assert (found.signal["ids"] if found.signal else []) == ([deal] if changed else [])
    asked = len(box.calls("server.time"))
    assert asked == 2, "at the first look, and after one that did not tell"


def test_the_first_look_tells_of_the_time_that_it_is_told_to_look_back(box, hook):
    box.set_server_timezone("UTC")
    box.set_time_zone(1, "UTC")
    box.add_item("deal", {"TITLE": "long ago"})
    box.move_clock(3600)
    new = box.add_item("deal", {"TITLE": "new"})
    box.move_clock(300)
    signal = Looks(hook).look(timedelta(minutes=10))
    assert signal["ids"] == [new]


def test_what_is_no_cursor_is_none():
    for value in (
        None,
        5,
        {},
        {"watermark": "x", "highest": 1, "seen": []},
        {"watermark": "2026-01-01T00:00"},
    ):
        assert Cursor.of_json(value) is None
