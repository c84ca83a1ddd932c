"""Do values fit their columns? What files and tables are made of is checked here, once for all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, cast

from airflow_provider_bitrix24.crm.fields.columns import PRECISION, Chunk, Column, ValueType
from airflow_provider_bitrix24.rest.texts import all_storable, may_be_unstorable, storable

#: what a multifield consists of
MULTIFIELD_KEYS = ("id", "kind", "value")
_KEYS = frozenset(MULTIFIELD_KEYS)

#: subclasses that stand for something else than their class
_APART = {int: bool, date: datetime}
_LEAST, _MOST = -(2**63), 2**63 - 1
_EXACTLY = Context(prec=PRECISION, traps=[Inexact, InvalidOperation])


class UnfitValueError(ValueError):
    """A value does not fit its column. The message says why, but not the value, which may be a customer's.

    :param column: the column's name
    :param row: the position of the value's row in its chunk, from 0
    :param reason: what is wrong with the value, in words
    """

    def __init__(self, column: str, row: int, reason: str) -> None:
        super().__init__(f"column {column}, row {row}: {reason}")
        self.column = column
        self.row = row
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.column, self.row, self.reason)


def fitted(chunk: Chunk) -> Chunk:
    """Return a chunk of which every value fits its column: the same, but for characters that nothing keeps.

    :param chunk: some rows
    :raises UnfitValueError: a value does not fit
    """
    columns = zip(chunk.columns, chunk.values, strict=True)
    return Chunk(chunk.columns, [_fitted_values(column, values) for column, values in columns])


def rescaling(scale: int) -> Callable[[Decimal], Decimal]:
    """Return what gives a decimal exactly so many digits behind the point, or an ``ArithmeticError``.

    :param scale: digits behind the point
    """
    unit, quantize = Decimal((0, (1,), -scale)), _EXACTLY.quantize
    return lambda value: quantize(value, unit)


def _fitted_values(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a column. It looks at all of them together, which is fast."""
    try:
        keepable = _all_keepable(column, values)
    except _UnfitError:
        for row, value in enumerate(values):
            try:
                _all_keepable(column, [value])
            except _UnfitError as error:
                raise UnfitValueError(column.name, row, str(error)) from None
        raise
    return values if keepable else cast("list[Any]", storable(list(values)))


def _all_keepable(column: Column, values: Sequence[Any]) -> bool:
    """Check values, and tell whether every character of them can be kept."""
    present = [value for value in values if value is not None]
    if column.multiple:
        _check_classes(list, present)
        present = [item for each in present for item in each if item is not None]
    return _CHECKS[column.type](present, column.scale) if present else True


class _UnfitError(Exception):
    """Some value does not fit. The message says why."""


def _check_classes(wanted: type, values: Iterable[Any]) -> None:
    apart = _APART.get(wanted)
    for found in set(map(type, values)):
        if not issubclass(found, wanted) or (apart and issubclass(found, apart)):
            raise _UnfitError(f"a value of type {found.__name__} where {wanted.__name__} is expected")


def _integers(values: Collection[int], _: int) -> bool:
    _check_classes(int, values)
    if min(values) < _LEAST or max(values) > _MOST:
        raise _UnfitError("a whole number beyond 64 bits")
    return True


def _decimals(values: Collection[Decimal], scale: int) -> bool:
    _check_classes(Decimal, values)
    with suppress(ArithmeticError):
        if all(map(Decimal.is_finite, map(rescaling(scale), values))):
            return True
    raise _UnfitError(f"a number that {PRECISION} digits, {scale} of them behind the point, cannot hold")


def _booleans(values: Collection[bool], _: int) -> bool:
    _check_classes(bool, values)
    return True


def _dates(values: Collection[date], _: int) -> bool:
    _check_classes(date, values)
    return True


def _timestamps(values: Collection[datetime], _: int) -> bool:
    _check_classes(datetime, values)
    if any(value.tzinfo is not UTC and value.utcoffset() != timedelta(0) for value in values):
        raise _UnfitError("a time that is not in UTC")
    return True


def _texts(values: Collection[str], _: int) -> bool:
    _check_classes(str, values)
    return all_storable(values)


def _multifields(values: Collection[Mapping[str, Any]], _: int) -> bool:
    _check_classes(dict, values)
    if not set().union(*values) <= _KEYS:
        raise _UnfitError(f"a mapping with other keys than {', '.join(MULTIFIELD_KEYS)}")
    keepable = [_all_keepable(part, [value.get(part.name) for value in values]) for part in _PARTS]
    return all(keepable)


def _json(values: Collection[Any], _: int) -> bool:
    try:
        return not may_be_unstorable(json.dumps(values, allow_nan=False))
    except (TypeError, ValueError):
        raise _UnfitError("a value that JSON cannot hold") from None


_PARTS = [
    Column(name=name, type=ValueType.INTEGER if name == "id" else ValueType.TEXT) for name in MULTIFIELD_KEYS
]
#: what checks the values of each type, with the digits behind the point of decimals
_CHECKS: dict[ValueType, Callable[[Any, int], bool]] = {
    ValueType.INTEGER: _integers,
    ValueType.DECIMAL: _decimals,
    ValueType.BOOLEAN: _booleans,
    ValueType.DATE: _dates,
    ValueType.TIMESTAMP: _timestamps,
    ValueType.TEXT: _texts,
    ValueType.MULTIFIELD: _multifields,
    ValueType.JSON: _json,
}
