"""What killed writers left beside a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from uuid import uuid4

import pytest

from airflow_provider_bitrix24.files.local import whole_local_file


def write(target, content=b"new"):
    with whole_local_file(target) as file:
        file.write(content)


def killed(target):
    """Write a file, and be killed."""
    child = os.fork()
    if not child:
        with whole_local_file(target):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def names(folder):
    return sorted(os.listdir(folder))


def test_the_next_writer_deletes_what_a_killed_one_left(tmp_path):
    target = tmp_path / "a[1].csv"
    killed(target)
    killed(target)
    [left] = names(tmp_path)
    assert left.startswith(".a[1].csv.")
    write(target)
    assert names(tmp_path) == ["a[1].csv"]


def test_nothing_else_is_deleted(tmp_path):
    others = [f".b.csv.{uuid4().hex}.part", ".a.csv.part", ".a.csv.7.part", f".a.csv.x.{uuid4().hex}.part"]
    for other in others:
        (tmp_path / other).touch()
    write(tmp_path / "a.csv")
    assert names(tmp_path) == sorted(["a.csv", *others])


def test_what_another_writer_is_writing_stays(tmp_path):
    target = tmp_path / "a.csv"
    with whole_local_file(target) as file:
        file.write(b"first")
        write(target, b"second")
        write(target, b"third")
        assert target.read_bytes() == b"third"
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["a.csv"]


_WRITER = """
import sys
from pathlib import Path
from airflow_provider_bitrix24.files.local import whole_local_file
for number in range(int(sys.argv[2])):
    with whole_local_file(Path(sys.argv[1])) as file:
        for part in range(3):
            file.write(bytes([number]) * 5000)
"""


def writers(target, count, times):
    arguments = [sys.executable, "-c", _WRITER, str(target), str(times)]
    return [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(count)]


def test_many_who_write_one_path_do_not_meet(tmp_path):
    target = tmp_path / "a.bin"
    for writer in writers(target, 3, 50):
        assert writer.communicate()[1] == ""
    content = target.read_bytes()
    assert content == content[:1] * 15_000
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.slow
def test_writers_killed_at_any_moment_leave_a_whole_file(tmp_path):
    target = tmp_path / "a.bin"
    for moment in range(20):
        [writer] = writers(target, 1, 250)
        time.sleep(0.05 + moment * 0.01)
        writer.kill()
        writer.communicate()
        if target.exists():
            content = target.read_bytes()
            assert content == content[:1] * 15_000
        assert len(names(tmp_path)) <= 2
    write(target)
    assert names(tmp_path) == ["a.bin"]
