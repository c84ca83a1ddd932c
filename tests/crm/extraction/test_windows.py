"""The window of an incremental extraction."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from cases import cases
from feeding import fed
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.extraction.clocks import PortalClock
from airflow_provider_bitrix24.crm.extraction.windows import (
    Beginning,
    begin,
    parse_overlap,
    parse_since,
    window_after,
    window_since,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

ITEMS = Call("crm.item.list", {"entityTypeId": 2, "filter": {"=title": "x"}, "select": ["*"]})
DEALS = Call("crm.deal.list", {"filter": {"=TITLE": "x"}})
NOW = datetime(2026, 12, 1, 12, tzinfo=timezone(timedelta(hours=3)))
OVERLAP = timedelta(minutes=2)
HOUR = timedelta(hours=1)


# ---------------------------------------------------------------- arguments


@cases(
    "value",
    [
        datetime(2026, 5, 4, 8, tzinfo=UTC),
        "2026-05-04T10:00:00+02:00",
        "2026-05-04 08:00:00Z",
        " 2026-05-04T08:00:00.000000+00:00 ",
    ],
)
def test_since_is_a_moment_with_a_zone(value):
    assert parse_since(value) == datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_since_is_the_beginning(value):
    assert parse_since(value) is None


@pytest.mark.parametrize("value", [None, "None", "null"])
def test_since_that_a_template_made_of_nothing_is_refused(value):
    with pytest.raises(InvalidInputError, match=r"since: .* is no time") as caught:
        parse_since(value)
    assert caught.value.remedy.endswith("Write {{ ... or '' }} to read everything then.")


@cases("value", ["soon", 5, True, date(2026, 5, 4), ["2026-05-04"], "2026-05-04T10:00:00 02:00"])
def test_what_is_no_time_is_refused_as_since(value):
    with pytest.raises(InvalidInputError, match=r"since: .* is no time\. Give a time with its offset"):
        parse_since(value)


@pytest.mark.parametrize("value", ["2026-05-04", "2026-05-04T10:00:00", datetime(2026, 5, 4)], ids=repr)
def test_a_day_and_a_time_without_a_zone_are_refused_as_since(value):
    with pytest.raises(InvalidInputError, match=r"since: .* has no time zone\. Give a time with its offset"):
        parse_since(value)


@settings(max_examples=30, deadline=None)
@given(st.datetimes(timezones=st.timezones()))
def test_any_moment_is_read_as_it_was_written(moment):
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        with pytest.raises(InvalidInputError, match="out of range"):
            parse_since(moment)
    else:
        assert parse_since(expected.isoformat()) == parse_since(moment) == expected


@cases("value", [timedelta(seconds=-1), 5, None, "0:02:00"])
def test_an_overlap_is_a_time_span_of_0_or_more(value):
    assert parse_overlap(timedelta()) == timedelta()
    with pytest.raises(InvalidInputError, match=r"overlap: .* is not a time span of 0 or more"):
        parse_overlap(value)


# ---------------------------------------------------------------- what the portal is asked


class Filtered:
    """A portal whose list takes a date filter in some way.

    :param rows: id and Unix time of each row
    :param matches: tells whether a row of this time is found by a bound
    """

    def __init__(self, rows, matches, zone="Europe/Moscow", **answers):
        self.rows, self.matches, self.zone, self.answers = rows, matches, zone, answers

    def __call__(self, call):
        name = call.method.rpartition(".")[2]
        if name in self.answers:
            return self.answers[name]
        if name == "time":
            return NOW.isoformat()
        if name == "profile":
            return {"ID": "1", "TIME_ZONE": self.zone}
        assert call.params["start"] == -1
        bound = next(iter(call.params.get("filter", {}).values()), None)
        found = [
            number
            for number, moment in self.rows.items()
            if bound is None or self.matches(moment, datetime.fromisoformat(bound).timestamp())
        ]
        [(key, direction)] = call.params["order"].items()
        found.sort(reverse=direction == "DESC")
        rows = [{key: str(number)} for number in found[:50]]
        return {"items": rows} if call.method == "crm.item.list" else rows


FULL = {number: NOW.timestamp() - number for number in range(1, 101)}
SHIFTS = [hours * 3600 for hours in (-26, -3, 0, 3, 26)]


@pytest.mark.parametrize("call", [ITEMS, DEALS], ids=lambda call: call.method)
def test_one_request_asks_for_the_clock_the_highest_id_and_whether_the_filter_works(call):
    modified = "updatedTime" if call is ITEMS else "DATE_MODIFY"
    beginning, works = fed(begin(call, modified), Filtered(FULL, lambda row, bound: row >= bound))
    assert (beginning.watermark, beginning.highest, beginning.trouble) == (NOW, 100, "")
    assert beginning.watermark.utcoffset() == timedelta()
    [calls] = works
    assert [found.method for found in calls] == ["server.time", "profile", *[call.method] * 3]
    assert [list(found.params.get("filter", {})) for found in calls[2:]] == [[], *[[f">={modified}"]] * 2]
    assert all(found.fits_batch for found in calls)


def test_a_list_without_a_date_is_only_asked_for_its_highest_id():
    beginning, works = fed(begin(ITEMS), Filtered({}, None))
    assert (beginning.highest, beginning.trouble, len(works[0])) == (0, "", 3)


@cases("shift", SHIFTS)
@cases("rows", [FULL, {}], ids=["rows", "empty"])
def test_a_shifted_date_filter_works(rows, shift):
    beginning, _ = fed(begin(ITEMS, "updatedTime"), Filtered(rows, lambda row, bound: row >= bound - shift))
    assert beginning.trouble == ""


@cases(
    ("matches", "says"),
    [
        (lambda row, bound: True, "The portal ignores the filter of crm.item.list by updatedTime"),
        (lambda row, bound: row <= bound, "The portal ignores the filter of crm.item.list by updatedTime"),
        (lambda row, bound: False, "The filter of crm.item.list by updatedTime finds no row at all"),
        (lambda row, bound: row == bound, "The filter of crm.item.list by updatedTime finds no row at all"),
    ],
    ids=["ignored", "turned round", "empty", "equality"],
)
def test_a_date_filter_that_does_not_work_leads_to_reading_everything(matches, says):
    beginning, _ = fed(begin(ITEMS, "updatedTime"), Filtered(FULL, matches))
    window = window_after(beginning, beginning.watermark - HOUR, 100, OVERLAP)
    assert window.filters({"=title": "x"}) == [{"=title": "x"}]
    assert window.notes == (f"{says}, so everything is read.",)
    assert window.watermark == NOW


@cases("answer", [None, False, {"items": None}, {"items": "x"}])
def test_an_answer_that_is_no_list_is_an_error(answer):
    with pytest.raises(UnexpectedResultError, match="holds no list of rows"):
        fed(begin(ITEMS, "updatedTime"), Filtered(FULL, None, list=answer))


@pytest.mark.parametrize("name", ["time", "profile", "list"])
def test_a_call_that_fails_is_an_error(name):
    with pytest.raises(AccessDeniedError):
        fed(begin(ITEMS, "updatedTime"), Filtered({}, None, **{name: AccessDeniedError("no")}))


# ---------------------------------------------------------------- the window


def beginning_of(call=ITEMS, *, zone="Europe/Moscow", modified="updatedTime", now=NOW):
    clock = PortalClock(now=now, user_zone=zone)
    return Beginning(call=call, clock=clock, highest=100, modified=modified)


def test_a_bound_is_earlier_by_the_overlap_and_has_the_servers_offset():
    window = window_since(beginning_of(), NOW - HOUR, OVERLAP)
    assert (window.bound, window.notes) == ("2026-12-01T10:58:00+03:00", ())
    assert window.watermark == NOW


def test_a_bound_is_earlier_by_the_difference_of_the_clocks():
    window = window_since(beginning_of(zone="America/New_York"), NOW - HOUR, timedelta())
    assert window.bound == "2026-12-01T03:00:00+03:00"
    assert window.notes == (
        "The user's clock and the server's may differ, so changes are read from 8 h earlier.",
    )
    window = window_since(beginning_of(zone=""), NOW - HOUR, timedelta())
    assert window.bound == "2026-11-30T09:00:00+03:00"
    assert window.notes[0].startswith("The user's time zone is not known, so changes are read from 26 hours")


def test_fractions_of_a_second_are_read_too():
    window = window_since(beginning_of(), NOW - timedelta(seconds=0.25), timedelta())
    assert window.bound == "2026-12-01T11:59:59+03:00"


@pytest.mark.parametrize("since", [None, datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)])
def test_what_is_older_than_all_rows_is_the_beginning(since):
    window = window_since(beginning_of(), since, OVERLAP)
    assert (window.bound, window.filters({"=x": 1})) == ("", [{"=x": 1}])


def test_a_list_without_a_date_is_read_whole():
    window = window_since(beginning_of(modified=""), NOW - HOUR, OVERLAP)
    assert window.filters({}) == [{}]
    assert window.notes == (
        "The rows of crm.item.list have no date of their last change, so everything is read.",
    )


def test_alternatives_are_read_by_id_too():
    where = {"logic": "OR", "0": {"=title": "x"}, "1": {"=title": "y"}}
    assert window_since(beginning_of(), None, OVERLAP).filters(where) == [{"0": where}]


def test_a_since_later_than_the_portals_clock_is_refused():
    with pytest.raises(
        InvalidInputError, match=r"since: .* is later than the portal's clock, 2026-12-01T09:00"
    ):
        window_since(beginning_of(), NOW + timedelta(seconds=1), OVERLAP)
    for since in (NOW, NOW + timedelta(seconds=0.9)):
        assert window_since(beginning_of(), since, timedelta()).bound == NOW.isoformat()


def test_what_changed_and_what_is_new_are_two_lists_in_the_order_of_their_ids():
    window = window_after(beginning_of(), NOW - HOUR, 70, OVERLAP)
    bound = "2026-12-01T10:58:00+03:00"
    assert window.filters({"=title": "x"}) == [
        {"=title": "x", ">=updatedTime": bound, "<=id": 70},
        {"=title": "x", ">id": 70},
    ]
    classic = window_after(beginning_of(DEALS, modified="DATE_MODIFY"), NOW - HOUR, 70, OVERLAP)
    assert classic.filters({}) == [{">=DATE_MODIFY": bound, "<=ID": 70}, {">ID": 70}]


def test_without_a_highest_id_there_is_one_list_without_an_upper_id():
    window = window_since(beginning_of(), NOW - HOUR, OVERLAP)
    assert window.filters({}) == [{">=updatedTime": "2026-12-01T10:58:00+03:00"}]


def test_where_there_was_nothing_everything_is_new():
    assert window_after(beginning_of(), NOW - HOUR, 0, OVERLAP).filters({}) == [{">id": 0}]


def test_nothing_was_extracted_yet():
    window = window_after(beginning_of(), None, None, OVERLAP)
    assert (window.filters({}), window.watermark, window.notes) == ([{}], NOW, ())


def test_a_clock_that_has_gone_back_by_less_than_the_overlap_is_followed():
    stored = NOW + timedelta(minutes=1)
    window = window_after(beginning_of(), stored, 70, OVERLAP)
    assert window.filters({})[0][">=updatedTime"] == "2026-12-01T11:58:00+03:00"
    assert window.watermark == stored
    assert window.notes == (
        "The portal's clock is 0:01:00 behind the last extraction's watermark, so changes are read from the "
        "portal's present time on.",
    )


def test_after_a_clock_has_gone_back_further_everything_is_read():
    """Nobody knows which dates the changes have since the last extraction."""
    stored = NOW + HOUR
    window = window_after(beginning_of(), stored, 70, OVERLAP)
    assert (window.filters({"=x": 1}), window.watermark) == ([{"=x": 1}], stored)
    assert window.notes[0].endswith("so everything is read. If this comes back, delete the watermark.")


# ---------------------------------------------------------------- with a portal


class Clock:
    """A portal's clock."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock(NOW.timestamp())


@pytest.fixture
def watched(clock, connect):
    """A portal with its clock under control, and hooks by the zone of their user."""
    with Bitrix24Portal(limits=Limits.off(), clock=clock) as portal:

        def hook_of(zone):
            portal.add_user(9, "Reader", time_zone=zone)
            return connect(portal.connection(user_id=9))

        yield portal, hook_of


def ids_read(hook, window, kind=2):
    rows = [
        row["id"]
        for part in window.filters({})
        for row in hook.records("crm.item.list", {"entityTypeId": kind, "filter": part, "select": ["id"]})
    ]
    assert rows == sorted(set(rows))
    return rows


@pytest.mark.parametrize("zone", ["Europe/Moscow", "America/New_York", "Pacific/Kiritimati", ""])
@pytest.mark.parametrize("ignored", [False, True])
def test_no_change_is_missed_whatever_the_users_zone_is(watched, clock, zone, ignored):
    portal, hook_of = watched
    hook, call = hook_of(zone), Call("crm.item.list", {"entityTypeId": 2})
    portal.set_date_filters_ignored(ignored)
    numbers = portal.add_items("deal", [{"TITLE": str(n)} for n in range(60)])
    clock.now += 10 * 86_400
    first = hook.carry_out(begin(call, "updatedTime"))
    assert first.highest == numbers[-1]
    assert ids_read(hook, window_after(first, None, None, OVERLAP)) == numbers
    requests = len(portal.requests)
    clock.now += 60
    hook.call("crm.item.update", {"entityTypeId": 2, "id": 7, "fields": {"title": "new"}})
    new = portal.add_item("deal", {"TITLE": "imported", "DATE_MODIFY": "2001-01-01T00:00:00+03:00"})
    clock.now += 86_400
    second = hook.carry_out(begin(call, "updatedTime"))
    assert len(portal.requests) == requests + 2
    window = window_after(second, first.watermark, numbers[-1], OVERLAP)
    assert ids_read(hook, window) == ([*numbers, new] if ignored else [7, new])
    assert window.watermark == datetime.fromtimestamp(clock.now, UTC)


@pytest.mark.parametrize(
    ("call", "modified"),
    [
        (Call("crm.activity.list"), "LAST_UPDATED"),
        (Call("crm.stagehistory.list", {"entityTypeId": 2}), "CREATED_TIME"),
        (DEALS, "DATE_MODIFY"),
    ],
    ids=lambda part: getattr(part, "method", part),
)
def test_other_lists_are_probed_alike(watched, call, modified):
    portal, hook_of = watched
    hook = hook_of("Europe/Moscow")
    assert hook.carry_out(begin(call, modified)).highest == 0
    portal.load_demo()
    beginning = hook.carry_out(begin(call, modified))
    assert (beginning.highest > 0, beginning.trouble) == (True, "")
    filters = window_after(beginning, beginning.watermark - HOUR, beginning.highest, OVERLAP).filters({})
    rows = [row for part in filters for row in hook.records(call.method, {**call.params, "filter": part})]
    assert max(int(row["ID"]) for row in rows) == beginning.highest
