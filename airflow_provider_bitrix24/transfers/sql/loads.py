"""The table of loads, beside the data: what was committed, up to which moment of the portal's clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateTable

from airflow_provider_bitrix24.transfers.sql.failures import told
from airflow_provider_bitrix24.transfers.sql.locks import one_at_a_time
from airflow_provider_bitrix24.transfers.sql.types import from_utc, in_utc, short_text, timestamp_type

LOADS = "bitrix24_loads"
MOMENTS = ("since", "watermark", "committed_at")

_Later = TypeVar("_Later", int, datetime)


@dataclass(frozen=True, kw_only=True)
class SqlLoad:
    """One load, as the table of loads has it.

    :param dataset: what was extracted
    :param table_name: the table it went into, in the same schema
    :param portal: host of the portal that it came from
    :param filter_digest: what tells the extraction's filter from others
    :param since: the watermark that the run went on from, or the moment it was given; it read from a little
        earlier. ``None`` where everything was read
    :param watermark: the moment from which the next run reads
    :param max_id: the highest id known
    :param row_count: rows that were loaded
    :param deleted: rows that were deleted, or marked as deleted
    :param run_id: what names the run
    :param columns: names of the columns that were loaded
    :param committed_at: when the load was committed, by the worker's clock
    """

    dataset: str
    table_name: str
    portal: str
    filter_digest: str
    since: datetime | None
    watermark: datetime | None
    max_id: int | None
    row_count: int
    deleted: int
    run_id: str
    columns: tuple[str, ...]
    committed_at: datetime


def loads_table(schema: str | None, dialect: str) -> sa.Table:
    """Return the table of loads.

    :param schema: its schema
    :param dialect: the database, as SQLAlchemy names it
    """
    moment, name = timestamp_type(dialect), short_text(dialect)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    counted = [sa.Identity()] if dialect in ("postgresql", "mssql") else []
    return sa.Table(
        LOADS,
        sa.MetaData(),
        sa.Column("load_id", number, *counted, primary_key=True, autoincrement=True),
        sa.Column("dataset", name, nullable=False),
        sa.Column("table_name", name, nullable=False),
        sa.Column("portal", name, nullable=False),
        sa.Column("filter_digest", name, nullable=False),
        sa.Column("since", moment),
        sa.Column("watermark", moment),
        sa.Column("max_id", sa.BigInteger()),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("committed_at", moment, nullable=False),
        schema=schema,
    )


def create_loads(connection: Connection, schema: str | None) -> None:
    """Create the table of loads unless it is there; the first runs of several tables may be at it together.

    :param connection: a connection inside a transaction
    :param schema: its schema
    """
    one_at_a_time(connection, f"loads {schema}")
    if not sa.inspect(connection).has_table(LOADS, schema=schema):
        dialect = connection.dialect.name
        statement = CreateTable(loads_table(schema, dialect), if_not_exists=dialect != "mssql")
        connection.execute(statement)


def load_of_run(
    engine: Engine,
    *,
    run_id: str,
    dataset: str,
    table: str,
    schema: str | None = None,
    filter_digest: str = "",
) -> SqlLoad | None:
    """Return the load that a run has committed, ``None`` if it has not: a try may die after its commit.

    :param engine: the database
    :param run_id: what names the run
    :param dataset: what was extracted
    :param table: the table it went into
    :param schema: the table's schema
    :param filter_digest: what tells the extraction's filter from others
    :raises SqlLoadError: the database failed
    """
    which = {"table_name": table, "dataset": dataset, "filter_digest": filter_digest, "run_id": run_id}
    with told(engine.dialect, f"Table {LOADS}"), engine.connect() as connection:
        if not sa.inspect(connection).has_table(LOADS, schema=schema):
            return None
        return newest(connection, schema, which)


def load_before(
    engine: Engine,
    *,
    run_id: str,
    dataset: str,
    table: str,
    schema: str | None = None,
    filter_digest: str = "",
) -> SqlLoad | None:
    """Return the last load before a run's own: a run that is cleared reads the same window again.

    :param engine: the database
    :param run_id: what names the run
    :param dataset: what was extracted
    :param table: the table it went into
    :param schema: the table's schema
    :param filter_digest: what tells the extraction's filter from others
    :raises SqlLoadError: the database failed
    """
    with told(engine.dialect, f"Table {LOADS}"), engine.connect() as connection:
        if not sa.inspect(connection).has_table(LOADS, schema=schema):
            return None
        loads = loads_table(schema, connection.dialect.name)
        which = {"table_name": table, "dataset": dataset, "filter_digest": filter_digest}
        mine = [loads.c[name] == value for name, value in {**which, "run_id": run_id}.items()]
        first = connection.scalar(sa.select(sa.func.min(loads.c.load_id)).where(*mine))
        return newest(connection, schema, which, first)


def newest(
    connection: Connection, schema: str | None, values: Mapping[str, str], before: int | None = None
) -> SqlLoad | None:
    """Return the newest load with some values.

    :param connection: a connection
    :param schema: the schema of the table of loads
    :param values: the values, by the names of their columns
    :param before: the number of a load that is not old enough; ``None`` for any
    """
    table = loads_table(schema, connection.dialect.name)
    wanted = [table.c[name] == value for name, value in values.items()]
    if before is not None:
        wanted.append(table.c.load_id < before)
    row = connection.execute(
        sa.select(table).where(*wanted).order_by(table.c.load_id.desc()).limit(1)
    ).first()
    return None if row is None else _load(row._mapping)


def _load(row: Any) -> SqlLoad:
    values: dict[str, Any] = {each.name: row[each.name] for each in fields(SqlLoad)}
    for name in MOMENTS:
        values[name] = from_utc(values[name])
    values["columns"] = tuple(json.loads(values["columns"]))
    return SqlLoad(**values)


def noted(connection: Connection, schema: str | None, load: SqlLoad) -> SqlLoad:
    """Note a load and return it as noted: neither its watermark nor its highest id goes back.

    :param connection: a connection inside the load's transaction
    :param schema: the schema of the table of loads
    :param load: the load
    """
    dialect = connection.dialect.name
    which = {name: getattr(load, name) for name in ("table_name", "dataset", "filter_digest")}
    before = newest(connection, schema, which)
    values = dict(vars(load))
    if before is not None:
        values["watermark"] = later(before.watermark, load.watermark)
        values["max_id"] = later(before.max_id, load.max_id)
    noted_load = SqlLoad(**values)
    for name in MOMENTS:
        values[name] = None if values[name] is None else in_utc(values[name], dialect)
    values["columns"] = json.dumps(load.columns)
    connection.execute(sa.insert(loads_table(schema, dialect)).values(values))
    return noted_load


def later(one: _Later | None, other: _Later | None) -> _Later | None:
    """Return the greater of two values, of which each may be missing.

    :param one: a value
    :param other: another
    """
    known = [value for value in (one, other) if value is not None]
    return max(known) if known else None
