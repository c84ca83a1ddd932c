"""From an Airflow connection of a database to a SQLAlchemy engine."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowException
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError

from airflow_provider_bitrix24.connection.reading import read_connection
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined

#: names of the dialects that the statements of this package are made for
DIALECTS = ("postgresql", "sqlite", "mysql", "mariadb", "mssql")

#: Errors show no values. A connection that was lost while the portal was read is made anew.
_SETTINGS = {"hide_parameters": True, "pool_pre_ping": True}

#: the provider of each type of connection
_PROVIDERS = {
    "postgres": "apache-airflow-providers-postgres",
    "sqlite": "apache-airflow-providers-sqlite",
    "mysql": "apache-airflow-providers-mysql",
    "mssql": "apache-airflow-providers-microsoft-mssql",
}

_FROM_A_FILE = (
    "Use a connection to a database that SQLAlchemy knows. For another one, write the rows into a file and "
    "load that with FileToBitrix24Operator."
)
_ELSEWHERE = (
    "Use a connection to PostgreSQL, SQLite, MySQL or SQL Server. For another database, extract into a "
    "Parquet file and load it by that database's own operator."
)


def engine_of(sql_conn_id: str, field: str = "sql_conn_id") -> Engine:
    """Return a SQLAlchemy engine for an Airflow connection; errors of the engine show no values.

    :param sql_conn_id: the connection's id
    :param field: the argument that names it, for the message
    :raises ConnectionUnreadableError: the connection is not there, or cannot be read now
    :raises InvalidConnectionError: Airflow denies it to this task
    :raises InvalidInputError: there is no engine for it: its provider or driver is missing, it is no
        database, or one that this package has no statements for
    """
    engine, what = _connected(sql_conn_id, field, _ELSEWHERE)
    if engine.dialect.name not in DIALECTS:
        raise InvalidInputError(f"{what}: {engine.dialect.name} tables cannot be loaded", remedy=_ELSEWHERE)
    return engine


def query_engine_of(sql_conn_id: str, field: str = "sql_conn_id") -> Engine:
    """Return a SQLAlchemy engine that is only asked: any database will do.

    :param sql_conn_id: the connection's id
    :param field: the argument that names it, for the message
    :raises ConnectionUnreadableError: the connection is not there, or cannot be read now
    :raises InvalidConnectionError: Airflow denies it to this task
    :raises InvalidInputError: there is no engine for it: its provider or driver is missing, or it is no
        database
    """
    return _connected(sql_conn_id, field, _FROM_A_FILE)[0]


def _connected(sql_conn_id: str, field: str, elsewhere: str) -> tuple[Engine, str]:
    """Return the engine of a connection, and what names the connection in messages."""
    with joined():
        connection = read_connection(sql_conn_id, field)
    what = f"{field}: connection {sql_conn_id!r} of type {connection.conn_type!r}"
    return _engine_of(_hook_of(connection, what), what, elsewhere), what


def _hook_of(connection: Any, what: str) -> Any:
    """Return the hook for a connection; the text of errors is left out, for it may quote the connection."""
    try:
        return connection.get_hook()
    except (AirflowException, ImportError, AttributeError):  # the last one for types without any hook
        found = InvalidInputError(
            f"{what}: Airflow has no hook for it", remedy=_missing(connection.conn_type)
        )
    raise found from None


def _missing(kind: str) -> str:
    """Return what to do about a type of connection that Airflow does not know."""
    if kind in _PROVIDERS:
        return f"Install {_PROVIDERS[kind]} on the worker."
    return f"Set the type of the connection to one of {', '.join(_PROVIDERS)}."


def _engine_of(hook: Any, what: str, elsewhere: str) -> Engine:
    make = getattr(hook, "get_sqlalchemy_engine", None)
    if make is None:
        raise InvalidInputError(f"{what} is not a database", remedy=elsewhere)
    try:
        engine: Engine = make(engine_kwargs=_SETTINGS)
    except ImportError as error:
        found = InvalidInputError(
            f"{what}: its driver is not installed ({error.name or type(error).__name__})",
            remedy="Install the driver, as the documentation of the database's provider says.",
        )
    except (ArgumentError, AirflowException, NotImplementedError, TypeError, ValueError) as error:
        found = InvalidInputError(
            f"{what}: SQLAlchemy cannot make an engine of it ({type(error).__name__})",
            remedy="Check host, port and extra of the connection. " + elsewhere,
        )
    else:
        return engine
    raise found from None
