"""The lock between processes. Each ``FileLock`` with threads of its own is one process as far as files go."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from airflow_provider_bitrix24.rest.ledgers.files import FileLock, ledger_file, machine_key


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "home" / "airflow" / "a.lock"


@pytest.fixture
def process(path):
    return lambda: FileLock(path, threading.Lock())


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")


@needs_proc
def test_one_holds_it_and_the_next_gets_it(process):
    one, other = process(), process()
    before = open_files()
    assert one.acquire()
    assert not other.acquire(blocking=False)
    assert open_files() == before + 1
    one.release()
    assert other.acquire(blocking=False)
    other.release()
    assert open_files() == before


def test_the_next_waits(process):
    one, other = process(), process()
    got = threading.Event()

    def wait() -> None:
        if other.acquire():
            got.set()

    assert one.acquire()
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert not got.wait(0.2)
    one.release()
    assert got.wait(10)
    waiting.join(10)
    other.release()


def test_nobody_else_may_open_it(process, path):
    mask = os.umask(0)
    try:
        assert process().acquire()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@needs_proc
def test_where_no_file_can_be_locked_threads_still_take_turns(process, monkeypatch):
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    lock, before = process(), open_files()
    assert lock.acquire()
    lock.release()
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert lock.acquire()
    assert open_files() == before
    assert not lock.acquire(blocking=False)
    lock.release()
    assert lock.acquire(blocking=False)


@needs_proc
def test_whoever_is_stopped_while_waiting_leaves_nothing_behind(process, monkeypatch):
    def stop(descriptor: int, operation: int) -> None:
        raise KeyboardInterrupt

    lock, before = process(), open_files()
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", stop)
        with pytest.raises(KeyboardInterrupt):
            lock.acquire()
    assert open_files() == before
    assert lock.acquire(blocking=False)
    lock.release()


def test_the_ledger_is_named_after_the_machine(tmp_path, monkeypatch):
    machine_key.cache_clear()
    here = machine_key()
    assert ledger_file(tmp_path) == tmp_path / f"bitrix24-pacing-{here}.sqlite"
    machine_key.cache_clear()
    try:
        monkeypatch.setattr(Path, "read_text", _not_there)
        monkeypatch.setattr("platform.node", lambda: "another")
        elsewhere = machine_key()
    finally:
        machine_key.cache_clear()
    assert elsewhere != here
    assert len(elsewhere) == len(here) == 12


def _not_there(*_: object, **__: object) -> str:
    raise FileNotFoundError
