"""Files for comments: read from the disk or from object storage, before anything is sent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

from airflow_provider_bitrix24.crm.inputs import listed
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.rest.shown import shown

_REMEDY = "Give local or object-storage paths, or {'path': ..., 'name': ...} to name the file otherwise."


def read_files(value: Any, field: str = "files") -> tuple[tuple[str, str], ...]:
    """Return files as the API takes them: name and content in base64.

    :param value: paths, local or such as ``s3://conn@bucket/offer.pdf``, or mappings of ``path`` and
        ``name``; one JSON text, as a template may give it, is read as a list
    :param field: where they stand, for the message
    :raises InvalidInputError: one of them cannot be read
    """
    with joined():
        entries = listed(value, field, "files", _REMEDY)
    return tuple(_read(entry, f"{field}[{position}]") for position, entry in enumerate(entries))


def read_file(path: str, name: str) -> tuple[str, str]:
    """Return one file of a row as the API takes it: name and content in base64.

    Messages hold neither the path nor the name, because they are values of the row.

    :param path: where it is, local or such as ``s3://conn@bucket/offer.pdf``
    :param name: what it is to be called, ``""`` for its own name
    :raises InvalidInputError: it cannot be read
    """
    with joined():
        return _read({"path": path, "name": name} if name else path, "file", named=_hidden)


def _hidden(value: Any) -> str:
    return "the value"


def _why(error: Exception, named: Callable[[Any], str]) -> str:
    """Return why a path is of no use; a ``ValueError`` tells it with the path."""
    return "" if named is _hidden and isinstance(error, ValueError) else f": {error}"


def _read(entry: Any, field: str, *, named: Callable[[Any], str] = shown) -> tuple[str, str]:
    from airflow.sdk import ObjectStoragePath

    if isinstance(entry, Mapping):
        if not set(entry) <= {"path", "name"} or "path" not in entry:
            raise InvalidInputError(f"{field}: {named(dict(entry))} is not a file", remedy=_REMEDY)
        path, name = entry["path"], entry.get("name")
    else:
        path, name = entry, None
    if not isinstance(path, (str, PathLike, ObjectStoragePath)) or not str(path).strip():
        raise InvalidInputError(f"{field}: {named(path)} is not a path", remedy=_REMEDY)
    try:
        source = path if isinstance(path, ObjectStoragePath) else ObjectStoragePath(str(path))
    except ValueError as error:
        raise InvalidInputError(
            f"{field}: {named(str(path))} is not a path{_why(error, named)}", remedy=_REMEDY
        ) from None
    name = source.name if name is None else name
    if not isinstance(name, str) or not name.strip() or "/" in name:
        raise InvalidInputError(f"{field}: {named(name)} is not the name of a file", remedy=_REMEDY)
    try:
        content = source.read_bytes()
    except OSError as error:
        problem = f"{field}: {named(str(path))} cannot be read: {error.strerror or type(error).__name__}"
    except (ImportError, ValueError) as error:  # a kind of storage that is not installed, or not its path
        problem = f"{field}: {named(str(path))} cannot be read{_why(error, named)}"
    else:
        return name, base64.b64encode(content).decode("ascii")
    raise InvalidInputError(problem, remedy="Check the path; a worker reads it, on its own machine.")
