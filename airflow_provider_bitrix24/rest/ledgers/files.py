"""The files that processes of one machine share: where they are, and a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import threading
from functools import cache
from pathlib import Path


@cache
def machine_key() -> str:
    """Return a name for this machine since its last start.

    A home folder on the network is seen by many machines, whose clocks have nothing in common.
    """
    try:
        identity = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        identity = platform.node()
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def ledger_file(folder: Path) -> Path:
    """Return the path of this machine's ledger in a folder."""
    return folder / f"bitrix24-pacing-{machine_key()}.sqlite"


class FileLock:
    """A lock between processes, and between threads of each; the system frees it when its holder dies.

    Where no file can be locked, it is a lock between threads only.

    :param path: the lock's file
    :param threads: the lock between threads
    """

    def __init__(self, path: Path, threads: threading.Lock) -> None:
        self._path = path
        self._threads = threads
        self._descriptor: int | None = None

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock; ``False`` where it is taken and ``blocking`` is off."""
        if not self._threads.acquire(blocking):
            return False
        try:
            taken = self._lock_file(blocking)
        except BaseException:
            self._threads.release()
            raise
        if not taken:
            self._threads.release()
        return taken

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # closing does not, where a forked child has it, too
            os.close(self._descriptor)
            self._descriptor = None
        self._threads.release()

    def _lock_file(self, blocking: bool) -> bool:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
        except BaseException as error:
            os.close(descriptor)
            if not isinstance(error, OSError):
                raise
            return not isinstance(error, BlockingIOError)  # else it is a file system without locks
        self._descriptor = descriptor
        return True
