"""Columns: what the values of a field are in a table or a file, whatever they are in the API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ValueType(StrEnum):
    """What the values of a column are; each may be ``None`` as well."""

    #: ``int``, 64 bits
    INTEGER = "integer"
    #: ``Decimal``, at most 18 digits, as many behind the point as the column says
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    #: ``datetime`` in UTC, microseconds at most
    TIMESTAMP = "timestamp"
    TEXT = "text"
    #: a phone number, an e-mail address and the like: a mapping of ``id``, ``kind`` and ``value``
    MULTIFIELD = "multifield"
    #: a list or mapping without a shape of its own; one JSON text in tables and files
    JSON = "json"


#: digits of a decimal in all
PRECISION = 18


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table or a file.

    :param name: its name
    :param type: what its values are
    :param multiple: whether each value is a list of such values: a list in Parquet and JSON Lines, one JSON
        text in CSV and SQL
    :param scale: digits behind the point, of decimals
    :param title: how people call it
    """

    name: str
    type: ValueType
    multiple: bool = False
    scale: int = 2
    title: str = ""


@dataclass(frozen=True)
class Chunk:
    """Some rows, column by column.

    :param columns: the columns
    :param values: the values of each column, one for each row
    """

    columns: Sequence[Column]
    values: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.values[0]) if self.values else 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as mappings of names to values."""
        names = [column.name for column in self.columns]
        for row in zip(*self.values, strict=True):
            yield dict(zip(names, row, strict=True))
