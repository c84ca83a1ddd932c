"""A PostgreSQL server of a test session's own, on a free port of the loopback and in a temporary folder."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from free_ports import free_port

PATIENCE = 300.0
_DATABASES = itertools.count()
_NEEDING_A_SERVER = {"postgres_of_session", "postgres_url", "psycopg_url"}


def wait_until(what, condition, *, processes=(), seconds=PATIENCE, pause=0.5):
    """Wait for a condition and return its value; say what did not come, or which process ended."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        for process in processes:
            assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(pause)
    return value


class Processes:
    """What was started here: each in a group of its own, which is stopped as a whole."""

    def __init__(self, folder):
        self._folder = folder
        self.running = []

    def start(self, name, command, environment, **options):
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self._folder,
                **options,
            )
        self.running.append(process)
        return process

    def kill(self, process):
        """Kill a process with its group, without a word before."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def stop(self, *, kindly=signal.SIGTERM):
        for number in (kindly, signal.SIGKILL):
            for process in self.running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            deadline = time.monotonic() + 20
            while any(_lives(process) for process in self.running) and time.monotonic() < deadline:
                time.sleep(0.2)
        self.running.clear()


def _lives(process):
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def installed():
    """Return the folders of PostgreSQL's programs, the newest last."""
    return sorted(path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres"))


class Postgres:
    """A server that may lose everything. It refuses to run as root, so root runs it as ``postgres``."""

    def __init__(self, folder):
        self._folder = folder
        self._folder.mkdir()
        self.port = free_port()
        self.address = f"airflow@127.0.0.1:{self.port}/postgres"
        self._processes = Processes(folder)
        self._options = {}
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._options = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    def start(self):
        programs = installed()[-1]
        data = self._folder / "data"
        command = [programs / "initdb", "-D", data, "-A", "trust", "-U", "airflow", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._options)
        settings = {"fsync": "off", "unix_socket_directories": "", "max_connections": "300"}
        command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(self.port)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._processes.start("postgres", command, dict(os.environ), **self._options)
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_until(
            "PostgreSQL",
            lambda: subprocess.run(ready, capture_output=True).returncode == 0,
            processes=self._processes.running,
            pause=0.05,
        )
        return self

    def stop(self):
        self._processes.stop(kindly=signal.SIGQUIT)  # at once, without a checkpoint


def new_database(server):
    """Make a database on a PostgreSQL server, and return its address."""
    name = f"warehouse_{next(_DATABASES)}"
    engine = sa.create_engine(f"postgresql+psycopg2://{server.address}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return f"{server.address.removesuffix('postgres')}{name}"


@pytest.fixture(scope="session")
def postgres_of_session():
    """A server, started for the first test that asks for it; it skips where PostgreSQL is not installed."""
    if not installed():
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="postgres-box-"))
    folder.chmod(0o755)  # the server's user looks for its own folder inside
    server = Postgres(folder / "server")
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What needs a server of its own is slow, and runs once; SQLite holds the same rules without one."""
    for item in items:
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        is_for_it = any(isinstance(value, str) and value == "postgresql" for value in values)
        if is_for_it or _NEEDING_A_SERVER & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.once)
