"""Errors of writing and reading files: which file, why, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.redaction import holds_password, redact_addresses

_RIGHTS = "Let the worker's user write into its folder, or give another path."
_NO_FOLDER = "A file is where a folder has to be. Give another path."
#: what to do about errors that another try meets again
_FOR_GOOD = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.EEXIST: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EISDIR: "A folder is where the file has to be. Give another path.",
    errno.ENAMETOOLONG: "Give a shorter path.",
    errno.ELOOP: "Its symbolic links lead in a circle. Give another path.",
}
_NOT_THERE = "Check the path. A worker reads it, on its own machine."
_READING: dict[type[OSError], str] = {
    FileNotFoundError: _NOT_THERE,
    NotADirectoryError: _NOT_THERE,
    PermissionError: "Let the worker's user, or the Airflow connection of the path, read the file.",
    IsADirectoryError: "Give the path of a file.",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: what Airflow reaches object storage with
_PROVIDERS = {
    **dict.fromkeys(("s3", "s3a"), "apache-airflow-providers-amazon[s3fs]"),
    **dict.fromkeys(("gs", "gcs"), "apache-airflow-providers-google"),
    **dict.fromkeys(("abfs", "abfss", "adl"), "apache-airflow-providers-microsoft-azure"),
}


@contextmanager
def told_of_disk(target: Path, field: str) -> Iterator[None]:
    """Let errors of a local file say which it is, why it cannot be written, and what to do.

    :param target: where the file is to be
    :param field: the argument that names it
    :raises InvalidInputError: no file can be written there
    :raises OSError: there is no room left; another try may help
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(error, field, target, "there") from error
        if error.errno in _FOR_GOOD and _concerns(error, target):
            raise _not_done(field, target, error, _FOR_GOOD[error.errno]) from None
        raise


@contextmanager
def told_of_temporary(path: Any, folder: str, field: str) -> Iterator[None]:
    """Let the error that the temporary folder is full say so.

    :param path: where the file is to be in the end
    :param folder: the temporary folder
    :param field: the argument that names the path
    :raises OSError: there is no room left; another try may help
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(
                error, field, path, f"in {folder}, where the file is kept until it is whole"
            ) from error
        raise


@contextmanager
def told_of_storage(path: Any, field: str) -> Iterator[None]:
    """Let errors of object storage that stay say which object it is, and what to do.

    :param path: where the object is to be
    :param field: the argument that names it
    :raises InvalidInputError: the object may not be written, or its bucket is not there
    """
    try:
        yield
    except PermissionError as error:
        remedy = "Let the Airflow connection of the path write the object, or give another path."
        raise _not_done(field, path, error, remedy) from None
    except FileNotFoundError as error:
        raise _not_done(field, path, error, "Check the bucket's name, or make the bucket.") from None


@contextmanager
def told_of_scheme(value: Any, field: str, done: str = "written") -> Iterator[None]:
    """Let the error that Airflow cannot reach a kind of storage say what to install.

    :param value: the path
    :param field: the argument that names it
    :param done: what is to be done to it, in words
    :raises InvalidInputError: Airflow cannot reach it
    """
    try:
        yield
    except (ValueError, ImportError) as error:
        raise _not_done(field, value, error, _remedy_of_storage(value, error), done) from None


@contextmanager
def told_of_reading(path: Any, field: str) -> Iterator[None]:
    """Let errors of a file that is read, and which another try meets again, say why and what to do.

    :param path: where the file is
    :param field: the argument that names it
    :raises InvalidInputError: it is not there, is a folder, or may not be read
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise _not_done(field, path, error, _READING[type(error)], "read") from None


def refuse_password(path: Any, field: str) -> None:
    """Refuse a path that holds a secret: Airflow shows it on the task's page, and in logs.

    :param path: the path
    :param field: the argument that names it
    :raises InvalidInputError: a user and a password stand in it
    """
    if holds_password(str(path)):
        raise InvalidInputError(
            f"{field}: a key and its secret, or a password, stand before the '@'",
            remedy="Name an Airflow connection that has them there, such as s3://conn@bucket/deals.jsonl.",
        )


def _remedy_of_storage(value: Any, error: Exception) -> str:
    if "filesystem" not in str(error):  # it is known, and something else is wrong
        return "Check the path, and the Airflow connection in it."
    scheme = str(value).partition(":")[0].lower()
    needed = _PROVIDERS.get(scheme, f"the Airflow provider of {scheme!r} storage")
    return f"Install {needed}. Or give a local path."


def _concerns(error: OSError, target: Path) -> bool:
    """Tell whether an error is that of a file, its folders, or a file beside it."""
    if not isinstance(error.filename, str):
        return False
    concerned = Path(error.filename)
    return concerned.parent == target.parent or concerned in (target, *target.parents)


def _full(error: OSError, field: str, path: Any, where: str) -> OSError:
    return OSError(
        error.errno,
        f"{field}: {_shown(path)} cannot be written: {error.strerror}. "
        f"Free space {where}; another try then works.",
    )


def _not_done(
    field: str, path: Any, error: Exception, remedy: str, done: str = "written"
) -> InvalidInputError:
    reason = getattr(error, "strerror", None) or redact_addresses(str(error))
    return InvalidInputError(f"{field}: {_shown(path)} cannot be {done}: {reason}", remedy=remedy)


def _shown(path: Any) -> str:
    """Return a whole path for a message, without a password in it."""
    return redact_addresses(repr(str(path)))
