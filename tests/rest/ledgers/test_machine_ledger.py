"""The ledger that all processes of a machine share."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rest_feed import WEBHOOK, Clock

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.ledgers.files import FileLock, ledger_file
from airflow_provider_bitrix24.rest.ledgers.machine import MachineLedger
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Limits, Reading
from airflow_provider_bitrix24.rest.wire import Wire
from airflow_provider_bitrix24.testing import Bitrix24Portal

PORTAL, LIMITS = WEBHOOK.portal, Limits()
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(tmp_path, clock, warnings):
    """Make a ledger as another process would."""
    return lambda: MachineLedger(tmp_path, clock=clock, wall_clock=clock, warn=warnings.append)


def waits(ledger, count):
    return [ledger.reserve(PORTAL, LIMITS).wait for _ in range(count)]


def test_two_ledgers_on_one_file_share_the_flow(make):
    alone = ProcessLedger(lambda: 0.0, lambda: 0.0)
    first, second = make(), make()
    shared = [ledger.reserve(PORTAL, LIMITS).wait for _ in range(40) for ledger in (first, second)]
    assert shared == pytest.approx(waits(alone, 80))


def test_a_refusal_seen_by_one_voids_the_slots_of_the_other(make):
    first, second = make(), make()
    slot, other = first.reserve(PORTAL, LIMITS), second.reserve(PORTAL, LIMITS)
    first.settle(PORTAL, LIMITS, slot, passed=False, readings=())
    assert not second.is_current(PORTAL, other)
    later = second.reserve(PORTAL, LIMITS)
    assert later.wait >= 1.0
    assert first.is_current(PORTAL, later)


def test_a_method_blocked_for_one_is_blocked_for_the_other(make, clock):
    first, second = make(), make()
    slot = first.reserve(PORTAL, LIMITS)
    first.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("m", False, clock() + 300)])
    first.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("m", True)])
    assert second.blocked(["m", "other"]) == {"m": pytest.approx(300)}


def test_a_slot_that_is_too_far_away_is_left_to_others(make):
    ledger = make()
    waits(ledger, 60)
    told = [ledger.reserve(PORTAL, LIMITS, 1.0).wait for _ in range(3)]
    assert told == [ledger.reserve(PORTAL, LIMITS).wait] * 3


def test_time_that_passes_is_counted_once(make, clock):
    """What one process wrote an hour ago is an hour old for the next one."""
    waits(make(), 100)
    clock.now += 3600
    assert waits(make(), 40) == [0.0] * 40


def test_portals_are_independent(make):
    ledger = make()
    waits(ledger, 100)
    assert ledger.reserve("other.bitrix24.com", LIMITS).wait == 0.0


def test_a_clock_that_starts_anew_moves_the_flow_along(make, clock):
    waits(make(), 60)
    clock.now -= 10_000
    assert 0 < make().reserve(PORTAL, LIMITS).wait < 10


def delete(path):
    path.unlink()


def overwrite(path):
    path.write_bytes(b"not a database at all" * 100)


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])


def empty_table(path):
    with sqlite3.connect(path) as file:
        file.execute("DROP TABLE states")


def foreign_state(path):
    with sqlite3.connect(path) as file:
        file.execute('UPDATE states SET state = \'{"seen_at": 0, "colour": 1}\'')


@pytest.mark.parametrize("damage", [delete, overwrite, cut, empty_table, foreign_state])
def test_a_damaged_file_is_made_anew_with_what_this_process_knows(make, tmp_path, warnings, damage):
    ledger = make()
    waits(ledger, 60)
    damage(ledger_file(tmp_path))
    after = ledger.reserve(PORTAL, LIMITS).wait
    assert after == pytest.approx(0.5 / 0.999 * 13)
    assert make().reserve(PORTAL, LIMITS).wait == pytest.approx(0.5 / 0.999 * 14)
    assert warnings == []


def test_an_unusable_folder_is_said_once_and_paced_by_a_part_of_the_rate(clock, tmp_path, warnings):
    blocker = tmp_path / "file"
    blocker.touch()
    ledger = MachineLedger(blocker / "folder", clock=clock, wall_clock=clock, warn=warnings.append)
    assert waits(ledger, 4) == pytest.approx([0.0, 2.0, 4.0, 6.0], rel=0.01)
    slot = ledger.reserve(PORTAL, LIMITS)
    ledger.settle(PORTAL, LIMITS, slot, passed=False, readings=[Reading("m", True)])
    assert not ledger.is_current(PORTAL, slot)
    assert list(ledger.blocked(["m"])) == ["m"]
    [warning] = warnings
    assert str(blocker / "folder") in warning
    assert "keeps to a part of them by itself" in warning
    clock.now += 6
    waits(ledger, 1)
    assert len(warnings) == 1


def test_without_a_file_the_process_knows_as_much_by_itself(clock, tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    ledger = MachineLedger(blocker / "folder", clock=clock, wall_clock=clock, warn=lambda text: None)
    waits(ledger, 3)
    assert [ledger.reserve(PORTAL, LIMITS, 1.0).wait for _ in range(2)] == pytest.approx([6.0] * 2, rel=0.01)
    slot = ledger.reserve(PORTAL, LIMITS)
    assert ledger.is_current(PORTAL, slot)
    assert ledger.reserve("other.bitrix24.com", LIMITS).wait == 0.0
    ledger.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("m", False, clock() + 300)])
    ledger.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("m", True)])
    assert ledger.blocked(["m", "other"]) == {"m": pytest.approx(300)}


def test_an_unusable_folder_is_looked_at_every_few_seconds(clock, tmp_path):
    blocker = tmp_path / "ledger"
    blocker.touch()
    ledger = MachineLedger(blocker, clock=clock, wall_clock=clock, warn=lambda text: None)
    waits(ledger, 1)
    blocker.unlink()
    clock.now += 4.9
    waits(ledger, 1)
    assert not blocker.exists()
    clock.now += 0.1
    waits(ledger, 1)
    assert ledger_file(blocker).exists()


def test_a_folder_is_made_with_all_that_is_above_it(clock, tmp_path, warnings):
    folder = tmp_path / "home" / "airflow"
    MachineLedger(folder, clock=clock, wall_clock=clock, warn=warnings.append).reserve(PORTAL, LIMITS)
    assert ledger_file(folder).exists()
    assert warnings == []


def test_threads_share_the_file(make, warnings):
    ledger = make()
    with ThreadPoolExecutor(4) as pool:
        slots = list(pool.map(lambda _: ledger.reserve(PORTAL, LIMITS).wait, range(60)))
    assert sorted(slots) == pytest.approx(waits(ProcessLedger(lambda: 0.0, lambda: 0.0), 60))
    assert warnings == []


def test_a_mistake_of_the_caller_is_not_repaired_for_ever(make):
    with pytest.raises(TypeError):
        make().reserve(PORTAL, Limits("fast"))


def test_a_file_that_another_repairs_at_the_same_moment(tmp_path, warnings):
    """Both find it broken, and the other is the first to throw it away."""
    looks = []

    def clock():
        if looks:
            looks.pop()()
        return 1000.0

    def other_repairs():
        ledger_file(tmp_path).unlink()
        raise ValueError("not a state")

    ledger = MachineLedger(tmp_path, clock=clock, warn=warnings.append)
    waits(ledger, 60)
    looks += [other_repairs, *[lambda: None] * 2]  # that is looked at inside the transaction
    assert ledger.reserve(PORTAL, LIMITS).wait == pytest.approx(0.5 / 0.999 * 13)
    assert not looks
    assert warnings == []


def test_a_folder_that_can_be_used_again_is_used_again(clock, tmp_path, warnings):
    blocker = tmp_path / "ledger"
    blocker.touch()
    ledger = MachineLedger(blocker, clock=clock, wall_clock=clock, warn=warnings.append)
    waits(ledger, 2)
    blocker.unlink()
    clock.now += 60
    assert waits(ledger, 10) == [0.0] * 10
    assert ledger_file(blocker).exists()


def test_a_file_locked_for_a_moment_is_waited_for(tmp_path, warnings):
    ledger = MachineLedger(tmp_path, warn=warnings.append)
    ledger.reserve(PORTAL, LIMITS)
    holder = SPAWN.Process(target=_hold, args=(ledger_file(tmp_path), 0.3))
    holder.start()
    marker = tmp_path / "held"
    while not marker.exists():
        time.sleep(0.01)
    try:
        assert ledger.reserve(PORTAL, LIMITS).wait == 0.0
    finally:
        holder.join()
    with sqlite3.connect(ledger_file(tmp_path)) as file:
        [(state,)] = file.execute("SELECT state FROM states").fetchall()
    assert '"arrival"' in state
    assert warnings == []


def _hold(path, seconds):
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("BEGIN EXCLUSIVE")
    (path.parent / "held").touch()
    time.sleep(seconds)
    file.execute("COMMIT")


def test_a_file_that_another_holds_is_not_opened_anew(tmp_path, monkeypatch):
    looks = []  # what happens while the ledger looks at its clock, which it does before each try

    def clock():
        if looks:
            looks.pop()()
        return 0.0

    ledger = MachineLedger(tmp_path, clock=clock)
    ledger.reserve(PORTAL, LIMITS)
    holder = sqlite3.connect(ledger_file(tmp_path), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    opened, connect = [], sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **kwargs: opened.append(args) or connect(*args, **kwargs)
    )
    looks += [lambda: holder.execute("COMMIT"), *[lambda: None] * 6]
    assert waits(ledger, 60)[-1] > 0.0
    assert not looks
    assert not opened
    holder.close()


def test_a_fork_goes_on_with_a_connection_of_its_own(make):
    ledger = make()
    waits(ledger, 48)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if waits(ledger, 2)[1] > 0.9 else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert ledger.reserve(PORTAL, LIMITS).wait == pytest.approx(1.5 / 0.999)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_a_fork_leaves_the_parents_connection_open(make, tmp_path):
    """Closing it would take back, in the file, what another thread of the parent is just writing."""
    ledger, path = make(), str(ledger_file(tmp_path))
    waits(ledger, 2)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            waits(ledger, 2)
            gc.collect()
            held = [os.readlink(f"/proc/self/fd/{name}") for name in _open_files()].count(path)
            status = 0 if held == 2 else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def _open_files():
    return [name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]


def test_applications_are_renewed_independently(make):
    ledger = make()
    assert ledger.renewal("application").acquire(blocking=False)
    assert ledger.renewal("other").acquire(blocking=False)


def test_a_renewal_lock_is_held_by_one_process_and_dies_with_it(tmp_path):
    ledger = MachineLedger(tmp_path)
    lock = ledger.renewal("application")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            MachineLedger(tmp_path).renewal("application").acquire()
            os.write(writer, b"held")
            time.sleep(60)
        finally:
            os._exit(1)
    assert os.read(reader, 4) == b"held"
    assert not lock.acquire(blocking=False)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert lock.acquire()
    assert not ledger.renewal("application").acquire(blocking=False)
    lock.release()
    assert ledger.renewal("application").acquire(blocking=False)


def test_a_lock_without_a_file_is_a_lock_between_threads(tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    ledger = MachineLedger(blocker / "folder")
    lock = ledger.renewal("application")
    assert isinstance(lock, FileLock)
    assert lock.acquire()
    assert not ledger.renewal("application").acquire(blocking=False)
    lock.release()


def _call_many(folder, url, user_id, code, count, seed):
    from pathlib import Path

    random.seed(seed)
    webhook = Webhook(url, user_id, code)
    client = Client(Session(webhook), MachineLedger(Path(folder)), Wire())
    for _ in range(count):
        client.call_reply(Call("server.time"))


@pytest.mark.slow
def test_many_processes_are_never_refused(tmp_path):
    with Bitrix24Portal() as portal:
        code = portal.webhook_code()
        workers = [
            SPAWN.Process(target=_call_many, args=(str(tmp_path), portal.url, "1", code, 9, seed))
            for seed in range(6)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * 6
        assert len(portal.requests) == 54
        assert portal.refusals == 0
