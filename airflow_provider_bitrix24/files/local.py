"""A file on a disk that is there whole or not at all, and what killed writers left behind."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from airflow_provider_bitrix24.files.trouble import told_of_disk


@contextmanager
def whole_local_file(target: Path, field: str = "path") -> Iterator[IO[bytes]]:
    """Open a file that gets its name only when the block has ended well.

    Until then its name starts with a dot and is its own. Its writer holds a lock on it, which the system
    frees if the writer is killed; whoever writes the same target next deletes such remains.

    :param target: where it is to be
    :param field: the argument that names it, for messages
    :raises InvalidInputError: no file can be written there
    :raises OSError: there is no room left; another try may help
    """
    with told_of_disk(target, field):
        target.parent.mkdir(parents=True, exist_ok=True)
        _delete_remains(target)
        file, partial = _open_partial(target)
        try:
            with file:
                yield file
                file.flush()
                # so that what a disk refuses late is an error before the file has its name
                os.fsync(file.fileno())
                partial.replace(target)  # under the lock, or another writer may take it for remains
        finally:
            partial.unlink(missing_ok=True)


def _open_partial(target: Path) -> tuple[IO[bytes], Path]:
    """Open a file of a name of its own, and lock it."""
    while True:
        partial = target.with_name(f".{target.name}.{uuid4().hex}.part")
        file = partial.open("xb")
        try:
            _lock(file)
            if partial.exists():  # else another writer took it for remains before it was locked
                return file, partial
        except BaseException:
            partial.unlink(missing_ok=True)
            file.close()
            raise
        file.close()


def _delete_remains(target: Path) -> None:
    """Delete what writers of a target left behind who no longer live."""
    partial = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{32}}\.part")
    with suppress(OSError):  # a folder that may not be listed
        for name in filter(partial.fullmatch, os.listdir(target.parent)):
            _delete_unless_locked(target.with_name(name))


def _delete_unless_locked(path: Path) -> None:
    # It may be gone, somebody else's, or on a file system without locks. Some lock only what can be written.
    with suppress(OSError), path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def _lock(file: IO[bytes]) -> None:
    with suppress(OSError):  # a file system without locks, where remains cannot be locked, and stay, too
        fcntl.flock(file, fcntl.LOCK_EX)
