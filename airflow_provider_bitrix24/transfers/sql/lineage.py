"""What lineage calls the tables of a database, and which of them a query reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, Engine

from airflow_provider_bitrix24.connection.reading import read_connection
from airflow_provider_bitrix24.crm.lineage import DataNode, Origin

#: placeholders of drivers that the parser does not know: it takes them for an error
_PLACEHOLDERS = re.compile(r"%\(\w+\)s|%s")
#: what stands in the name of a file that a database reads like a table, and may hold a password
_OF_A_FILE = re.compile(r"[/:?]")
#: what the parser calls dialects of SQLAlchemy's
_DIALECTS = {"postgresql": "postgres", "mssql": "mssql", "mysql": "mysql", "sqlite": "sqlite"}


@dataclass(frozen=True)
class Database:
    """A database as lineage names it: what is in a connection besides user and password.

    :param namespace: where it is, such as ``postgres://host:5432``
    :param name: its own name there; empty where tables go without
    :param schema: the schema of tables that name none; empty where that is not known
    :param dialect: its dialect, as the parser of OpenLineage calls it
    """

    namespace: str
    name: str
    schema: str
    dialect: str

    def table(self, table: str, schema: str | None = None, database: str | None = None) -> DataNode | None:
        """Return a table's dataset, ``None`` where it is not known which schema it is in.

        :param table: the table's name
        :param schema: its schema
        :param database: its database, where it names another one
        """
        if not (schema or self.schema):
            return None
        parts = (database or self.name, schema or self.schema, table)
        return DataNode(namespace=self.namespace, name=".".join(part for part in parts if part))


@dataclass(frozen=True)
class Queried:
    """What a query reads.

    :param tables: the tables
    :param origins: which columns of theirs each column of the result comes from
    """

    tables: Sequence[DataNode] = ()
    origins: Mapping[str, Sequence[Origin]] = field(default_factory=dict, hash=False)


def default_schema(engine: Engine) -> str:
    """Return the schema that tables without one are in; it is known once the database was connected to.

    :param engine: the database
    """
    return getattr(engine.dialect, "default_schema_name", None) or ""


def database_of(sql_conn_id: str, schema: str) -> Database:
    """Return the database of a connection, named as its hook in Airflow names it.

    Where the hook has no name for it, as SQLite's, the connection's address makes one. The database is not
    connected to.

    :param sql_conn_id: the connection's id
    :param schema: from :func:`default_schema`
    """
    connection = read_connection(sql_conn_id, "sql_conn_id")
    hook = connection.get_hook()
    engine: Engine = hook.get_sqlalchemy_engine()
    found = _of_address(engine.url, schema)
    info = hook.get_openlineage_database_info(connection)
    if info is None:
        return found
    namespace = f"{info.scheme}://{info.authority}" if info.authority else info.scheme
    return replace(
        found,
        namespace=namespace,
        name=info.database or "",
        dialect=hook.get_openlineage_database_dialect(connection),
    )


def _of_address(url: URL, schema: str) -> Database:
    kind = url.get_backend_name()
    dialect = _DIALECTS.get(kind, "generic")
    if kind == "sqlite":
        path = url.database or ":memory:"
        place = path if path == ":memory:" else "/" + Path(path).absolute().as_posix().lstrip("/")
        return Database(f"sqlite://{place}", "", schema or "main", dialect)
    port = f":{url.port}" if url.port else ""
    name = url.database or ""
    return Database(f"{kind}://{url.host or ''}{port}", "" if name == schema else name, schema, dialect)


def queried(statement: str, database: Database) -> Queried:
    """Return what a query reads, as far as OpenLineage's parser tells. It is asked for names only.

    The query itself is told nobody: a template may have put a customer's value into it.

    :param statement: the query
    :param database: where it is sent
    """
    from openlineage.common.sql import parse

    text = _PLACEHOLDERS.sub("NULL", statement)
    result = parse([text], dialect=database.dialect, default_schema=database.schema or None)
    if result is None:
        return Queried()
    is_text = _text_test(statement, database)
    tables = [table for found in result.in_tables if (table := _table(database, found)) is not None]
    names = {table.name for table in tables}  # a part of the query may have a name, too, and is no table
    origins = {
        found.descendant.name: [
            table.origin(column.name)
            for column in found.lineage
            if (table := _table(database, column.origin)) is not None
            and table.name in names
            and not is_text(column.name)
        ]
        for found in result.column_lineage
    }
    return Queried(tables, {name: found for name, found in origins.items() if found})


def _table(database: Database, found: Any) -> DataNode | None:
    """Return a table that the parser found; a file is none, and its address is told nobody."""
    if found is None or _OF_A_FILE.search(found.name):
        return None
    return database.table(found.name, found.schema, found.database)


def _text_test(statement: str, database: Database) -> Callable[[str], bool]:
    """Return what says of a column whether it may be a text: SQLite takes those in double quotes, too."""
    if database.dialect != "sqlite":
        return lambda _: False
    return lambda name: f'"{name}"' in statement
