"""PostgreSQL of one measurement: a server in a temporary folder, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATIENCE = 60.0


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest one, or ``None`` if it is not installed."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server and yield its address.

    It loses everything if the machine stops (``fsync=off``), so that no disk is measured.
    """
    found = programs()
    if found is None:
        raise RuntimeError("PostgreSQL is not installed: there is nothing in /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    try:
        owner = _owner(folder)
        data, port = folder / "data", _free_port()
        create = [found / "initdb", "-D", data, "-A", "trust", "-U", "bench", "--no-sync"]
        subprocess.run(create, check=True, capture_output=True, cwd=folder, **owner)
        settings = ["-c", "fsync=off", "-c", "unix_socket_directories="]
        command = [found / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *settings]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **owner
        ) as server:
            try:
                _wait(found, port, server)
                yield f"postgresql://bench:bench@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(signal.SIGINT)  # it does not wait for those still connected
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> dict[str, Any]:
    """Give a folder to ``postgres`` and return who runs the server: root is refused by it."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(found: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    ready = [found / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + _PATIENCE
    while subprocess.run(ready, check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start within {_PATIENCE:.0f} s")
        time.sleep(0.1)
