"""A machine's ledger that cannot be used: what that costs, and what is said of it."""

from __future__ import annotations

import itertools
import json
import sqlite3

import pytest
from rest_feed import WEBHOOK

from airflow_provider_bitrix24.rest.ledgers.files import ledger_file
from airflow_provider_bitrix24.rest.ledgers.machine import MachineLedger
from airflow_provider_bitrix24.rest.pacing import Limits

PORTAL, LIMITS = WEBHOOK.portal, Limits()


class CountingClock:
    """Moves on by a tenth of a second each time that it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


@pytest.fixture
def locked(tmp_path):
    """A ledger whose file somebody else has locked and never lets go."""
    clock, warnings = CountingClock(), []
    ledger = MachineLedger(tmp_path, clock=clock, wall_clock=clock, warn=warnings.append)
    ledger.reserve(PORTAL, LIMITS)
    holder = sqlite3.connect(ledger_file(tmp_path), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    yield ledger, clock, warnings, holder
    holder.close()


def seconds_of(clock, work):
    before = clock.now
    work()
    return clock.now - before


def test_a_lock_that_never_comes_free_is_waited_for_once(locked):
    ledger, clock, warnings, _ = locked
    first = seconds_of(clock, lambda: ledger.reserve(PORTAL, LIMITS))
    later = []
    for _ in range(20):
        clock.now += 6.0  # by then it is tried again
        later.append(seconds_of(clock, lambda: ledger.reserve(PORTAL, LIMITS)))
    assert 1.0 < first < 4.0
    assert max(later) < 1.0
    assert len(warnings) == 1


def test_a_part_of_the_rate_is_kept_to_while_it_is_locked(locked):
    ledger, clock, _, _ = locked
    ledger.reserve(PORTAL, LIMITS)
    start = clock.now
    moments = [ledger.reserve(PORTAL, LIMITS).wait + clock.now - start for _ in range(5)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert min(gaps) == pytest.approx(4 * 0.5 / 0.999, abs=0.3), "a quarter of two requests a second"


def test_it_is_waited_for_again_once_it_could_be_used(locked):
    ledger, clock, _, holder = locked
    ledger.reserve(PORTAL, LIMITS)
    holder.execute("ROLLBACK")
    clock.now += 6.0
    ledger.reserve(PORTAL, LIMITS)
    holder.execute("BEGIN EXCLUSIVE")
    assert seconds_of(clock, lambda: ledger.reserve(PORTAL, LIMITS)) > 1.0


@pytest.mark.parametrize("change", ["more", "less"])
def test_a_state_of_another_version_is_read_as_far_as_it_is_known(tmp_path, change):
    """During a rolling upgrade both versions write one file; neither may throw the other's away."""
    warnings = []
    ledger = MachineLedger(tmp_path, clock=lambda: 0.0, wall_clock=lambda: 0.0, warn=warnings.append)
    waits = [ledger.reserve(PORTAL, LIMITS).wait for _ in range(60)]
    file = sqlite3.connect(ledger_file(tmp_path), isolation_level=None)
    [(name, text)] = file.execute("SELECT name, state FROM states").fetchall()
    state = json.loads(text)
    if change == "more":
        state["something_new"] = 1
    else:
        del state["pause"]
    file.execute("UPDATE states SET state = ? WHERE name = ?", (json.dumps(state), name))
    file.close()
    other = MachineLedger(tmp_path, clock=lambda: 0.0, wall_clock=lambda: 0.0, warn=warnings.append)
    assert other.reserve(PORTAL, LIMITS).wait == pytest.approx(waits[-1] + 0.5 / 0.999)
    assert warnings == []
