"""The arithmetic of limits at its edges."""

from __future__ import annotations

import math

import pytest
from cases import cases

from airflow_provider_bitrix24.rest.pacing import PLANS, Bucket, Limits, Meter, Reading, Slot, ask_meters

STANDARD = PLANS["standard"]


def refuse(bucket: Bucket, now: float) -> Bucket:
    return bucket.settled(STANDARD, now, Slot(0.0, bucket.epoch), passed=False)


def test_what_a_portal_allows_unless_told():
    assert Limits() == Limits(2.0, 50, 480.0) == STANDARD
    assert PLANS["enterprise"] == Limits(5.0, 250, 480.0)
    assert PLANS["self-hosted"] == Limits(None, 50, math.inf)


def test_a_process_on_its_own_takes_a_part_of_the_rate_and_no_burst():
    assert Limits(2.0, 50, 100.0).alone() == Limits(0.5, 1, 100.0)
    assert Limits(None, 50, 100.0).alone() == Limits(None, 50, 100.0)


@cases(
    ("limits", "seconds"),
    [
        (Limits(2.0, 50), 23.5),
        (Limits(5.0, 250), 122.0),
        (Limits(1.5, 10), 3.5),
        (Limits(2.0, 4), 0.5),
        (Limits(2.0, 3), 0.0),
        (Limits(2.0, 0), 0.0),
        (Limits(None, 10), 4.5),
    ],
)
def test_a_burst_runs_ahead_of_the_rate_by_so_many_seconds(limits, seconds):
    assert limits.tolerance(0.5) == pytest.approx(seconds)


def test_an_interval_keeps_a_little_below_the_rate():
    assert Bucket().interval(STANDARD, 0.0) == pytest.approx(1 / (2.0 * 0.999), rel=1e-9)
    assert Bucket(pace=0.5).interval(STANDARD, 0.0) == pytest.approx(1 / (2.0 * 0.999 * 0.5), rel=1e-9)
    assert Bucket().interval(PLANS["self-hosted"], 0.0) == 0.0


def test_a_pace_recovers_with_time_and_not_before_it_was_set():
    bucket = Bucket(pace=0.5, paced_at=100.0)
    assert [bucket.pace_at(now) for now in (50.0, 100.0, 101.0, 160.0)] == pytest.approx(
        [0.5, 0.5, 0.505, 0.8]
    )
    assert bucket.pace_at(200.0) == 1.0
    assert bucket.pace_at(201.0) == 1.0


def test_a_bucket_on_a_clock_that_jumped():
    bucket = Bucket(10.0, 3, 2.0, 0.7, 20.0, 30.0)
    assert bucket.moved(5.0) == Bucket(15.0, 3, 2.0, 0.7, 25.0, 35.0)
    assert Bucket().moved(5.0).refused_at == -math.inf


def test_a_slot_moves_the_next_one_away_by_an_interval():
    interval = Bucket().interval(STANDARD, 10.0)
    bucket, slot = Bucket(arrival=100.0, epoch=4).reserve(STANDARD, 10.0)
    assert slot == Slot(pytest.approx(100.0 - 47 * interval - 10.0), 4)
    assert bucket.arrival == pytest.approx(100.0 + interval)
    bucket, slot = Bucket(arrival=5.0).reserve(STANDARD, 10.0)
    assert (slot.wait, bucket.arrival) == (0.0, pytest.approx(10.0 + interval))


def test_a_slot_exactly_as_far_away_as_allowed_is_taken():
    bucket = Bucket(arrival=100.0)
    wait = bucket.reserve(STANDARD, 0.0)[1].wait
    assert bucket.reserve(STANDARD, 0.0, at_most=wait)[0].arrival > 100.0
    assert bucket.reserve(STANDARD, 0.0, at_most=wait - 0.001)[0] is bucket


@cases(("later", "pace"), [(0.0, 0.7), (59.9, 0.7), (60.0, 1.0), (61.0, 1.0)], ids=["0", "59.9", "60", "61"])
def test_a_second_wave_within_a_minute_slows_down(later, pace):
    bucket = refuse(Bucket(), 100.0)
    bucket = bucket.settled(STANDARD, 100.0, Slot(0.0, 1), passed=True)
    bucket = refuse(bucket, 100.0 + later)
    assert bucket.pace == pytest.approx(pace)
    assert (bucket.epoch, bucket.pause, bucket.paced_at, bucket.refused_at) == (
        2,
        1.0,
        100.0 + later,
        100.0 + later,
    )


def test_a_refusal_after_the_pause_of_one_before_only_lengthens_the_pause():
    bucket = refuse(refuse(Bucket(), 100.0), 101.0)
    assert (bucket.pace, bucket.pause, bucket.epoch) == (1.0, 2.0, 2)


def test_a_slower_pace_is_counted_into_the_arrival():
    bucket = refuse(Bucket(pace=0.5, paced_at=10.0), 10.0)
    interval = 1 / (2.0 * 0.999 * 0.5)
    assert bucket.arrival == pytest.approx(10.0 + 47 * interval + 1.0)


def seen(reset_at: float | None = None, used: float | None = None, spent: float = 0.0) -> Reading:
    return Reading("m", False, reset_at, used, spent)


@cases(
    ("meter", "now", "wait"),
    [
        (Meter(), 1000.0, 0.0),
        (Meter(blocked_until=1000.0), 1000.0, 0.0),
        (Meter(blocked_until=1000.5), 1000.0, 0.5),
        (Meter(blocked_until=1000.5), 1001.0, 0.0),
    ],
)
def test_a_method_waits_until_it_is_free(meter, now, wait):
    assert meter.wait(now) == wait
    assert meter.asked(now) == (meter, wait), "without an interval no turn is taken"


def test_a_turn_is_taken_for_one_interval():
    meter = Meter(reset_at=1300.0, blocked_until=1000.0, unknown_block=10.0, interval=20.0)
    assert meter.asked(1005.0) == (Meter(1300.0, 1025.0, 10.0, 20.0), 0.0)
    assert meter.asked(990.0) == (meter, 10.0)


@cases(
    ("known", "told", "reset", "until"),
    [
        (0.0, 1120.0, 1120.0, 1120.0),
        (1090.0, 1120.0, 1120.0, 1120.0),
        (1090.0, None, 1090.0, 1090.0),
        (0.0, 1000.5, 1000.5, 1001.0),
        (0.0, 1700.0, 1700.0, 1600.0),
    ],
)
def test_a_block_lasts_until_the_reset_within_bounds(known, told, reset, until):
    meter = Meter(reset_at=known, unknown_block=20.0, interval=3.0).blocked(1000.0, told)
    assert meter == Meter(reset, until, 20.0, 3.0)


@pytest.mark.parametrize("reset", [1000.0, 900.0, None], ids=str)
def test_a_block_whose_reset_is_over_lasts_longer_each_time(reset):
    meter = Meter().blocked(1000.0, reset)
    assert meter == Meter(0.0, 1010.0, 10.0)
    assert meter.blocked(1000.0, reset) == Meter(0.0, 1020.0, 20.0)


def test_a_good_answer_ends_a_block_and_keeps_the_reset():
    meter = Meter(1200.0, 1190.0, 40.0, 5.0).observed(seen(), STANDARD, 1000.0)
    assert meter == Meter(reset_at=1200.0)


@cases(
    ("reading", "interval"),
    [
        ({"used": 431.9, "spent": 1.0}, 0.0),
        ({"used": 432.0, "spent": 4.8}, 30.1),
        ({"used": 470.0, "spent": 5.0}, 150.5),
        ({"used": 470.0, "spent": 10.0}, 301.0),
        ({"used": 470.0, "spent": 10.1}, 301.0),
        ({"used": 480.0, "spent": 0.1}, 301.0),
        ({"used": 470.0, "spent": 5.0, "reset_at": 999.0}, 0.0),
        ({"used": 470.0, "spent": 5.0, "reset_at": 999.5}, 0.25),
        ({"used": 470.0, "spent": 5.0, "reset_at": 1599.0}, 300.0),
        ({"used": 470.0, "spent": 5.0, "reset_at": 1700.0}, 300.0),
    ],
)
def test_what_is_left_of_the_limit_lasts_until_the_reset(reading, interval):
    meter = Meter().observed(seen(**{"reset_at": 1300.0, **reading}), STANDARD, 1000.0)
    assert meter.interval == pytest.approx(interval)
    assert meter.blocked_until == pytest.approx(1000.0 + interval if interval else 0.0)


def test_a_meter_that_is_free_is_no_reason_to_wait():
    meters = {
        "free": Meter(),
        "blocked": Meter(blocked_until=1000.5),
        "not-asked": Meter(blocked_until=2000.0),
    }
    assert ask_meters(meters, ["free", "blocked", "unknown"], 1000.0) == {"blocked": 0.5}
    assert set(meters) == {"free", "blocked", "not-asked"}
