"""What a column is in a database: its type, its values as the driver takes them, what else may hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

from sqlalchemy import types as sa
from sqlalchemy.dialects import mssql, mysql
from sqlalchemy.engine import Dialect

from airflow_provider_bitrix24.crm.fields.columns import PRECISION, Column, ValueType
from airflow_provider_bitrix24.crm.fields.json_values import json_encoder

#: Characters of a text that is part of a primary key, where the database needs a length, and the fewest that
#: an existing column has to take: titles have as many.
KEY_LENGTH = 255
#: digits that a number of SQLite keeps exactly
SQLITE_DIGITS = 15

Convert = Callable[[Any], Any]

_EXACTLY = Context(prec=PRECISION, traps=[Inexact, InvalidOperation])


class UnstorableValueError(ValueError):
    """A database cannot hold a value as it is; the text says why, without the value."""


class SqliteDecimal(sa.UserDefinedType[Decimal]):
    """A decimal in SQLite: written as text, which SQLite keeps as the number, and read back exactly.

    SQLAlchemy's own type goes through ``float`` and warns of it.

    :param scale: digits behind the point
    """

    cache_ok = True

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def get_col_spec(self, **_: Any) -> str:
        """Return the type as SQL: one of numeric affinity."""
        return f"NUMERIC({PRECISION}, {self.scale})"

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        """Return what makes a value read a decimal of as many digits as the column has."""
        return lambda value: None if value is None else Decimal(f"{value:.{self.scale}f}")


def is_json(column: Column) -> bool:
    """Return whether the values of a column are JSON text in a database.

    :param column: the column
    """
    return column.multiple or column.type in (ValueType.MULTIFIELD, ValueType.JSON)


def sql_type(column: Column, dialect: str, *, key: bool = False) -> sa.TypeEngine[Any]:
    """Return the type of a new column.

    :param column: the column
    :param dialect: the database, as SQLAlchemy names it
    :param key: whether it is part of the primary key
    """
    if is_json(column):
        return _long_text(dialect)
    if column.type is ValueType.TEXT:
        return _key_text(dialect) if key else _long_text(dialect)
    if column.type is ValueType.DECIMAL:
        return SqliteDecimal(column.scale) if dialect == "sqlite" else sa.Numeric(PRECISION, column.scale)
    if column.type is ValueType.TIMESTAMP:
        return timestamp_type(dialect)
    simple: dict[ValueType, sa.TypeEngine[Any]] = {
        ValueType.INTEGER: sa.BigInteger(),
        ValueType.BOOLEAN: sa.Boolean(),
        ValueType.DATE: sa.Date(),
    }
    return simple[column.type]


def timestamp_type(dialect: str) -> sa.TypeEngine[Any]:
    """Return the type of a moment: with a zone where the database has zones, in UTC elsewhere.

    :param dialect: the database, as SQLAlchemy names it
    """
    if dialect == "postgresql":
        return sa.TIMESTAMP(timezone=True)
    if dialect == "mssql":
        return mssql.DATETIMEOFFSET()  # type: ignore[no-untyped-call]
    if dialect in ("mysql", "mariadb"):
        return mysql.DATETIME(fsp=6)
    return sa.DateTime()


def short_text(dialect: str) -> sa.TypeEngine[Any]:
    """Return the type of a name.

    :param dialect: the database, as SQLAlchemy names it
    """
    return sa.Unicode(KEY_LENGTH) if dialect == "mssql" else sa.String(KEY_LENGTH)


def _key_text(dialect: str) -> sa.TypeEngine[Any]:
    return sa.Text() if dialect in ("postgresql", "sqlite") else short_text(dialect)


def _long_text(dialect: str) -> sa.TypeEngine[Any]:
    if dialect in ("mysql", "mariadb"):
        return mysql.LONGTEXT()  # its TEXT ends at 64 KB
    return sa.UnicodeText() if dialect == "mssql" else sa.Text()


def has_zones(dialect: str) -> bool:
    """Return whether moments carry a zone in a database.

    :param dialect: the database, as SQLAlchemy names it
    """
    return dialect in ("postgresql", "mssql")


def in_utc(moment: datetime, dialect: str) -> datetime:
    """Return a moment as the driver takes it: in UTC, without the zone where the database has no zones.

    :param moment: a moment with a zone, or in UTC
    :param dialect: the database, as SQLAlchemy names it
    """
    found = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return found if has_zones(dialect) else found.replace(tzinfo=None)


def from_utc(moment: datetime | None) -> datetime | None:
    """Return a moment that a database gave, in UTC.

    :param moment: what the driver returned
    """
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def converted(column: Column, values: Sequence[Any], dialect: str) -> Sequence[Any]:
    """Return the values of a column as the driver takes them.

    :param column: the column
    :param values: its values
    :param dialect: the database, as SQLAlchemy names it
    :raises UnstorableValueError: the database cannot hold one of them
    """
    convert = _conversion(column, dialect)
    if convert is None:
        return values
    return [None if value is None else convert(value) for value in values]


def _conversion(column: Column, dialect: str) -> Convert | None:
    if is_json(column):
        return _text_of(json_encoder(column))
    if column.type is ValueType.TEXT:
        return _text_of(str)
    if column.type is ValueType.TIMESTAMP:
        return lambda value: in_utc(value, dialect)
    if column.type is ValueType.DECIMAL:
        return _exact_number(column.scale, dialect)
    return None


def _text_of(encode: Callable[[Any], str]) -> Convert:
    def checked(value: Any) -> str:
        text = encode(value)
        if "\0" in text:
            raise UnstorableValueError("a NUL character cannot be stored")
        return text

    return checked


def _exact_number(scale: int, dialect: str) -> Convert:
    unit = Decimal((0, (1,), -scale))

    def exact(value: Decimal) -> Decimal:
        try:
            return _EXACTLY.quantize(value, unit)
        except ArithmeticError:
            reason = f"{PRECISION} digits, {scale} of them behind the point, cannot hold a number"
        raise UnstorableValueError(reason)

    def as_text(value: Decimal) -> str:
        number = exact(value)
        if len(number.normalize().as_tuple().digits) > SQLITE_DIGITS:
            raise UnstorableValueError(f"SQLite keeps only {SQLITE_DIGITS} digits of a number exactly")
        return f"{number:f}"

    return as_text if dialect == "sqlite" else exact
