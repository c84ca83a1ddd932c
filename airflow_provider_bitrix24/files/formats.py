"""The formats of files, and which one a path asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_bitrix24.files.trouble import refuse_password
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_GZIP = ".gz"


class FileKind(StrEnum):
    """What a file consists of."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True)
class FileFormat:
    """A file's format.

    :param kind: what it consists of
    :param gzip: whether all of it is compressed; Parquet compresses by itself
    """

    kind: FileKind
    gzip: bool = False

    def __str__(self) -> str:
        return f"{self.kind}{_GZIP}" if self.gzip else str(self.kind)


def file_format_of(path: Any, file_format: Any = None, *, field: str = "path") -> FileFormat:
    """Return the format of a file: what is asked for, or what its path ends with.

    The path alone says whether the file is compressed: its name then ends with ``.gz``.

    :param path: where the file is
    :param file_format: ``"jsonl"``, ``"csv"``, ``"parquet"``, or ``None`` to go by the path
    :param field: the argument that names the path, for messages
    :raises InvalidInputError: a password stands in the path, nothing says which format it is, or the two
        contradict each other
    """
    refuse_password(path, field)
    asked = None if file_format is None else _kind_of(file_format)
    name = PurePosixPath(str(path)).name.lower()
    zipped = is_gzip(name)
    suffix = PurePosixPath(name.removesuffix(_GZIP)).suffix.removeprefix(".")
    told = FileKind(suffix) if suffix in set(FileKind) else None
    kind = asked or told
    if kind is None:
        raise InvalidInputError(
            f"{field}: {shown(str(path))} does not end with the name of a file format",
            remedy=f"Let it end with {_SUFFIXES}, or give file_format.",
        )
    if told not in (None, kind):
        raise InvalidInputError(
            f"file_format: {str(kind)!r} contradicts {field}, which is {shown(str(path))}",
            remedy="Leave out file_format, or let the path end with its name.",
        )
    if zipped and kind is FileKind.PARQUET:
        raise InvalidInputError(
            f"{field}: {shown(str(path))} asks for a compressed Parquet file",
            remedy="Leave out .gz: what is in a Parquet file is compressed anyway.",
        )
    return FileFormat(kind, zipped)


def is_gzip(path: Any) -> bool:
    """Tell whether a path is that of a compressed file.

    :param path: the path
    """
    return str(path).lower().endswith(_GZIP)


def _kind_of(value: Any) -> FileKind:
    try:
        return FileKind(value)
    except ValueError:
        known = ", ".join(FileKind)
        raise InvalidInputError(
            f"file_format: {shown(value)} is unknown",
            remedy=f"Known are {known}; whether a file is compressed follows from a path that ends with .gz.",
        ) from None


_SUFFIXES = ".jsonl, .csv, .parquet, .jsonl.gz or .csv.gz"
