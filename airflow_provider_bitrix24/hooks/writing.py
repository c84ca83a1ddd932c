"""Writing a file that is there whole or not at all, on a disk or in object storage."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: storage with folders that have to be made; where there are none, making one may try to make a bucket
_WITH_FOLDERS = frozenset({"arrow_hdfs", "ftp", "hdfs", "memory", "sftp", "smb", "webhdfs"})
#: characters inside a text at which some readers end a line, although JSON does not
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def check_path(value: Any, field: str, remedy: str = "") -> ObjectStoragePath:
    """Return where a file is to be written.

    :param value: a local path, or one in object storage such as ``s3://conn@bucket/deals.jsonl``
    :param field: where it stands, for the message
    :param remedy: what to do where it is none
    :raises InvalidInputError: it is none, or a folder is there
    """
    from airflow.sdk import ObjectStoragePath

    if not isinstance(value, (str, PathLike, ObjectStoragePath)) or not str(value).strip():
        raise InvalidInputError(f"{field}: {shown(value)} is not a path", remedy=remedy)
    path = ObjectStoragePath(str(value))
    if str(value).endswith("/") or _is_folder(path):
        raise InvalidInputError(
            f"{field}: {shown(str(value))} is a folder", remedy="Give the path of a file."
        )
    return path


@contextmanager
def whole_file(path: ObjectStoragePath) -> Iterator[IO[bytes]]:
    """Open a file for writing, which appears at its path only when the block has ended well.

    Until then it has a name of its own, so that two who write the same path do not meet. In object storage
    nothing but the finished object is written, in one piece; no other right is needed.

    :param path: from :func:`check_path`
    """
    if not _is_local(path):
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            _put(file, path)
        return
    target = Path(path.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def json_line(row: Any) -> bytes:
    """Return a row as a line of JSON Lines, in which no reader finds another line's end.

    :param row: plain JSON
    """
    return f"{json.dumps(row, ensure_ascii=False).translate(_LINE_ENDS)}\n".encode(errors="surrogatepass")


def _put(file: IO[bytes], path: ObjectStoragePath) -> None:
    """Write an object; what breaks off on the way is not left there, which closing it would do."""
    if path.protocol in _WITH_FOLDERS:
        path.parent.mkdir(parents=True, exist_ok=True)
    target = path.fs.open(path.path, "wb")
    try:
        shutil.copyfileobj(file, target)
    except BaseException:
        with suppress(Exception):  # the error that counts is the one before
            target.discard()
        with suppress(AttributeError):  # else it would be closed, and so written, when it is collected
            target.closed = True
        raise
    target.close()


def _is_folder(path: ObjectStoragePath) -> bool:
    if _is_local(path):
        return Path(path.path).is_dir()
    return path.protocol in _WITH_FOLDERS and path.is_dir()


def _is_local(path: ObjectStoragePath) -> bool:
    return path.protocol in ("", "file", "local")
