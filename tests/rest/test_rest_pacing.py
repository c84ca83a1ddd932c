"""The arithmetic of limits, checked against the portal's own bucket."""

from __future__ import annotations

import itertools

import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bitrix24.rest.pacing import (
    PLANS,
    Bucket,
    Limits,
    Meter,
    Reading,
    Slot,
    apply_readings,
    ask_meters,
    counted,
)
from airflow_provider_bitrix24.testing.limits import LeakyBuckets, OperatingTime
from airflow_provider_bitrix24.testing.limits import Limits as PortalLimits

STANDARD = PLANS["standard"]


def reserve(
    bucket: Bucket, times: int, now: float = 0.0, limits: Limits = STANDARD
) -> tuple[Bucket, list[float]]:
    waits = []
    for _ in range(times):
        bucket, slot = bucket.reserve(limits, now)
        waits.append(slot.wait)
    return bucket, waits


@pytest.mark.parametrize(("plan", "burst", "interval"), [("standard", 48, 0.5), ("enterprise", 245, 0.2)])
def test_a_burst_and_then_a_steady_rate(plan, burst, interval):
    _, waits = reserve(Bucket(), burst + 3, limits=PLANS[plan])
    assert waits[:burst] == [0.0] * burst
    assert waits[burst:] == pytest.approx([interval * n for n in (1, 2, 3)], rel=0.01)


def test_a_self_hosted_portal_has_no_limit():
    assert reserve(Bucket(), 10_000, limits=PLANS["self-hosted"])[1] == [0.0] * 10_000


def test_an_idle_bucket_fills_up_again():
    bucket, _ = reserve(Bucket(), 60)
    assert reserve(bucket, 48, now=1000.0)[1] == [0.0] * 48


@cases("burst", [0, 1, 2, 3])
def test_a_small_burst(burst):
    assert reserve(Bucket(), 2, limits=Limits(2.0, burst))[1] == pytest.approx([0.0, 0.5], rel=0.01)


@cases("plan", ["standard", "enterprise"])
@cases("fast_clock", [1.0, 1.0005])
@cases("offset", [0.0, 0.3, 0.5, 0.7, 0.999])
def test_the_portal_refuses_nothing(plan, fast_clock, offset):
    """Whatever second the portal drains its bucket in, and though our clock runs a little fast."""
    portal = LeakyBuckets(PortalLimits(plan))
    bucket, now, admitted = Bucket(), 0.0, []
    for number in range(1000):
        bucket, slot = bucket.reserve(PLANS[plan], now * fast_clock)
        now += slot.wait / fast_clock
        admitted.append(portal.admit("127.0.0.1", offset + now))
        if number == 300:
            now += 40.0  # a pause in between
    assert all(admitted)


# ---------------------------------------------------------------- refusals


def refuse(bucket: Bucket, now: float, epoch: int | None = None) -> Bucket:
    slot = Slot(0.0, bucket.epoch if epoch is None else epoch)
    return bucket.settled(STANDARD, now, slot, passed=False)


def test_a_refusal_stops_everyone_for_a_moment_and_takes_the_burst_away():
    bucket, _ = reserve(Bucket(), 5)
    bucket = refuse(bucket, 10.0)
    assert bucket.epoch == 1
    assert reserve(bucket, 3, now=10.0)[1] == pytest.approx([1.0, 1.5, 2.0], rel=0.01)


def test_a_wave_counts_once():
    bucket = refuse(Bucket(), 10.0)
    assert refuse(bucket, 10.1, epoch=0) == bucket


@pytest.mark.parametrize("passed", [True, None])
def test_answers_of_an_older_wave_change_nothing(passed):
    bucket = refuse(Bucket(), 10.0)
    assert bucket.settled(STANDARD, 10.1, Slot(0.0, 0), passed=passed) == bucket


def test_pauses_double_until_a_request_passes():
    bucket, now, pauses = Bucket(), 0.0, []
    for _ in range(6):
        bucket = refuse(bucket, now)
        wait = reserve(bucket, 1, now=now)[1][0]
        pauses.append(round(wait))
        now += wait
    assert pauses == [1, 2, 4, 8, 16, 16]
    bucket = bucket.settled(STANDARD, now, Slot(0.0, bucket.epoch), passed=True)
    assert bucket.pause == 0.0
    assert bucket.settled(STANDARD, now, Slot(0.0, bucket.epoch), passed=True) is bucket


def test_a_slot_that_is_too_far_away_is_left_to_others():
    bucket, _ = reserve(Bucket(), 60)
    assert bucket.reserve(STANDARD, 0.0, at_most=1.0) == (bucket, Slot(pytest.approx(6.0, abs=1.0), 0))
    taken, slot = bucket.reserve(STANDARD, 0.0, at_most=10.0)
    assert taken != bucket
    assert slot.wait > 1.0


def test_no_answer_says_nothing():
    assert Bucket().settled(STANDARD, 1.0, Slot(0.0, 0), passed=None) == Bucket()


def test_waves_that_come_again_lower_the_pace_which_recovers():
    bucket = refuse(Bucket(), 100.0)
    assert bucket.pace == 1.0
    bucket = bucket.settled(STANDARD, 101.0, Slot(0.0, 1), passed=True)
    bucket = refuse(bucket, 130.0)
    assert bucket.pace == pytest.approx(0.7)
    assert bucket.interval(STANDARD, 130.0) == pytest.approx(0.5 / 0.7, rel=0.01)
    assert bucket.pace_at(150.0) == pytest.approx(0.8)
    assert bucket.pace_at(1000.0) == 1.0
    bucket = bucket.settled(STANDARD, 131.0, Slot(0.0, 2), passed=True)
    assert refuse(bucket, 500.0).pace == 1.0, "a wave long after does not"


def test_the_pace_has_a_floor():
    bucket, now = Bucket(), 100.0
    for _ in range(30):
        bucket = refuse(bucket, now)
        bucket = bucket.settled(STANDARD, now, Slot(0.0, bucket.epoch), passed=True)
        now += 1.0
    assert bucket.pace == pytest.approx(0.1)


# ---------------------------------------------------------------- operating time


def seen(reset_at=None, used=None, spent=0.0):
    return Reading("m", False, reset_at, used, spent)


def observed(meter=None, now=1000.0, **reading):
    return (meter or Meter()).observed(seen(**reading), STANDARD, now)


def test_a_known_reset_is_waited_for():
    meter = observed(reset_at=1120.0).blocked(1000.0)
    assert (meter.wait(1000.0), meter.wait(1100.0), meter.wait(2000.0)) == (120.0, 20.0, 0.0)


@cases(("reset", "wait"), [(1000.1, 1.0), (5000.0, 600.0), (900.0, 10.0), (None, 10.0)])
def test_odd_resets(reset, wait):
    assert observed(reset_at=reset).blocked(1000.0).wait(1000.0) == pytest.approx(wait)


def test_unknown_resets_are_asked_for_less_and_less_often():
    meter, waits = Meter(), []
    for _ in range(5):
        meter = meter.blocked(1000.0)
        waits.append(meter.wait(1000.0))
    assert waits == [10, 20, 40, 60, 60]
    assert observed(meter).blocked(1000.0).wait(1000.0) == 10


def test_readings():
    meters: dict[str, Meter] = {"b": Meter(reset_at=1050.0)}
    apply_readings(
        meters,
        [
            Reading("a", blocked=True, reset_at=1090.0),
            Reading("b", blocked=True),
            Reading("c", False, 1300.0),
        ],
        STANDARD,
        1000.0,
    )
    assert {name: meter.wait(1000.0) for name, meter in meters.items()} == {"a": 90.0, "b": 50.0, "c": 0.0}
    apply_readings(meters, [Reading("a", blocked=False)], STANDARD, 1001.0)
    assert meters["a"] == Meter(reset_at=1090.0)


@cases(
    ("reading", "wait"),
    [
        ({"used": 431.0, "spent": 5.0}, 0.0),  # far from the limit of 480
        ({"used": 460.0, "spent": 5.0}, 75.25),  # four such requests are left for 300 s
        ({"used": 479.0, "spent": 5.0}, 301.0),  # not even one is left
        ({"used": 495.0, "spent": 5.0}, 301.0),
        ({"used": 460.0, "spent": 0.0}, 0.0),  # calls too short to be counted
        ({"used": None, "spent": 5.0}, 0.0),  # a portal that does not tell
        ({"used": 460.0, "spent": 5.0, "reset_at": 990.0}, 0.0),  # a counter that is frozen
        ({"used": 460.0, "spent": 5.0, "reset_at": None}, 0.0),
        ({"used": 479.0, "spent": 5.0, "reset_at": 9000.0}, 600.0),
    ],
)
def test_near_the_limit_calls_are_spread_out(reading, wait):
    assert observed(**{"reset_at": 1300.0, **reading}).wait(1000.0) == pytest.approx(wait)


def test_spread_calls_take_turns():
    meters = {"m": observed(reset_at=1300.0, used=460.0, spent=5.0)}
    assert ask_meters(meters, ["m", "unknown"], 1010.0) == {"m": pytest.approx(65.25)}
    assert ask_meters(meters, ["m"], 1080.0) == {}, "the first to ask has its turn"
    assert ask_meters(meters, ["m"], 1080.0) == {"m": pytest.approx(75.25)}, "and the next waits for the next"
    meters["m"] = observed(meters["m"], now=1081.0, reset_at=1400.0, used=100.0, spent=5.0)
    assert ask_meters(meters, ["m"], 1081.0) == {}


def test_without_a_limit_nothing_is_spread_out():
    reading = seen(reset_at=1300.0, used=599.0, spent=5.0)
    assert Meter().observed(reading, PLANS["self-hosted"], 1000.0) == Meter(reset_at=1300.0)


@cases(("duration", "seconds"), [(None, 0.0), (0.09, 0.0), (0.1, 0.1), (12.5, 12.5)])
def test_short_calls_are_not_counted(duration, seconds):
    assert counted(duration) == seconds


@given(
    limit=st.floats(20.0, 480.0),
    share=st.floats(0.002, 0.09),
    pauses=st.lists(st.floats(0.0, 100.0), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_one_who_takes_turns_is_never_blocked(limit, share, pauses):
    """Against the portal's own arithmetic: ten slices of a minute, of which the oldest falls out."""
    portal, limits, meters, now = OperatingTime(limit), Limits(2.0, 50, limit), {}, 1000.0
    seconds = max(0.1, limit * share)
    for pause in itertools.islice(itertools.cycle(pauses), int(3 * limit / seconds)):
        now += pause if now % 7 < 1 else 0.0
        while waits := ask_meters(meters, ["m"], now):
            now += waits["m"]
        assert not portal.blocked("w", "m", now)
        portal.book("w", "m", seconds, now)
        now += seconds
        told = (portal.reset_at("w", "m", now), portal.used("w", "m", now))
        apply_readings(meters, [Reading("m", False, *told, seconds)], limits, now)
