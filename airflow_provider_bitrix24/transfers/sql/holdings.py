"""What a table holds, by the table of loads: of which dataset and portal, and whether it is still there."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.transfers.sql.loads import LOADS, loads_table
from airflow_provider_bitrix24.transfers.sql.tables import Target


def check_holdings(connection: Connection, target: Target, dataset: str, portal: str) -> None:
    """Refuse a table that holds another dataset or portal, whose ids name other rows.

    :param connection: a connection
    :param target: the table
    :param dataset: what is to be loaded
    :param portal: host of the portal that it comes from
    :raises InvalidInputError: the table holds something else
    """
    if not _has_loads(connection, target):
        return
    loads = loads_table(target.schema, connection.dialect.name)
    held = sa.select(loads.c.dataset, loads.c.portal).where(_of(loads, target, connection)).distinct()
    for other_dataset, other_portal in connection.execute(held):
        if other_dataset != dataset:
            raise _other(target, f"holds the dataset {other_dataset}, not {dataset}", "")
        if other_portal != portal:
            moved = " So does who moved the portal to another address."
            raise _other(target, f"holds {dataset} of the portal {other_portal}, not of {portal}", moved)


def forget_lost_rows(connection: Connection, target: Target) -> bool:
    """Forget the loads of a table that was dropped or emptied, and return whether there were any.

    Their watermarks say of rows that they are in the table. All filters' loads go, not only those of one:
    otherwise the first filter's rows would hide that the others' are missing.

    :param connection: a connection inside a transaction
    :param target: the table
    """
    if not _has_loads(connection, target):
        return False
    loads = loads_table(target.schema, connection.dialect.name)
    of_table = _of(loads, target, connection)
    if is_there(connection, target):
        table = sa.table(target.table, schema=target.schema)
        loaded = sa.select(loads.c.load_id).where(of_table, loads.c.row_count > 0).limit(1)
        if connection.scalar(loaded) is None or _has_rows(connection, table):
            return False
    return connection.execute(sa.delete(loads).where(of_table)).rowcount > 0


def is_there(connection: Connection, target: Target) -> bool:
    """Return whether a table exists.

    :param connection: a connection
    :param target: the table
    """
    return bool(sa.inspect(connection).has_table(target.table, schema=target.schema))


def _has_rows(connection: Connection, table: Any) -> bool:
    return connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None


def _has_loads(connection: Connection, target: Target) -> bool:
    return bool(sa.inspect(connection).has_table(LOADS, schema=target.schema))


def _of(loads: sa.Table, target: Target, connection: Connection) -> sa.ColumnElement[bool]:
    """Return the condition for the loads of a table; SQLite takes ``Deal`` and ``deal`` for one table."""
    if connection.dialect.name == "sqlite":
        return sa.func.lower(loads.c.table_name) == target.table.lower()
    return loads.c.table_name == target.table


def _other(target: Target, what: str, more: str) -> InvalidInputError:
    return InvalidInputError(
        f"table: {target} {what}",
        remedy="Choose another table. Who means to load into this one all the same first deletes its rows "
        f"from the table {LOADS}.{more}",
    )
