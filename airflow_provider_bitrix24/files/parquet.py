"""Rows as a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from airflow_provider_bitrix24.crm.extraction.arrow import arrow_schema, record_batch, require_pyarrow
from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column

#: a row group ends with whichever comes first; it is held in memory until then
GROUP_ROWS = 1 << 16
GROUP_BYTES = 4 << 20


class ParquetRows:
    """Collects rows into row groups of bounded size.

    :param writer: PyArrow's
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._batches: list[Any] = []

    def write(self, chunk: Chunk) -> None:
        """Add rows.

        :param chunk: the rows
        :raises UnfitValueError: a value does not fit its column
        """
        self._batches.append(record_batch(chunk))
        rows = sum(len(batch) for batch in self._batches)
        if rows >= GROUP_ROWS or sum(batch.nbytes for batch in self._batches) >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is collected."""
        if self._batches:
            table = require_pyarrow().Table.from_batches(self._batches)
            self._batches = []
            self._writer.write_table(table, row_group_size=GROUP_ROWS)


@contextmanager
def parquet_rows(file: IO[bytes], columns: Sequence[Column]) -> Iterator[ParquetRows]:
    """Write a Parquet file, which is complete when the block has ended.

    :param file: the file
    :param columns: its columns
    :raises InvalidInputError: PyArrow is not installed
    """
    schema = arrow_schema(columns)
    from pyarrow.parquet import ParquetWriter

    writer = ParquetWriter(file, schema, compression="zstd")
    try:
        rows = ParquetRows(writer)
        yield rows
        rows.flush()
    except BaseException:
        with suppress(Exception):  # the error that counts is the one before
            writer.close()
        raise
    writer.close()
