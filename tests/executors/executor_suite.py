"""Sixteen mapped tasks on real executors: no request refused, all work done once.

Not collected with the other tests: it needs PostgreSQL, Redis and minutes. ``make test-executors`` runs it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from executor_servers import Airflow
from postgres_box import Postgres, installed
from redis_box import PASSWORD

from airflow_provider_bitrix24.testing import Bitrix24Portal

TASKS, COMMENTS = 16, 3  # as in dags/bitrix24_sixteen.py

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def folder():
    """A folder that ``postgres`` may enter; pytest's own are closed to others."""
    path = Path(tempfile.mkdtemp(prefix="executors-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgres(folder):
    if not installed():
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    server = Postgres(folder / "postgres")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def box():
    """A portal with the standard bucket and a deal and a contact for each task."""
    with Bitrix24Portal() as portal:
        portal.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(TASKS)])
        portal.add_items("contact", [{"NAME": f"Contact {number}"} for number in range(TASKS)])
        yield portal


def check(states, portal):
    """Everything succeeded at its first try, nothing was refused, each piece of work was done once."""
    assert states == [("success", 1)] * TASKS
    assert portal.refusals == 0
    calls = [entry.method for entry in portal.requests]
    assert sorted(set(calls)) == ["crm.timeline.bindings.bind", "crm.timeline.comment.add"]
    assert len(calls) == TASKS * COMMENTS * 2
    found = {}
    for record in portal.comments():
        task, comment = map(int, re.fullmatch(r"task (\d+), comment (\d+)", record.text).groups())
        assert (task, comment) not in found
        found[task, comment] = sorted(portal.bindings(record.record_id))
    assert found == {
        (task, comment): [("contact", task), ("deal", task)]
        for task in range(1, TASKS + 1)
        for comment in range(COMMENTS)
    }


def run(airflow, folder, *more):
    try:
        return airflow.start(*more).run("bitrix24_sixteen")
    except BaseException:
        for log in sorted((folder / "airflow").glob("*.log")):
            end = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            sys.stdout.write(f"--- {log.name}\n{end}\n")
        raise
    finally:
        airflow.stop()


def grumbling(folder):
    """The logs that say that the limits could not be shared."""
    logs = (folder / "airflow").rglob("*.log")
    return [log.name for log in logs if b"cannot be shared" in log.read_bytes()]


def test_local_executor(folder, postgres, box):
    connections = {"bitrix24_default": box.connection()}
    airflow = Airflow(folder / "airflow", postgres.address, "LocalExecutor", {}, connections)
    check(run(airflow, folder), box)
    assert list((folder / "airflow" / "bitrix24").glob("*.sqlite"))
    assert grumbling(folder) == []


def test_celery_executor_with_two_workers_that_share_redis(folder, postgres, box, redis_box):
    connections = {
        "bitrix24_default": box.connection(pacing="redis", redis_conn_id="shared_redis"),
        "shared_redis": {
            "conn_type": "redis",
            "host": "127.0.0.1",
            "port": redis_box.port,
            "password": PASSWORD,
            "extra": {"db": 1},
        },
    }
    settings = {
        "CELERY__BROKER_URL": f"redis://:{PASSWORD}@127.0.0.1:{redis_box.port}/0",
        "CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{postgres.address}",
        "CELERY__OPERATION_TIMEOUT": "30",
    }
    airflow = Airflow(folder / "airflow", postgres.address, "CeleryExecutor", settings, connections)
    workers = [
        [f"worker-{name}", "celery", "worker", "-H", f"{name}@%h", "--concurrency", "8", "--skip-serve-logs"]
        for name in ("one", "two")
    ]
    workers = [[*worker, "--pid", str(folder / f"{worker[0]}.pid")] for worker in workers]
    if os.getuid() == 0:
        os.environ.setdefault("C_FORCE_ROOT", "1")
    check(run(airflow, folder, *workers), box)
    assert "db1" in redis_box.tell("INFO", "keyspace")  # db 0 is the broker's
    assert grumbling(folder) == []
