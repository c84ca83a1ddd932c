"""Reading rows from files, a bounded part at a time: JSON Lines, CSV and Parquet."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_bitrix24.files.csv_rows import csv_rows
from airflow_provider_bitrix24.files.formats import FileFormat, FileKind
from airflow_provider_bitrix24.files.lineage import report_input
from airflow_provider_bitrix24.files.parquet_batches import parquet_rows
from airflow_provider_bitrix24.files.text_lines import text_lines
from airflow_provider_bitrix24.files.trouble import told_of_reading
from airflow_provider_bitrix24.rest.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

Row = dict[str, Any]
_ONE_OBJECT = 'JSON Lines has one object a line, such as {"id": 1}.'


def read_rows(path: ObjectStoragePath, file_format: FileFormat, field: str = "path") -> Generator[Row]:
    """Yield the rows of a file as mappings of columns to values, in their order.

    A number with a point in JSON is a ``Decimal``. In CSV each value is a text, and ``None`` where the cell
    is empty; the first line names the columns. The values of Parquet are Python's.

    :param path: from :func:`~airflow_provider_bitrix24.files.writing.check_path`
    :param file_format: from :func:`~airflow_provider_bitrix24.files.formats.file_format_of`
    :param field: the argument that names the file, for messages
    :raises InvalidInputError: the file cannot be read, or is not of its format. The message names the line,
        and none of its values
    :raises OSError: the disk or the storage failed; another try may help
    """
    # not path.open(), which reports each read to Airflow's lineage
    with told_of_reading(path, field), path.fs.open(path.path, "rb") as file:
        yield from _rows(file, file_format, f"{field}: {str(path)!r}")
    report_input(path)


def _rows(file: IO[bytes], file_format: FileFormat, where: str) -> Iterator[Row]:
    if file_format.kind is FileKind.PARQUET:
        yield from parquet_rows(file, where)
        return
    rows = csv_rows if file_format.kind is FileKind.CSV else _json_rows
    with _unpacked(file, file_format.gzip, where) as content:
        yield from rows(text_lines(content, where), where)


@contextmanager
def _unpacked(file: IO[bytes], is_packed: bool, where: str) -> Iterator[IO[bytes]]:
    """Unpack what is read.

    :raises InvalidInputError: it is not compressed, damaged, or ends before its end
    """
    if not is_packed:
        yield file
        return
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as packed:
            yield cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", packed)))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problem = "ends too early" if isinstance(error, EOFError) else "is not a whole gzip file"
    else:
        return
    raise InvalidInputError(f"{where} {problem}", remedy="Write or copy the file once more.") from None


def _json_rows(lines: Iterator[tuple[int, str]], where: str) -> Iterator[Row]:
    for number, line in lines:
        if line.strip():
            yield _object_of(line, f"{where}, line {number}")


class _UnclearJsonError(ValueError):
    """JSON that has no one meaning, and why, in words without a value."""


def _object_of(line: str, where: str) -> Row:
    """Return the object of a line.

    :raises InvalidInputError: there is none
    """
    try:
        row = json.loads(
            line, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_without_doubles
        )
    except json.JSONDecodeError as error:
        problem = f"is not JSON at character {error.pos + 1}: {error.msg}"
    except _UnclearJsonError as error:
        problem = str(error)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists in lists in lists
        problem = "is not JSON that can be read"
    else:
        if isinstance(row, dict):
            return row
        problem = "is not an object"
    raise InvalidInputError(f"{where} {problem}", remedy=_ONE_OBJECT)


def _no_number(name: str) -> Any:
    raise _UnclearJsonError(f"has {name}, which is not a number of JSON")


def _without_doubles(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise _UnclearJsonError("has a name twice in one object")
    return row
