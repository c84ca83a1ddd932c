"""What the scripts in Redis reckon is what the Python arithmetic does, to the last digit."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from rest_feed import Clock

from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Limits, Reading, Slot

PORTALS = ["one.bitrix24.com", "two.bitrix24.com"]
METERS = ["first", "second", "third"]
LIMITS = [Limits(), Limits(5.0, 250), Limits(None, 50, math.inf), Limits(0.3, 1, 60.0), Limits(0.7, 3)]
SECONDS = some.floats(0, 700, allow_nan=False) | some.sampled_from([0.0, 0.001, 0.5, 1.0, 59.9, 60.0])

portals, limits = some.sampled_from(PORTALS), some.sampled_from(LIMITS)
spent = some.sampled_from([0.0, 0.5]) | some.floats(0.1, 100)
used = some.none() | some.floats(0, 600)
resets = some.none() | some.floats(-30, 900) | some.just(0.0)
readings = some.lists(
    some.tuples(some.sampled_from(METERS), some.booleans(), resets, used, spent), max_size=3
)

steps = some.one_of(
    some.tuples(some.just("sleep"), SECONDS),
    some.tuples(some.just("reserve"), portals, limits, some.sampled_from([math.inf, 0.0, 1.0])),
    some.tuples(some.just("settle"), portals, limits, some.sampled_from([True, False, None]), readings),
    some.tuples(some.just("stale"), portals, limits, some.integers(0, 5)),
    some.tuples(some.just("blocked"), some.lists(some.sampled_from(METERS), max_size=4)),
)


class Same:
    """Does everything on two ledgers and compares what they say."""

    def __init__(self, box):
        box.tell("FLUSHALL")
        self.clock = Clock(1_790_000_000.123456)
        alone = {"clock": self.clock, "wall_clock": self.clock}
        self.warnings = []
        self.python = ProcessLedger(**alone)
        # Two processes take turns, so that what they remember by themselves makes no difference.
        self.processes = [
            ClusterLedger(box.server, server_clock=self.clock, warn=self.warnings.append, **alone)
            for _ in range(2)
        ]
        self.slots = {portal: Slot(0.0, 0) for portal in PORTALS}

    def do(self, step):
        kind, *details = step
        getattr(self, kind)(*details)
        self.processes.reverse()
        for portal in PORTALS:
            slot = self.slots[portal]
            assert self.processes[0].is_current(portal, slot) == self.python.is_current(portal, slot)

    def sleep(self, seconds):
        self.clock.now += seconds

    def reserve(self, portal, limits, at_most):
        slot = self.python.reserve(portal, limits, at_most)
        assert self.processes[0].reserve(portal, limits, at_most) == slot
        self.slots[portal] = slot

    def settle(self, portal, limits, passed, readings):
        told = [
            Reading(meter, blocked, None if reset is None else reset and self.clock() + reset, used, spent)
            for meter, blocked, reset, used, spent in readings
        ]
        for ledger in (self.python, self.processes[0]):
            ledger.settle(portal, limits, self.slots[portal], passed=passed, readings=told)

    def stale(self, portal, limits, epoch):
        for ledger in (self.python, self.processes[0]):
            ledger.settle(portal, limits, Slot(0.0, epoch), passed=False, readings=())

    def blocked(self, meters):
        assert self.processes[0].blocked(meters) == self.python.blocked(meters)


@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(some.lists(steps, max_size=40))
def test_redis_reckons_as_python_does(redis_box, script):
    same = Same(redis_box)
    for step in script:
        same.do(step)
    assert same.warnings == []


PORTAL = PORTALS[0]
RESERVE = ("reserve", PORTAL, LIMITS[0], math.inf)


def settle(passed, *readings):
    return "settle", PORTAL, LIMITS[0], passed, list(readings)


WAVES = [RESERVE, settle(False), RESERVE, settle(True), ("sleep", 1.0)] * 12
LONG_REFUSAL = [RESERVE, settle(False)] * 7
FAR_RESET = [RESERVE, settle(True, ("first", False, 900.0, 470.0, 1.0)), ("blocked", ["first"])] * 2
USED_UP = [RESERVE, settle(True, ("first", False, 300.0, 480.0, 1.0)), ("blocked", ["first", "first"])]
FAR_BLOCK = [RESERVE, settle(True, ("first", True, 900.0, None, 0.0)), ("blocked", ["first"])]
NEAR_BLOCK = [RESERVE, settle(True, ("first", True, 0.25, None, 0.0)), ("blocked", ["first"])]
UNKNOWN = [RESERVE, settle(True, ("first", True, None, None, 0.0)), ("blocked", ["first"])] * 5
TURNS = [*FAR_RESET, ("blocked", ["first"]), ("sleep", 60.0), *[("blocked", ["first", "second"])] * 2]


@pytest.mark.parametrize(
    "script",
    [WAVES, LONG_REFUSAL, FAR_RESET, USED_UP, FAR_BLOCK, NEAR_BLOCK, UNKNOWN, TURNS],
    ids=["waves", "long", "far", "used up", "far block", "near block", "unknown", "turns"],
)
def test_bounds_that_chance_seldom_reaches(redis_box, script):
    same = Same(redis_box)
    for step in script:
        same.do(step)
    assert same.warnings == []
