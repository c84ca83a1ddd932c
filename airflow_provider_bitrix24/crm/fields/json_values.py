"""Values as JSON text: exact numbers, dates in ISO form, whatever their column says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from json.encoder import encode_basestring
from typing import Any

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.crm.fields.fitting import MULTIFIELD_KEYS, rescaling

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
