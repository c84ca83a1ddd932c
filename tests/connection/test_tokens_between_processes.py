"""Many processes that find their token expired at once, and one that dies while it renews it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

pytestmark = pytest.mark.slow

_WORKER = Path(__file__).with_name("token_worker.py")
_PROCESSES = 4


@pytest.fixture
def portal():
    with Bitrix24Portal(limits=Limits.off()) as box:
        yield box


@pytest.fixture
def start(portal, tmp_path):
    """Start a process with a connection that is written down as it is now."""
    connection = {}

    def authorise():
        connection["json"] = json.dumps(
            portal.oauth_connection(plan="self-hosted", token_store="token_worker.FileTokens")
        )

    def begin(**more):
        environment = {
            **os.environ,
            "AIRFLOW_CONN_BITRIX24_DEFAULT": connection["json"],
            "AIRFLOW_HOME": str(tmp_path),
            "PYTHONPATH": str(_WORKER.parent),
            "TOKEN_FOLDER": str(tmp_path),
            **more,
        }
        worker = subprocess.Popen(
            [sys.executable, str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # Airflow logs there
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        started.append(worker)
        lines = []
        while not lines or lines[-1] != "ready\n":
            lines.append(worker.stderr.readline())
            assert lines[-1], lines
        return worker

    started = []
    authorise()
    begin.authorise = authorise
    yield begin
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.communicate()


def let_go(workers):
    """Let processes go on together, and return what they say."""
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return [worker.communicate(timeout=100)[1] for worker in workers]


def users_in(text):
    """Return what a process wrote last, but for what Airflow logs at its end."""
    return json.loads([line for line in text.splitlines() if line.startswith('["')][-1])


def test_one_of_many_processes_renews_for_all(portal, start):
    workers = [start() for _ in range(_PROCESSES)]
    portal.expire_access_tokens()
    assert [users_in(text) for text in let_go(workers)] == [["1", "1", "1"]] * _PROCESSES
    assert portal.renew_count == 1


def test_a_pair_that_is_lost_with_its_renewer_is_replaced_by_authorising_anew(portal, start):
    """The old refresh token is used up and nobody has the new one: everyone says so, and what to do."""
    killed, other = start(TOKEN_KILL="1"), start()
    portal.expire_access_tokens()
    let_go([killed])
    assert killed.returncode == -signal.SIGKILL
    assert portal.renew_count == 1
    [complaint] = let_go([other])
    assert other.returncode == 1
    assert "TokenRenewalError" in complaint
    assert "Authorise the application anew and put the new pair of tokens into the connection" in complaint
    start.authorise()
    [text] = let_go([start()])
    assert users_in(text) == ["1", "1", "1"]
