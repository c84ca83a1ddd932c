"""A Redis server of a test's own, on a free port of the loopback and in a temporary folder."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from free_ports import free_port

from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisServer

PASSWORD = "s3cr3t-redis-pass"


class RedisBox:
    """Starts, kills and starts again one server on one port."""

    def __init__(self):
        self._folder = tempfile.mkdtemp(prefix="redis-box-")
        self.port = free_port()
        self.server = RedisServer("127.0.0.1", self.port, password=PASSWORD)
        self._run = None

    def start(self):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self._folder]
        command += ["--save", "", "--appendonly", "no", "--requirepass", PASSWORD]
        command += ["--enable-debug-command", "local"]
        self._run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._run.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)
        return self

    def kill(self):
        """As kill -9 does."""
        if self._run is not None:
            self._run.kill()
            self._run.wait()
            self._run = None

    def stop(self):
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def empty(self):
        """Forget everything, also what was written to disk and would be read at the next start."""
        self.tell("FLUSHALL")
        for path in Path(self._folder).iterdir():
            path.unlink()

    def tell(self, *command):
        """Send a command and return its answer."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        once = Retry(NoBackoff(), 0)
        with redis.Redis(port=self.port, password=PASSWORD, decode_responses=True, retry=once) as client:
            return client.execute_command(*command)

    def _answers(self):
        with contextlib.suppress(Exception):
            return bool(self.tell("PING"))
        return False


@pytest.fixture(scope="module")
def redis_of_module():
    pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    box = RedisBox()
    try:
        yield box.start()
    finally:
        box.stop()


@pytest.fixture
def redis_box(redis_of_module):
    """An empty Redis server; it is started anew where the test before ended it."""
    if not redis_of_module._answers():
        redis_of_module.kill()
        redis_of_module.start()
    redis_of_module.tell("REPLICAOF", "NO", "ONE")
    redis_of_module.empty()
    return redis_of_module
