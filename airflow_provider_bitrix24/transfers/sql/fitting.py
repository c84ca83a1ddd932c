"""Whether an existing column can hold the values of ours, all of them and exactly."""

from __future__ import annotations

from typing import Any

from sqlalchemy import types as sa

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.transfers.sql.types import KEY_LENGTH, has_zones, is_json


def fits(column: Column, found: sa.TypeEngine[Any], dialect: str) -> bool:
    """Return whether an existing column can hold ours.

    :param column: our column
    :param found: the type of the existing one, as SQLAlchemy reads it
    :param dialect: the database, as SQLAlchemy names it
    """
    if is_json(column) or column.type is ValueType.TEXT:
        return _holds_text(found, dialect, None if is_json(column) else KEY_LENGTH)
    if column.type is ValueType.INTEGER:
        return isinstance(found, sa.Integer) or _is_exact(found, 0)
    if column.type is ValueType.DECIMAL:
        return _is_exact(found, column.scale)
    if column.type is ValueType.BOOLEAN:
        return isinstance(found, sa.Boolean) or (_has_no_booleans(dialect) and isinstance(found, sa.Integer))
    if column.type is ValueType.DATE:
        return isinstance(found, sa.Date)
    return _holds_moments(found, dialect)


def _holds_text(found: sa.TypeEngine[Any], dialect: str, enough: int | None) -> bool:
    """Return whether a type holds texts: of any length, or of one that is enough."""
    if not isinstance(found, sa.String) or isinstance(found, sa.Enum):
        return False
    if found.length is None or dialect == "sqlite":  # SQLite takes no notice of lengths
        return True
    return enough is not None and found.length >= enough


def _is_exact(found: sa.TypeEngine[Any], scale: int) -> bool:
    """Return whether a type holds numbers of so many digits behind the point; binary ones round."""
    if not isinstance(found, sa.Numeric) or isinstance(found, sa.Float):
        return False
    return found.precision is None or (found.scale or 0) >= scale


def _has_no_booleans(dialect: str) -> bool:
    return dialect in ("sqlite", "mysql", "mariadb")


def _holds_moments(found: sa.TypeEngine[Any], dialect: str) -> bool:
    if dialect == "mssql":
        return type(found).__name__ == "DATETIMEOFFSET"
    if dialect in ("mysql", "mariadb") and isinstance(found, sa.TIMESTAMP):
        return False  # it shifts what is written by the session's zone
    return isinstance(found, sa.DateTime) and (bool(found.timezone) or not has_zones(dialect))
