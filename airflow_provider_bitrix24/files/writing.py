"""Writing a file that is there whole or not at all, on a disk or in object storage."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.files.lineage import report_output
from airflow_provider_bitrix24.files.local import whole_local_file
from airflow_provider_bitrix24.files.trouble import (
    refuse_password,
    told_of_disk,
    told_of_scheme,
    told_of_storage,
    told_of_temporary,
)
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: storage with folders that have to be made; where there are none, making one may try to make a bucket
_WITH_FOLDERS = frozenset({"arrow_hdfs", "ftp", "hdfs", "memory", "sftp", "smb", "webhdfs"})
#: characters inside a text at which some readers end a line, although JSON does not
_LINE_ENDS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
#: as gzip's own command: half the time of Python's default, and hardly larger
_LEVEL = 6


def check_path(value: Any, field: str, remedy: str = "", *, done: str = "written") -> ObjectStoragePath:
    """Return where a file is to be written, or read.

    :param value: a local path, or one in object storage such as ``s3://conn@bucket/deals.jsonl``
    :param field: where it stands, for the message
    :param remedy: what to do where it is none
    :param done: what is to be done to the file, in words
    :raises InvalidInputError: it is none, a folder is there, or Airflow cannot reach this kind of storage
    """
    from airflow.sdk import ObjectStoragePath

    if not isinstance(value, (str, PathLike, ObjectStoragePath)) or not str(value).strip():
        nothing = RETURNED_NOTHING if value is None else "Give a path such as /data/deals.jsonl."
        raise InvalidInputError(f"{field}: {shown(value)} is not a path", remedy=remedy or nothing)
    if str(value).strip() == "None":
        raise InvalidInputError(f"{field}: the text is 'None'", remedy=RETURNED_NOTHING)
    text = str(value)
    refuse_password(text, field)
    if text.endswith("/"):
        raise _is_a_folder(text, field)
    with told_of_scheme(text, field, done):
        # Airflow 3.1 would begin a relative path at the root.
        is_address = "://" in text or text.startswith("file:")
        path = ObjectStoragePath(text if is_address else str(Path(text).absolute()))
        _ = path.fs  # which is looked for only now
    with told_of_disk(Path(path.path), field):
        if _is_folder(path):
            raise _is_a_folder(text, field)
    return path


@contextmanager
def whole_file(path: ObjectStoragePath, field: str = "path") -> Iterator[IO[bytes]]:
    """Open a file for writing, which appears at its path only when the block has ended well.

    Until then it has a name of its own, so that two who write the same path do not meet. In object storage
    nothing but the finished object is written, in one piece; no other right is needed. Airflow's lineage is
    told of the file when it is there, and of no other.

    :param path: from :func:`check_path`
    :param field: the argument that names it, for messages
    :raises InvalidInputError: no file can be written there
    :raises OSError: there is no room left; another try may help
    """
    if is_local(path):
        with whole_local_file(Path(path.path), field) as file:
            yield file
    else:
        with told_of_temporary(path, tempfile.gettempdir(), field), tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            with told_of_storage(path, field):
                _put(file, path)
    report_output(path)


@contextmanager
def gzipped(file: IO[bytes], wanted: bool = True) -> Iterator[IO[bytes]]:
    """Compress what is written to a file. The same content makes the same bytes at any time.

    :param file: the file
    :param wanted: ``False`` to write it as it is
    """
    if not wanted:
        yield file
        return
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed:
        yield cast("IO[bytes]", packed)


def json_line(row: Any) -> bytes:
    """Return a row as a line of JSON Lines.

    :param row: plain JSON
    """
    return f"{in_one_line(json.dumps(row, ensure_ascii=False))}\n".encode(errors="surrogatepass")


def in_one_line(text: str) -> str:
    """Return JSON in which no reader finds the end of a line; JSON itself allows more than some readers do.

    :param text: JSON without line feeds
    """
    for character, escape in _LINE_ENDS.items():
        text = text.replace(character, escape)
    return text


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


def _is_a_folder(path: str, field: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {shown(path)} is a folder", remedy="Give the path of a file.")


def _is_folder(path: ObjectStoragePath) -> bool:
    if is_local(path):
        return Path(path.path).is_dir()
    return path.protocol in _WITH_FOLDERS and path.is_dir()


def is_local(path: ObjectStoragePath) -> bool:
    """Tell whether a path is on a disk."""
    return path.protocol in ("", "file", "local")
