"""Rows as CSV: comma, line feed, texts always in quotes, and nothing at all where there is no value.

So an empty text (``""``) and no value are told apart, as PostgreSQL's ``COPY`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.crm.fields.json_values import json_texts

#: what has no shape of its own in CSV
_IN_JSON = frozenset({ValueType.MULTIFIELD, ValueType.JSON})
_DATES = frozenset({ValueType.DATE, ValueType.TIMESTAMP})


class CsvLines:
    """Writes rows as lines of CSV.

    :param columns: their columns
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.head = f"{','.join(_quoted(column.name) for column in columns)}\n"

    def lines(self, chunk: Chunk) -> str:
        """Return rows as lines.

        :param chunk: the rows, each value of which fits its column
        """
        columns = zip(chunk.columns, chunk.values, strict=True)
        rows = zip(*[_texts(column, values) for column, values in columns], strict=True)
        return "".join([f"{','.join(row)}\n" for row in rows])


def _texts(column: Column, values: Sequence[Any]) -> list[str]:
    if column.multiple or column.type in _IN_JSON:
        return [_quoted(text) if text else "" for text in json_texts(column, values, absent="")]
    if column.type in _DATES:
        return ["" if value is None else value.isoformat() for value in values]
    if column.type is ValueType.TEXT:
        return ["" if value is None else _quoted(value) for value in values]
    return json_texts(column, values, absent="")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
