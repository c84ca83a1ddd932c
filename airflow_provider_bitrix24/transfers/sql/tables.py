"""The target's table: what would not fit is refused first, then the table or its new columns are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Inspector

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.crm.telling import first_of
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.transfers.sql.fitting import fits
from airflow_provider_bitrix24.transfers.sql.types import sql_type, timestamp_type

SchemaChanges = Literal["add", "fail", "ignore"]

#: when a row was marked as deleted
DELETED_AT = "deleted_at"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A table, and the columns to load into it.

    :param table: its name
    :param schema: its schema; ``None`` is the connection's own
    :param columns: the columns of the data
    :param key: names of the columns that name a row
    :param unique: whether a new table gets the key as its primary key
    """

    table: str
    schema: str | None
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    unique: bool = True

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The table as it is after preparing.

    :param table: it, with the columns that are loaded and ``deleted_at`` where it has it
    :param columns: the columns that are loaded
    :param created: whether it is new
    :param added: names of the columns that are new in a table that was there
    :param marks: whether it has a column ``deleted_at`` of ours
    """

    table: sa.Table
    columns: tuple[Column, ...]
    created: bool
    added: tuple[str, ...]
    marks: bool


def prepare_table(connection: Connection, target: Target, changes: SchemaChanges, *, mark: bool) -> Prepared:
    """Make a target ready: refuse what cannot fit, then create the table or add columns to it.

    :param connection: a connection inside a transaction
    :param target: the target
    :param changes: what to do about columns that the table lacks
    :param mark: whether it needs a column ``deleted_at``
    :raises InvalidInputError: something does not fit; nothing was changed
    """
    check_names(connection.dialect, target, mark=mark)
    inspector = sa.inspect(connection)
    _check_schema(inspector, target)
    if not inspector.has_table(target.table, schema=target.schema):
        return _create(connection, target, mark=mark)
    return _adapt(connection, inspector, target, changes, mark=mark)


def sql_table(target: Target, dialect: str, columns: Sequence[Column], *, mark: bool) -> sa.Table:
    """Return a target's table.

    :param target: the target
    :param dialect: the database, as SQLAlchemy names it
    :param columns: the columns of the data
    :param mark: whether it has a column ``deleted_at``
    """
    parts = [sql_column(column, dialect, target.key, unique=target.unique) for column in columns]
    if mark:
        parts.append(_mark_column(dialect))
    return sa.Table(target.table, sa.MetaData(), *parts, schema=target.schema)


def sql_column(column: Column, dialect: str, key: Sequence[str], *, unique: bool = False) -> sa.Column[Any]:
    """Return a column of a new table.

    :param column: the column
    :param dialect: the database, as SQLAlchemy names it
    :param key: names of the columns that name a row
    :param unique: whether these are its primary key
    """
    in_key = column.name in key
    kind = sql_type(column, dialect, key=in_key)
    primary = in_key and unique
    return sa.Column(column.name, kind, primary_key=primary, nullable=not in_key, autoincrement=False)


def _mark_column(dialect: str) -> sa.Column[Any]:
    return sa.Column(DELETED_AT, timestamp_type(dialect), nullable=True)


def check_names(dialect: sa.engine.Dialect, target: Target, *, mark: bool) -> None:
    """Refuse names that the database cannot hold or cannot tell apart, and a key that is not there.

    :param dialect: the database
    :param target: the target
    :param mark: whether the table needs a column ``deleted_at``
    :raises InvalidInputError: a name does not fit
    """
    names = [column.name for column in target.columns]
    own = [DELETED_AT] if mark else []
    for name in (target.table, *names):
        _check_length(dialect, target, name)
    _check_doubles(dialect, target, [*names, *own])
    if missing := [name for name in target.key if name not in names]:
        raise InvalidInputError(
            f"key: the data for table {target} has no column {_listed(missing)}",
            remedy="Extract the key's columns, too.",
        )


def _check_length(dialect: sa.engine.Dialect, target: Target, name: str) -> None:
    if name and len(name.encode()) <= dialect.max_identifier_length:
        return
    raise InvalidInputError(
        f"The name {name!r} of table {target} or its columns does not fit into {dialect.name}, which takes "
        f"1 to {dialect.max_identifier_length} bytes",
        remedy="Choose a shorter table name, or leave the column out by `fields`.",
    )


def _check_doubles(dialect: sa.engine.Dialect, target: Target, names: Sequence[str]) -> None:
    same = str if dialect.name == "postgresql" else str.casefold
    counted = Counter(same(name) for name in names)
    if doubled := [name for name in names if counted[same(name)] > 1]:
        raise InvalidInputError(
            f"Columns for table {target} have one name in {dialect.name}: {_listed(doubled)}",
            remedy="Leave all of these but one out by `fields`.",
        )


def _check_schema(inspector: Inspector, target: Target) -> None:
    if target.schema is None or inspector.has_schema(target.schema):
        return
    raise InvalidInputError(
        f"schema: the database has no schema {target.schema!r}, or does not show it to this user",
        remedy="Create the schema, and grant this user to use it and to create tables in it.",
    )


def _create(connection: Connection, target: Target, *, mark: bool) -> Prepared:
    table = sql_table(target, connection.dialect.name, target.columns, mark=mark)
    table.create(connection)
    return Prepared(table=table, columns=target.columns, created=True, added=(), marks=mark)


def _adapt(
    connection: Connection, inspector: Inspector, target: Target, changes: SchemaChanges, *, mark: bool
) -> Prepared:
    dialect = connection.dialect.name
    there = {
        _same(dialect, each["name"]): each for each in inspector.get_columns(target.table, target.schema)
    }
    missing = [column for column in target.columns if _same(dialect, column.name) not in there]
    _check_missing(target, missing, changes)
    _check_clashes(target, there, dialect)
    marks = _marks(target, there, dialect, wanted=mark)
    loaded = [column for column in target.columns if changes != "ignore" or column not in missing]
    table = sql_table(target, dialect, loaded, mark=marks or mark)
    new = [column.name for column in missing if changes == "add"]
    for name in [*new, *([DELETED_AT] if mark and not marks else [])]:
        add_column(connection, table, table.c[name])
    return Prepared(table=table, columns=tuple(loaded), created=False, added=tuple(new), marks=marks or mark)


def _same(dialect: str, name: str) -> str:
    return name if dialect == "postgresql" else name.casefold()


def _check_clashes(target: Target, there: dict[str, Any], dialect: str) -> None:
    """Refuse columns that cannot hold the data, or that new rows cannot fill; name all of them."""
    misfits = _misfits(target, there, dialect)
    unfilled = _unfilled(target, there, dialect)
    if not misfits and not unfilled:
        return
    ways = ["choose another table"]
    if misfits:
        ways.insert(0, "change the types of these columns")
        if not set(misfits) & set(target.key):
            ways.insert(1, "leave the fields out by `fields`")
    if unfilled:
        ways.insert(0, "give a column that is NOT NULL a default")
    told = [f"column {name} {what}" for name, what in (misfits | unfilled).items()]
    remedy = f"{', '.join(ways[:-1])}, or {ways[-1]}."
    raise InvalidInputError(
        f"Table {target}: {'; '.join(first_of(told, 'more columns do not fit'))}",
        remedy=remedy[0].upper() + remedy[1:],
    )


def _misfits(target: Target, there: dict[str, Any], dialect: str) -> dict[str, str]:
    """Return why columns cannot hold the data, by name."""
    found = {}
    for column in target.columns:
        kind = there.get(_same(dialect, column.name), {}).get("type")
        if kind is not None and not fits(column, kind, dialect):
            found[column.name] = _cannot_hold(kind, sql_type(column, dialect))
    return found


def _unfilled(target: Target, there: dict[str, Any], dialect: str) -> dict[str, str]:
    """Return why new rows cannot fill columns, by name."""
    ours = {_same(dialect, column.name) for column in target.columns}
    what = "is NOT NULL without a default, and not in the data"
    return {
        found["name"]: what for name, found in there.items() if name not in ours and not _fills_itself(found)
    }


def _fills_itself(found: Any) -> bool:
    """Return whether a row may come without a value of a column."""
    has_value = found.get("default") is not None or found.get("autoincrement") is True
    return bool(found["nullable"] or has_value or found.get("computed") or found.get("identity"))


def _cannot_hold(kind: Any, ours: Any) -> str:
    return f"is {kind}, which cannot hold {ours}"


def _check_missing(target: Target, missing: Sequence[Column], changes: SchemaChanges) -> None:
    names = [column.name for column in missing]
    if keys := [name for name in names if name in target.key]:
        raise InvalidInputError(
            f"Table {target} has no column {_listed(keys)}, which the key needs",
            remedy="Choose another table, or add the column and fill it.",
        )
    if names and changes == "fail":
        raise InvalidInputError(
            f"Table {target} has no column {_listed(names)}",
            remedy='Add it to the table, or pass schema_changes="add" or schema_changes="ignore".',
        )


def _marks(target: Target, there: dict[str, Any], dialect: str, *, wanted: bool) -> bool:
    """Return whether the table has a column that marks deleted rows."""
    found = there.get(DELETED_AT)
    if found is None or DELETED_AT in {column.name for column in target.columns}:
        return False
    marker = Column(name=DELETED_AT, type=ValueType.TIMESTAMP)
    good = fits(marker, found["type"], dialect)
    if wanted and not good:
        raise InvalidInputError(
            f"Table {target}: column {DELETED_AT} {_cannot_hold(found['type'], timestamp_type(dialect))}",
            remedy="Change the column's type, pass deletions='delete', or choose another table.",
        )
    return good


def add_column(connection: Connection, table: sa.Table, column: sa.Column[Any]) -> None:
    """Add a column to a table that is there.

    :param connection: a connection inside a transaction
    :param table: the table
    :param column: its new column
    """
    connection.exec_driver_sql(added_column(connection.dialect, table, column))


def added_column(dialect: sa.engine.Dialect, table: sa.Table, column: sa.Column[Any]) -> str:
    """Return the statement that adds a column.

    :param dialect: the database
    :param table: the table
    :param column: its new column
    """
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]
    what = compiler.get_column_specification(column)
    add = "ADD" if dialect.name == "mssql" else "ADD COLUMN"
    return f"ALTER TABLE {dialect.identifier_preparer.format_table(table)} {add} {what}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
