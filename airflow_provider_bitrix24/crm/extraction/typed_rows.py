"""Rows of the API as typed values, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

from airflow_provider_bitrix24.crm.fields.columns import Chunk
from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.crm.fields.schema import CrmSchema, Reading
from airflow_provider_bitrix24.rest.errors import BadValueError

OnBadValue = Literal["fail", "null"]
#: types whose equal values are read alike
_PLAIN = frozenset({int, float, str, type(None)})
#: what a value that is none of its type raises
_MISREAD = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError)


class TypedRows:
    """Makes typed values of rows.

    :param schema: the fields to read
    :param on_bad_value: whether a value that does not fit its field's type is an error, or ``None``
    """

    def __init__(self, schema: CrmSchema, on_bad_value: OnBadValue = "fail") -> None:
        self.schema = schema
        self._readings = schema.readings
        self._nulls = on_bad_value == "null"
        self.columns = [reading.column for reading in self._readings]
        #: how many values were none of their type, by column
        self.bad_values: Counter[str] = Counter()

    def chunk(self, rows: Sequence[dict[str, Any]]) -> Chunk:
        """Return rows column by column.

        :param rows: rows as the API gives them
        :raises BadValueError: a value does not fit its field's type
        """
        values = []
        for reading in self._readings:
            name = reading.api_name
            try:
                values.append(_all_read(reading.read, [row.get(name) for row in rows]))
            except _MISREAD:
                values.append(self._one_by_one(reading, rows))
        return Chunk(self.columns, values)

    def _one_by_one(self, reading: Reading, rows: Sequence[dict[str, Any]]) -> list[Any]:
        values = []
        for row in rows:
            found, problem = _read(reading.read, row.get(reading.api_name))
            if problem and not self._nulls:
                raise self._bad_value(reading, row, problem)
            if problem:
                self.bad_values[reading.column.name] += 1
            values.append(found)
        return values

    def _bad_value(self, reading: Reading, row: dict[str, Any], problem: str) -> BadValueError:
        key = [self.schema.find(name) for name in self.schema.key]
        named = ", ".join(str(row.get(known.api_name)) for known in key if known is not None)
        return BadValueError(
            f"{self.schema.dataset} {named}: the value of {reading.api_name} is {problem}, "
            "although the metadata says so",
            remedy='Leave the field out of fields, or read such values as null with on_bad_value="null".',
        )


def _all_read(read: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Return values as read, each different one once: most columns have few of them."""
    if not _PLAIN.issuperset(map(type, values)):  # True would count as 1
        return [read(value) for value in values]
    known = {value: read(value) for value in set(values)}
    return [known[value] for value in values]


def _read(read: Callable[[Any], Any], value: Any) -> tuple[Any, str]:
    """Return a value and what is wrong with it, ``""`` where nothing is; never the value in words."""
    try:
        return read(value), ""
    except NotOfTypeError as error:
        return None, str(error)
    except _MISREAD:
        return None, "of another shape"
