"""The ledger that a cluster shares through Redis, and what it does where Redis is broken."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from dataclasses import replace

import pytest
from redis_box import PASSWORD
from rest_feed import WEBHOOK, Clock

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger
from airflow_provider_bitrix24.rest.ledgers.cluster_lock import ClusterLock
from airflow_provider_bitrix24.rest.ledgers.cluster_scripts import DROP_LOCK
from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisServer
from airflow_provider_bitrix24.rest.pacing import Limits, Reading
from airflow_provider_bitrix24.rest.session import Session
from airflow_provider_bitrix24.rest.wire import Wire
from airflow_provider_bitrix24.testing import Bitrix24Portal

PORTAL, LIMITS = WEBHOOK.portal, Limits()
STEP = 0.5 / 0.999
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def clock():
    return Clock(1_790_000_000.0)


@pytest.fixture
def make(redis_box, clock, warnings):
    """Make a ledger as another process would."""

    def maker(**changes):
        server = replace(redis_box.server, **changes)
        return ClusterLedger(server, server_clock=clock, clock=clock, wall_clock=clock, warn=warnings.append)

    return maker


def waits(ledger, count):
    return [ledger.reserve(PORTAL, LIMITS).wait for _ in range(count)]


def test_keys_expire_and_tell_nothing(redis_box):
    ledger = ClusterLedger(redis_box.server)
    slot = ledger.reserve(PORTAL, LIMITS)
    ledger.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("s3cr3t/crm.deal.get", True)])
    keys = redis_box.tell("KEYS", "*")
    assert sorted(key.rsplit(":", 1)[0] for key in keys) == ["bitrix24:bucket", "bitrix24:meter"]
    assert all(0 < redis_box.tell("TTL", key) <= 1200 for key in keys)
    assert not any("s3cr3t" in key or PORTAL in key for key in keys)


def test_a_script_is_sent_once(redis_box):
    """From then on it is named by its digest."""
    redis_box.tell("SCRIPT", "FLUSH")
    redis_box.tell("CONFIG", "RESETSTAT")
    waits(ClusterLedger(redis_box.server), 5)
    stats = redis_box.tell("INFO", "commandstats")
    assert stats["cmdstat_eval"]["calls"] == 1
    assert stats["cmdstat_evalsha"]["calls"] == 5


def test_the_clock_is_the_servers(redis_box):
    """Two machines whose clocks are years apart."""
    first = ClusterLedger(redis_box.server, clock=lambda: 5.0, wall_clock=lambda: 0.0)
    second = ClusterLedger(redis_box.server, clock=lambda: 9e9, wall_clock=lambda: 9e9)
    waits(first, 100)
    assert second.reserve(PORTAL, LIMITS).wait > 10


def test_a_clock_that_was_set_back_moves_the_flow_along(make, clock):
    waits(make(), 60)
    clock.now -= 10_000
    assert make().reserve(PORTAL, LIMITS).wait == pytest.approx(13 * STEP)


def wipe(box):
    box.tell("FLUSHALL")


def kill_and_start(box):
    box.kill()
    box.start()


def other_type(box):
    for key in box.tell("KEYS", "*"):
        box.tell("SET", key, "text")


def foreign_fields(box):
    for key in box.tell("KEYS", "*"):
        box.tell("HSET", key, "arrival", "soon")


def forget_scripts(box):
    box.tell("SCRIPT", "FLUSH")


@pytest.mark.parametrize("damage", [wipe, kill_and_start, other_type, foreign_fields, forget_scripts])
def test_what_redis_lost_comes_back_from_what_this_process_knows(make, redis_box, warnings, damage):
    ledger = make()
    waits(ledger, 60)
    damage(redis_box)
    assert ledger.reserve(PORTAL, LIMITS).wait == pytest.approx(13 * STEP)
    assert make().reserve(PORTAL, LIMITS).wait == pytest.approx(14 * STEP)
    assert warnings == []


def test_whoever_knows_more_mends_what_was_begun_anew(make, redis_box):
    knows = make()
    waits(knows, 60)
    redis_box.tell("FLUSHALL")
    assert make().reserve(PORTAL, LIMITS).wait == 0.0
    assert knows.reserve(PORTAL, LIMITS).wait == pytest.approx(13 * STEP)


def replica(box):
    box.tell("REPLICAOF", "127.0.0.1", "1")


def has_no_room(box):
    box.tell("CONFIG", "SET", "maxmemory", "1")


def dies(box):
    box.kill()


def test_the_pace_that_redis_lost_comes_back_as_well(make, redis_box, clock):
    """After a refusal all go slower for a while, whatever happens to the server meanwhile."""
    ledger = make()
    for _ in range(2):
        ledger.settle(PORTAL, LIMITS, ledger.reserve(PORTAL, LIMITS), passed=False, readings=())
        clock.now += 7.0
    ledger.reserve(PORTAL, LIMITS)
    [key] = redis_box.tell("KEYS", "bitrix24:bucket:*")
    before = redis_box.tell("HGETALL", key)
    redis_box.tell("FLUSHALL")
    ledger.reserve(PORTAL, LIMITS)
    after = redis_box.tell("HGETALL", key)
    assert after.pop("arrival") > before.pop("arrival")
    assert after == before


def test_a_refusal_is_known_when_redis_dies(make, redis_box):
    ledger = make()
    slot = ledger.reserve(PORTAL, LIMITS)
    assert ledger.is_current(PORTAL, slot)
    ledger.settle(PORTAL, LIMITS, slot, passed=False, readings=())
    redis_box.kill()
    assert not ledger.is_current(PORTAL, slot)


@pytest.mark.parametrize("trouble", [dies, replica, has_no_room])
def test_without_redis_each_goes_on_with_a_part_of_the_pace(make, redis_box, clock, warnings, trouble):
    ledger = make()
    waits(ledger, 50)
    slot = ledger.reserve(PORTAL, LIMITS)
    ledger.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("m", True)])
    trouble(redis_box)
    try:
        # Where the shared flow's next slot is, and from there a quarter as fast.
        assert waits(ledger, 3) == pytest.approx([4 * STEP, 8 * STEP, 12 * STEP], abs=0.01)
        assert ledger.is_current(PORTAL, slot)
        assert list(ledger.blocked(["m", "n"])) == ["m"]
        ledger.settle(PORTAL, LIMITS, slot, passed=False, readings=())
        assert not ledger.is_current(PORTAL, slot)
    finally:
        redis_box.kill()
        redis_box.start()
    [warning] = warnings
    assert f"127.0.0.1:{redis_box.port}" in warning
    assert PASSWORD not in warning
    clock.now += 5.1
    ledger.reserve(PORTAL, LIMITS)
    assert redis_box.tell("KEYS", "*") != []
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"password": "wr0ng-w0rd"}, "auth"), ({"password": ""}, "auth"), ({"port": 1}, "refused")],
)
def test_a_server_that_lets_nobody_in(make, warnings, changes, words):
    ledger = make(**changes)
    assert waits(ledger, 2) == pytest.approx([0.0, 4 * STEP], abs=0.01)
    [warning] = warnings
    assert words in warning.lower()
    assert "wr0ng" not in warning


def test_without_redis_the_process_knows_as_much_by_itself(make, clock, warnings):
    ledger = make(port=1)
    waits(ledger, 3)
    told = [ledger.reserve(PORTAL, LIMITS, 1.0).wait for _ in range(2)]
    assert told == pytest.approx([12 * STEP] * 2, abs=0.01)
    slot = ledger.reserve(PORTAL, LIMITS)
    assert ledger.is_current(PORTAL, slot)
    assert ledger.reserve("other.bitrix24.com", LIMITS).wait == 0.0
    ledger.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("m", False, clock() + 300)])
    ledger.settle(PORTAL, LIMITS, slot, passed=True, readings=[Reading("m", True)])
    assert ledger.blocked(["m", "other"]) == {"m": pytest.approx(300)}
    clock.now += 6
    waits(ledger, 1)
    [warning] = warnings
    assert "keeps to a part of them by itself" in warning


def test_redis_is_looked_for_every_few_seconds(make, redis_box, clock):
    ledger = make()
    redis_box.kill()
    waits(ledger, 1)
    redis_box.start()
    clock.now += 4.9
    waits(ledger, 1)
    assert redis_box.tell("KEYS", "*") == []
    clock.now += 0.1
    waits(ledger, 1)
    assert redis_box.tell("KEYS", "*") != []


@pytest.mark.slow
def test_a_server_that_is_still_loading(make, redis_box, warnings):
    for number in range(200):
        redis_box.tell("SET", f"filler{number}", "x" * 1000)
    redis_box.tell("CONFIG", "SET", "key-load-delay", "20000")  # microseconds a key
    redis_box.tell("CONFIG", "SET", "loading-process-events-interval-bytes", "1024")
    ledger = make()
    loading = SPAWN.Process(target=_reload, args=(redis_box.port,))
    loading.start()
    try:
        while not warnings and loading.is_alive():
            ledger.reserve(PORTAL, LIMITS)
    finally:
        loading.join()
        redis_box.tell("CONFIG", "SET", "key-load-delay", "0")
    assert any(word in warnings[0] for word in ("loading", "Loading", "Timeout")), warnings


def _reload(port):
    import redis

    redis.Redis(port=port, password=PASSWORD).execute_command("DEBUG", "RELOAD")


def test_a_server_that_never_answers_is_asked_once_in_a_while(clock, warnings):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        server = RedisServer("127.0.0.1", deaf.getsockname()[1])
        ledger = ClusterLedger(server, clock=clock, wall_clock=clock, warn=warnings.append)
        waits(ledger, 20)
        deaf.settimeout(10)
        deaf.accept()[0].close()
        deaf.settimeout(0.2)
        with pytest.raises(TimeoutError):
            deaf.accept()
    assert len(warnings) == 1
    assert "Timeout" in warnings[0]


def test_a_try_that_takes_long_is_made_seldom():
    """Each look at the clock takes a second, a try is two looks: ten seconds pass before the next."""
    times = iter(range(1000))
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as closing:
        server = RedisServer("127.0.0.1", closing.getsockname()[1])
        ledger = ClusterLedger(server, clock=lambda: float(next(times)), warn=lambda text: None)
        threading.Thread(target=_hang_up, args=(closing, connections), daemon=True).start()
        waits(ledger, 1)
        tried = len(connections)
        assert tried == 2, "a connection that broke is opened anew once"
        waits(ledger, 3)  # two looks each
        assert len(connections) == tried
        waits(ledger, 3)
        assert len(connections) > tried


def _hang_up(server, connections):
    with contextlib.suppress(OSError):
        while True:
            connections.append(server.accept()[0])
            connections[-1].close()


def test_a_fork_goes_on_with_a_connection_of_its_own(redis_box):
    ledger = ClusterLedger(redis_box.server)
    waits(ledger, 200)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if min(waits(ledger, 20)) > 40 else 2
        finally:
            os._exit(status)
    assert min(waits(ledger, 20)) > 40
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    [key] = redis_box.tell("KEYS", "bitrix24:bucket:*")
    now, _ = redis_box.tell("TIME")
    assert float(redis_box.tell("HGET", key, "arrival")) - float(now) > 239 * STEP - 30


# --- the renewal lock ---


def test_a_lock_is_held_by_one_process_and_freed(make, redis_box):
    first, second = make().renewal("application"), make().renewal("application")
    assert first.acquire()
    assert not second.acquire(blocking=False)
    [key] = redis_box.tell("KEYS", "*")
    assert key.startswith("bitrix24:renewal:")
    assert 25_000 < redis_box.tell("PTTL", key) <= 30_000
    assert len(redis_box.tell("GET", key)) == 32
    assert make().renewal("other").acquire(blocking=False)
    first.release()
    assert second.acquire()
    second.release()


def test_threads_of_one_process_share_a_lock(make):
    ledger = make()
    lock = ledger.renewal("application")
    assert lock.acquire()
    assert not ledger.renewal("application").acquire(blocking=False)
    assert ledger.renewal("other").acquire(blocking=False)
    lock.release()
    assert ledger.renewal("application").acquire(blocking=False)


def test_the_next_waits_for_a_lock(make):
    first, second = make().renewal("application"), make().renewal("application")
    got = threading.Event()
    assert first.acquire()
    waiting = threading.Thread(target=lambda: second.acquire() and got.set(), daemon=True)
    waiting.start()
    assert not got.wait(0.3)
    first.release()
    assert got.wait(10)
    waiting.join()
    second.release()
    assert first.acquire(), "a lock can be taken again"
    first.release()


def test_whoever_holds_a_lock_can_end(make):
    """A task that is stopped does not wait for the thread that keeps the lock."""
    before = {thread for thread in threading.enumerate() if not thread.daemon}
    lock = make().renewal("application")
    assert lock.acquire()
    assert {thread for thread in threading.enumerate() if not thread.daemon} == before
    lock.release()


def test_a_lock_is_given_back_though_redis_is_slow():
    """Giving it back happens on event loops, too: what Redis is still to be told, a thread tells it."""
    asked, go_on, answered = threading.Event(), threading.Event(), []

    def run(script, keys, arguments):
        if script == DROP_LOCK:
            asked.set()
            answered.append(go_on.wait(5))
        return ["1"]

    lock = ClusterLock(run, "key", threading.Lock())
    assert lock.acquire()
    lock.release()
    assert asked.wait(10)
    assert lock.acquire(blocking=False)
    go_on.set()
    lock.release()
    assert False not in answered, "the lock was given back before Redis knew"


@pytest.mark.slow
def test_a_lock_of_a_killed_holder_expires_but_not_that_of_a_living_one(make, redis_box):
    def short(ledger):
        return ClusterLock(ledger._run, "bitrix24:renewal:x", threading.Lock(), expiry=1.5, beat=0.2)

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            lock = short(ClusterLedger(redis_box.server))
            lock.acquire()
            time.sleep(3)
            os.write(writer, b"held")
            time.sleep(60)
        finally:
            os._exit(1)
    assert os.read(reader, 4) == b"held"
    mine = short(ClusterLedger(redis_box.server))
    try:
        assert not mine.acquire(blocking=False)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert mine.acquire()
    mine.release()


def test_a_lock_without_redis_is_a_lock_between_threads(make, warnings):
    ledger = make(port=1)
    lock = ledger.renewal("application")
    assert lock.acquire()
    assert not ledger.renewal("application").acquire(blocking=False)
    lock.release()
    assert len(warnings) == 1


# --- many processes ---


def _call_many(port, url, user_id, code, count):
    server = RedisServer("127.0.0.1", port, password=PASSWORD)
    client = Client(Session(Webhook(url, user_id, code)), ClusterLedger(server), Wire())
    for _ in range(count):
        client.call_reply(Call("server.time"))


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [None, wipe, kill_and_start])
def test_many_processes_are_never_refused(redis_box, trouble):
    with Bitrix24Portal() as portal:
        code = portal.webhook_code()
        arguments = (redis_box.port, portal.url, "1", code, 9)
        workers = [SPAWN.Process(target=_call_many, args=arguments) for _ in range(6)]
        for worker in workers:
            worker.start()
        while trouble and len(portal.requests) < 30:
            time.sleep(0.01)
        if trouble:
            trouble(redis_box)
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * 6
        assert len(portal.requests) == 54
        assert portal.refusals == 0
