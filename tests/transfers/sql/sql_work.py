"""Loads into a database, as the operator will make them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.transfers.sql.target import SqlTarget

ID = Column(name="id", type=ValueType.INTEGER)
TITLE = Column(name="title", type=ValueType.TEXT)
AMOUNT = Column(name="opportunity", type=ValueType.DECIMAL)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def new_engine(url):
    return sa.create_engine(url, hide_parameters=True)


def target(engine, columns=(ID, TITLE), **changes):
    arguments = {
        "table": "deal",
        "key": ("id",),
        "dataset": "deal",
        "portal": "acme.example",
        "run_id": "run 1",
        **changes,
    }
    return SqlTarget(engine=engine, columns=columns, **arguments)


def chunk(columns, *rows):
    return Chunk(columns, [list(values) for values in zip(*rows, strict=True)] or [[] for _ in columns])


def load(engine, *rows, columns=(ID, TITLE), deleted=(), watermark=None, **changes):
    """Load rows in one go and return what was noted."""
    with target(engine, columns, **changes) as into:
        into.prepare()
        into.stage(chunk(columns, *rows))
        return into.load(deleted=deleted, watermark=watermark)


def rows_of(engine, table="deal", order="id", names="*"):
    with engine.connect() as connection:
        query = f"SELECT {names} FROM {table} ORDER BY {order}"
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def run(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement.replace(":", "\\:")))


def tables_of(engine):
    return set(sa.inspect(engine).get_table_names())
