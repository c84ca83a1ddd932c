"""Rows of a Parquet file, some at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from airflow_provider_bitrix24.crm.extraction.arrow import require_pyarrow
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

#: rows that are made Python values at once
_ROWS = 2_500
#: bytes of a column that are read at once
_BUFFER = 1 << 20


def parquet_rows(file: IO[bytes], where: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, with values of Python's types. Of nanoseconds, microseconds are kept.

    :param file: the file
    :param where: what names it, for messages
    :raises InvalidInputError: it is no Parquet file, is damaged, names a column twice, or PyArrow is missing
    """
    pa = require_pyarrow()
    from pyarrow.parquet import ParquetFile

    with _told(pa, where):
        parquet = ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        doubled = [name for name, count in Counter(parquet.schema_arrow.names).items() if count > 1]
        batches = parquet.iter_batches(batch_size=_ROWS)
    if doubled:
        raise InvalidInputError(f"{where} has the column {shown(doubled[0])} twice")
    while True:
        with _told(pa, where):
            batch = next(batches, None)
            rows = [] if batch is None else _in_microseconds(pa, batch).to_pylist()
        if batch is None:
            return
        yield from rows


@contextmanager
def _told(pa: Any, where: str) -> Iterator[None]:
    """Let errors of PyArrow name the file, and no value.

    :raises InvalidInputError: the file is no Parquet file, or is damaged
    :raises OSError: the disk or the storage failed
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
    except (pa.ArrowException, UnicodeDecodeError, ValueError):
        pass
    else:
        return
    problem = f"{where} is not a whole Parquet file, or is damaged"
    raise InvalidInputError(problem, remedy="Write or copy the file once more.") from None


def _in_microseconds(pa: Any, batch: Any) -> Any:
    """Return a batch without nanoseconds, which Python's moments do not have."""
    for position, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            as_micro = batch.column(position).cast(pa.timestamp("us", tz=field.type.tz), safe=False)
        elif pa.types.is_time64(field.type) and field.type.unit == "ns":
            as_micro = batch.column(position).cast(pa.time64("us"), safe=False)
        else:
            continue
        batch = batch.set_column(position, field.with_type(as_micro.type), as_micro)
    return batch
