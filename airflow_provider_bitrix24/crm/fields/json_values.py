"""Values as JSON text: exact numbers, dates in ISO form, whatever their column says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from json.encoder import encode_basestring
from typing import Any

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.crm.fields.fitting import MULTIFIELD_KEYS, fitted, rescaling

#: writes plain JSON as text, as short as it gets
json_text: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_NULL = "null"


def json_texts(column: Column, values: Sequence[Any], absent: str = _NULL) -> list[str]:
    """Return values as JSON texts.

    :param column: their column, which they fit
    :param values: the values
    :param absent: what stands for ``None``
    """
    encode = json_encoder(column)
    return [absent if value is None else encode(value) for value in values]


def without_lists(chunk: Chunk) -> Chunk:
    """Return rows of which each value with parts, a list among them, is one JSON text.

    :param chunk: the rows
    :raises UnfitValueError: such a value does not fit its column
    """
    columns, values = [], []
    for column, held in zip(chunk.columns, chunk.values, strict=True):
        if column.multiple or column.type in (ValueType.MULTIFIELD, ValueType.JSON):
            [fit] = fitted(Chunk([column], [held])).values
            encode = json_encoder(column)
            held = [None if value is None else encode(value) for value in fit]
            column = replace(column, type=ValueType.TEXT, multiple=False)
        columns.append(column)
        values.append(held)
    return Chunk(columns, values)


def json_encoder(column: Column) -> Callable[[Any], str]:
    """Return what writes one value of a column as JSON text, a list of several too.

    :param column: the column, which the value fits
    """
    one = _encoder(column)
    if not column.multiple:
        return one
    return lambda items: f"[{','.join([_NULL if item is None else one(item) for item in items])}]"


def _encoder(column: Column) -> Callable[[Any], str]:
    """Return what writes one value."""
    if column.type is ValueType.DECIMAL:
        rescaled = rescaling(column.scale)
        return lambda value: f"{rescaled(value):f}"
    return _ENCODERS[column.type]


def _quoted_date(value: date) -> str:
    return f'"{value.isoformat()}"'


def _quoted_time(value: datetime) -> str:
    return f'"{value.isoformat()}"'


def _multifield(value: Mapping[str, Any]) -> str:
    number, kind, text = map(value.get, MULTIFIELD_KEYS)
    return f'{{"id":{_or_null(number)},"kind":{_text_or_null(kind)},"value":{_text_or_null(text)}}}'


def _or_null(value: int | None) -> str:
    return _NULL if value is None else int.__repr__(value)


def _text_or_null(value: str | None) -> str:
    return _NULL if value is None else encode_basestring(value)


_ENCODERS: dict[ValueType, Callable[[Any], str]] = {
    ValueType.INTEGER: int.__repr__,
    ValueType.BOOLEAN: {True: "true", False: "false"}.__getitem__,
    ValueType.DATE: _quoted_date,
    ValueType.TIMESTAMP: _quoted_time,
    ValueType.TEXT: encode_basestring,
    ValueType.MULTIFIELD: _multifield,
    ValueType.JSON: json_text,
}
