"""Keeps rows in a temporary file from the time they are read and checked until they are sent."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple, Self

#: without an indent this is C; the same content makes the same text
_json: Callable[[Any], str] = json.JSONEncoder(sort_keys=True).encode


class Entry(NamedTuple):
    """One row.

    :param work: what is to be done with it, plain JSON; ``None`` where that is nothing
    :param more: what else belongs to it, plain JSON
    """

    work: Any
    more: Any


class Spool:
    """Rows in a temporary file without a name, which is gone with the process, however that ends.

    So all of them can be checked before one is sent, and nothing has to be held open meanwhile but this file.
    Use it as a context manager.
    """

    def __init__(self) -> None:
        with _told_of_room():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with this object
        self._digest = hashlib.sha256()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what was not written any more is not wanted any more
            self._file.close()

    def __len__(self) -> int:
        return self._count

    @property
    def digest(self) -> str:
        """What tells the work of these rows from other work."""
        return self._digest.hexdigest()

    def write(self, work: Any, more: Any = None) -> None:
        """Add a row.

        :param work: what is to be done with it, plain JSON; ``None`` where that is nothing
        :param more: what else belongs to it, plain JSON; it does not count in the digest
        :raises OSError: there is no room left; another try may help
        """
        line = _json(work).encode()
        self._digest.update(line + b"\n")
        with _told_of_room():
            self._file.write(b"%b\t%b\n" % (line, _json(more).encode()))
        self._count += 1

    def chunks(self, size: int) -> Iterator[list[Entry]]:
        """Yield all rows in their order, some at a time.

        :param size: how many
        :raises OSError: there is no room left; another try may help
        """
        with _told_of_room():
            self._file.seek(0)
        while lines := list(islice(self._file, size)):
            # JSON holds no tabulator outside its texts, and in its texts it is escaped
            yield [Entry(*map(json.loads, line.split(b"\t"))) for line in lines]


@contextmanager
def _told_of_room() -> Iterator[None]:
    """Let the error that the temporary folder is full, or not there, say which folder that is.

    :raises OSError: rows cannot be kept
    """
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"The rows cannot be kept in {tempfile.gettempdir()} while they are checked: {error.strerror}. "
            "Free space there, or set TMPDIR to another folder; another try then works.",
        ) from error
