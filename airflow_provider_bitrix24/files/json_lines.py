"""Rows as JSON Lines: one object a line, with exact numbers, lists and objects."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column
from airflow_provider_bitrix24.crm.fields.json_values import json_text, json_texts
from airflow_provider_bitrix24.files.writing import in_one_line


class JsonLines:
    """Writes rows as lines of JSON.

    :param columns: their columns
    """

    head = ""

    def __init__(self, columns: Sequence[Column]) -> None:
        names = [json_text(column.name).replace("%", "%%") for column in columns]
        self._row = "{" + ",".join(f"{name}:%s" for name in names) + "}\n"

    def lines(self, chunk: Chunk) -> str:
        """Return rows as lines.

        :param chunk: the rows, each value of which fits its column
        """
        columns = zip(chunk.columns, chunk.values, strict=True)
        rows = zip(*[json_texts(column, values) for column, values in columns], strict=True)
        return in_one_line("".join([self._row % row for row in rows]))
