"""Reading files of every format as other programs do, and the values that should be in them."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from pyarrow import parquet

from airflow_provider_bitrix24.crm.fields.columns import PRECISION, Chunk, Column, ValueType

_DUCKDB = duckdb.connect(config={"threads": 1})
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def text_of(path: Path) -> str:
    """Return a file's text, as it is in it."""
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def from_json(column: Column, value: Any) -> Any:
    """Return a value of JSON as what it stands for."""
    if value is None:
        return None
    if column.multiple:
        single = Column(name=column.name, type=column.type, scale=column.scale)
        return [from_json(single, item) for item in value]
    if column.type is ValueType.DECIMAL:
        return Decimal(value)
    if column.type is ValueType.DATE:
        return date.fromisoformat(value)
    if column.type is ValueType.TIMESTAMP:
        return datetime.fromisoformat(value)
    return value


def from_csv(column: Column, text: str) -> Any:
    """Return a cell as what it stands for; Python's reader does not tell an empty text from none."""
    if text == "":
        return None
    if column.multiple or column.type in (ValueType.JSON, ValueType.MULTIFIELD):
        return from_json(column, json.loads(text, parse_float=Decimal))
    if column.type is ValueType.INTEGER:
        return int(text)
    if column.type is ValueType.BOOLEAN:
        return {"true": True, "false": False}[text]
    return from_json(column, text)


def read_jsonl(path: Path, columns: list[Column]) -> list[dict[str, Any]]:
    """Return the rows of a JSON Lines file."""
    rows = [json.loads(line, parse_float=Decimal) for line in text_of(path).splitlines()]
    return [
        {column.name: from_json(column, row[column.name]) for column in columns if len(row) == len(columns)}
        for row in rows
    ]


def read_csv(path: Path, columns: list[Column]) -> list[dict[str, Any]]:
    """Return the rows of a CSV file as Python's reader has them."""
    head, *rows = _csv_rows(path)
    assert head == [column.name for column in columns]
    return [
        {column.name: from_csv(column, cell) for column, cell in zip(columns, row or [""], strict=True)}
        for row in rows  # an empty line is a row without a value, where there is but one column
    ]


def _csv_rows(path: Path) -> list[list[str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def read_parquet(path: Path, columns: list[Column]) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file as PyArrow has them."""
    rows = parquet.read_table(path).to_pylist()
    return [{column.name: _from_texts(column, row[column.name]) for column in columns} for row in rows]


def duckdb_rows(path: Path, columns: list[Column]) -> list[dict[str, Any]]:
    """Return the rows of a file as DuckDB has them."""
    text = not path.name.endswith(".parquet")
    shown = ", ".join(_shown(column, text) for column in columns)
    rows = _DUCKDB.execute(f"select {shown} from {_source(path, columns)}").fetchall()
    from_cell = _from_duckdb_csv if ".csv" in path.name else _from_duckdb
    return [
        {column.name: from_cell(column, cell) for column, cell in zip(columns, row, strict=True)}
        for row in rows
    ]


def _source(path: Path, columns: list[Column]) -> str:
    if ".csv" not in path.name:
        return f"read_parquet('{path}')"
    types = ", ".join(f"{_quoted(column.name, chr(39))}: '{_sql_type(column)}'" for column in columns)
    return (
        f"read_csv('{path}', header = true, columns = {{{types}}}, delim = ',', quote = '\"', escape = '\"', "
        "nullstr = '', allow_quoted_nulls = false, auto_detect = false)"
    )


def _sql_type(column: Column) -> str:
    if column.multiple:
        return "VARCHAR"
    return {
        ValueType.INTEGER: "BIGINT",
        ValueType.DECIMAL: f"DECIMAL({PRECISION}, {column.scale})",
        ValueType.BOOLEAN: "BOOLEAN",
        ValueType.DATE: "DATE",
        ValueType.TIMESTAMP: "TIMESTAMPTZ",
    }.get(column.type, "VARCHAR")


def _quoted(name: str, mark: str) -> str:
    return mark + name.replace(mark, mark * 2) + mark


def _shown(column: Column, text: bool) -> str:
    """Return a column's expression; DuckDB needs a library to show times of a zone, but not their number."""
    name = _quoted(column.name, '"')
    if column.type is not ValueType.TIMESTAMP or (text and column.multiple):
        return name
    if column.multiple:
        return f"list_transform({name}, lambda x: epoch_us(x))"
    return f"epoch_us({name})"


def _from_duckdb(column: Column, value: Any) -> Any:
    if isinstance(value, list):
        single = Column(name=column.name, type=column.type, scale=column.scale)
        return [_from_duckdb(single, item) for item in value]
    if column.type is ValueType.TIMESTAMP and value is not None:
        return _EPOCH + timedelta(microseconds=value)
    return _from_texts(column, value)


def _from_duckdb_csv(column: Column, value: Any) -> Any:
    if value is not None and (column.multiple or column.type is ValueType.MULTIFIELD):
        return from_json(column, json.loads(value, parse_float=Decimal))
    return _from_duckdb(column, value)


def _from_texts(column: Column, value: Any) -> Any:
    """Return the value whose JSON text is in a file."""
    if column.type is not ValueType.JSON or value is None:
        return value
    if column.multiple:
        return [None if item is None else json.loads(item) for item in value]
    return json.loads(value)


def rows_of(chunk: Chunk, *, empty_is_none: bool = False) -> list[dict[str, Any]]:
    """Return the rows that a file should hold.

    :param empty_is_none: whether the reader takes an empty text for none
    """
    rows = list(chunk.rows())
    if empty_is_none:
        return [{name: None if value == "" else value for name, value in row.items()} for row in rows]
    return rows
