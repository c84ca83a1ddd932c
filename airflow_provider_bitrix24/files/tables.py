"""Rows of typed columns into a file of any format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column
from airflow_provider_bitrix24.crm.fields.fitting import fitted
from airflow_provider_bitrix24.files.csv_lines import CsvLines
from airflow_provider_bitrix24.files.formats import FileFormat, FileKind
from airflow_provider_bitrix24.files.json_lines import JsonLines
from airflow_provider_bitrix24.files.parquet import parquet_rows
from airflow_provider_bitrix24.files.writing import gzipped, whole_file

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class Table:
    """A file that is being written.

    :param columns: its columns
    """

    def __init__(self, columns: Sequence[Column], write: Callable[[Chunk], None]) -> None:
        self.columns = columns
        self._write = write
        #: rows written so far
        self.rows = 0
        #: the finished file's size, 0 before
        self.bytes = 0

    def write(self, chunk: Chunk) -> None:
        """Add rows.

        :param chunk: the rows, of the file's own columns
        :raises UnfitValueError: a value does not fit its column
        """
        if list(chunk.columns) != list(self.columns):
            raise ValueError("the columns of these rows are not the file's")
        self._write(chunk)
        self.rows += len(chunk)


@contextmanager
def open_table(
    path: ObjectStoragePath, file_format: FileFormat, columns: Sequence[Column]
) -> Iterator[Table]:
    """Open a file for rows, which appears at its path only when the block has ended well, also without rows.

    It takes as much memory as a chunk, or a row group of Parquet, however long the file gets.

    :param path: from :func:`~airflow_provider_bitrix24.files.writing.check_path`
    :param file_format: from :func:`~airflow_provider_bitrix24.files.formats.file_format_of`
    :param columns: the columns, in their order
    :raises InvalidInputError: PyArrow, which Parquet needs, is not installed
    """
    with whole_file(path) as file:
        with _writing(file, file_format, columns) as write:
            table = Table(columns, write)
            yield table
        table.bytes = file.tell()


@contextmanager
def _writing(
    file: IO[bytes], file_format: FileFormat, columns: Sequence[Column]
) -> Iterator[Callable[[Chunk], None]]:
    """Return what writes rows to a file."""
    if file_format.kind is FileKind.PARQUET:
        with parquet_rows(file, columns) as rows:
            yield rows.write
        return
    text = CsvLines(columns) if file_format.kind is FileKind.CSV else JsonLines(columns)
    with gzipped(file, file_format.gzip) as target:
        target.write(text.head.encode())
        yield lambda chunk: _write(target, text, chunk)


def _write(file: IO[bytes], text: CsvLines | JsonLines, chunk: Chunk) -> None:
    file.write(text.lines(fitted(chunk)).encode())
