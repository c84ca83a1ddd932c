"""Writes what happened to each row into a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.crm.fields.json_values import json_text
from airflow_provider_bitrix24.files.formats import FileFormat, FileKind
from airflow_provider_bitrix24.files.tables import Table, open_table

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: rows that are written at once
_ROWS = 2_500
_ROW = "row"
#: the columns and the keys of outcomes that they hold
_OUTCOME = {
    "entity_type": ("ENTITY_TYPE", ValueType.TEXT),
    "entity_id": ("ENTITY_ID", ValueType.INTEGER),
    "key": ("KEY", ValueType.JSON),
    "status": ("STATUS", ValueType.TEXT),
    "error": ("ERROR", ValueType.TEXT),
    "error_description": ("ERROR_DESCRIPTION", ValueType.TEXT),
}
#: columns that are always there
OUTCOME_COLUMNS = (_ROW, *_OUTCOME)


class OutcomesFile:
    """A file of outcomes that is being written.

    Keys and columns of the user's own are JSON values in JSON Lines, and texts elsewhere: JSON, unless they
    are texts already.

    :param table: the file
    :param as_json: whether its format has values of any type
    """

    def __init__(self, table: Table, *, as_json: bool) -> None:
        self._table = table
        self._as_json = as_json
        self._names = [key for key, _ in _OUTCOME.values()]
        self._names += [column.name for column in table.columns[len(OUTCOME_COLUMNS) :]]
        self._rows: list[list[Any]] = []

    def add(self, position: int, outcome: Mapping[str, Any]) -> None:
        """Add the outcome of a row.

        :param position: where the row stands in its source, from 0
        :param outcome: what happened to it, under the API's keys, with the user's own columns
        """
        self._rows.append([position, *map(outcome.get, self._names)])
        if len(self._rows) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        columns = self._table.columns
        values = list(zip(*self._rows, strict=True)) or [()] * len(columns)
        if not self._as_json:
            values = [
                values[place] if place in _TYPED else tuple(map(_as_text, values[place]))
                for place in range(len(columns))
            ]
        self._table.write(Chunk(columns, values))
        self._rows = []


@contextmanager
def open_outcomes(
    path: ObjectStoragePath, file_format: FileFormat, own: Sequence[str]
) -> Iterator[OutcomesFile]:
    """Open a file for outcomes, which is there when the block has ended well, and not before.

    :param path: from :func:`~airflow_provider_bitrix24.files.writing.check_path`
    :param file_format: from :func:`~airflow_provider_bitrix24.files.formats.file_format_of`
    :param own: names of the user's own columns
    :raises InvalidInputError: no file can be written there, or PyArrow is missing
    :raises OSError: there is no room left; another try may help
    """
    as_json = file_format.kind is FileKind.JSONL
    any_type = ValueType.JSON if as_json else ValueType.TEXT
    columns = [Column(name=_ROW, type=ValueType.INTEGER)]
    columns += [
        Column(name=name, type=any_type if kind is ValueType.JSON else kind)
        for name, (_, kind) in _OUTCOME.items()
    ]
    columns += [Column(name=name, type=any_type) for name in own]
    with open_table(path, file_format, columns) as table:
        outcomes = OutcomesFile(table, as_json=as_json)
        yield outcomes
        outcomes.flush()


#: places of columns whose values have a type of their own
_TYPED = frozenset(
    place
    for place, name in enumerate(OUTCOME_COLUMNS)
    if name == _ROW or _OUTCOME[name][1] is not ValueType.JSON
)


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)
