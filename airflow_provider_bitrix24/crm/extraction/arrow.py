"""Columns and rows as Arrow has them, which Parquet files and record batches are made of.

PyArrow is an extra and takes a while to load, so it is imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_bitrix24.crm.fields.columns import PRECISION, Chunk, Column, ValueType
from airflow_provider_bitrix24.crm.fields.fitting import fitted
from airflow_provider_bitrix24.crm.fields.json_values import json_text
from airflow_provider_bitrix24.rest.errors import InvalidInputError

if TYPE_CHECKING:
    import pyarrow

#: rows of a record batch that is handed out
_BATCH_ROWS = 10_000
EXTRA = "airflow-provider-bitrix24[arrow]"


def require_pyarrow() -> Any:
    """Return PyArrow.

    :raises InvalidInputError: it is not installed
    """
    try:
        import pyarrow
    except ImportError as error:
        raise InvalidInputError(
            "Parquet files and record batches need pyarrow, which cannot be imported here",
            remedy=f"Run pip install '{EXTRA}' where the task runs.",
        ) from error
    return pyarrow


def arrow_schema(columns: Sequence[Column]) -> pyarrow.Schema:
    """Return the columns as an Arrow schema. How people call a column is in its metadata, as ``title``.

    :param columns: the columns
    :raises InvalidInputError: PyArrow is not installed
    """
    pa = require_pyarrow()
    fields = []
    for column in columns:
        metadata = {"title": column.title} if column.title else None
        fields.append(pa.field(column.name, _type_of(pa, column), metadata=metadata))
    return pa.schema(fields)


def record_batch(chunk: Chunk) -> pyarrow.RecordBatch:
    """Return some rows as a record batch of the schema that :func:`arrow_schema` makes of their columns.

    :param chunk: the rows
    :raises InvalidInputError: PyArrow is not installed
    :raises UnfitValueError: a value does not fit its column
    """
    schema = arrow_schema(chunk.columns)
    chunk = fitted(chunk)
    arrays = [
        _array(column, values, field.type)
        for column, values, field in zip(chunk.columns, chunk.values, schema, strict=True)
    ]
    return require_pyarrow().record_batch(arrays, schema=schema)


def record_batches(chunks: Iterable[Chunk]) -> Iterator[pyarrow.RecordBatch]:
    """Yield rows as record batches of about 10,000 rows.

    :param chunks: the rows
    :raises InvalidInputError: PyArrow is not installed
    :raises UnfitValueError: a value does not fit its column
    """
    small: list[pyarrow.RecordBatch] = []
    for chunk in chunks:
        small.append(record_batch(chunk))
        if sum(len(batch) for batch in small) >= _BATCH_ROWS:
            yield _as_one(small)
            small = []
    if small:
        yield _as_one(small)


def _as_one(batches: list[pyarrow.RecordBatch]) -> pyarrow.RecordBatch:
    [batch] = require_pyarrow().Table.from_batches(batches).combine_chunks().to_batches()
    return batch


def _type_of(pa: Any, column: Column) -> Any:
    simple = {
        ValueType.INTEGER: pa.int64(),
        ValueType.DECIMAL: pa.decimal128(PRECISION, column.scale),
        ValueType.BOOLEAN: pa.bool_(),
        ValueType.DATE: pa.date32(),
        ValueType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
        ValueType.MULTIFIELD: pa.struct({"id": pa.int64(), "kind": pa.string(), "value": pa.string()}),
    }
    one = simple.get(column.type, pa.string())
    return pa.list_(one) if column.multiple else one


def _array(column: Column, values: Sequence[Any], arrow_type: Any) -> Any:
    if column.type is ValueType.JSON:
        values = [_json_of(column, value) for value in values]
    return require_pyarrow().array(values, arrow_type)


def _json_of(column: Column, value: Any) -> Any:
    """Return a value of JSON as text, or a list of several as a list of texts."""
    if not column.multiple or value is None:
        return None if value is None else json_text(value)
    return [None if item is None else json_text(item) for item in value]
