"""Reads the rows of a query, some at a time, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection, CursorResult, Engine

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.transfers.sql.failures import Failure, is_ours, raised_by
from airflow_provider_bitrix24.transfers.sql.statements import count_statements

Parameters = Mapping[str, Any] | Sequence[Any]

#: rows that are fetched at once
_ROWS = 2_500
#: what drivers raise besides their own errors where values and placeholders do not go together
_UNBOUND = (KeyError, IndexError, TypeError, ValueError)


def query_rows(
    engine: Engine, statement: str, parameters: Parameters | None = None, field: str = "sql"
) -> Generator[dict[str, Any]]:
    """Yield the rows of a query as mappings of columns to values.

    The query has a transaction of its own, which is not committed. It takes one connection, which ends with
    the iterator.

    :param engine: the database, from
        :func:`~airflow_provider_bitrix24.transfers.sql.engines.query_engine_of`
    :param statement: one query
    :param parameters: values for its placeholders, which are those of the driver: ``%(name)s`` or ``%s`` in
        PostgreSQL and MySQL, ``:name`` or ``?`` in SQLite
    :param field: the argument that holds the query, for messages
    :raises InvalidInputError: it is not one query, its placeholders do not get their values, or two of its
        columns have the same name
    :raises SqlLoadError: the database failed
    :raises SqlRefusedError: the database refuses the query
    """
    _check_single(statement, field)
    try:
        with engine.connect() as connection, _executed(connection, statement, parameters, field) as result:
            names = _names(result, field)
            for rows in result.partitions():
                for row in rows:
                    yield dict(zip(names, row, strict=True))
    except raised_by(engine.dialect) as error:
        if is_ours(error):
            raise
        found = Failure(error, engine.dialect).told_of_query(field)
    else:
        return
    raise found from None


def _check_single(statement: str, field: str) -> None:
    """Refuse several statements: some databases would carry out all of them, and answer the first."""
    count = count_statements(statement)
    if count != 1:
        raise InvalidInputError(f"{field}: it holds {count} statements", remedy="Give one query.")


def _executed(
    connection: Connection, statement: str, parameters: Parameters | None, field: str
) -> CursorResult[Any]:
    """Send a query as it is: a percent sign or a colon in it means what it means to the driver."""
    connection = connection.execution_options(stream_results=True, no_parameters=True)
    values = dict(parameters) if isinstance(parameters, Mapping) else tuple(parameters or ())
    try:
        result = connection.exec_driver_sql(statement, values or None)
    except _UNBOUND as error:
        missing = f": {error.args[0]!r} has no value" if isinstance(error, KeyError) and error.args else ""
        problem = f"parameters: they do not fit the placeholders of {field}{missing}"
    else:
        return result.yield_per(_ROWS)
    raise InvalidInputError(
        problem,
        remedy="Write placeholders as the database's driver does, such as %(name)s in PostgreSQL, where a "
        "percent sign is then written twice.",
    )


def _names(result: CursorResult[Any], field: str) -> list[str]:
    """Return the names of a query's columns.

    :raises InvalidInputError: it has none, or one of them is empty, holds a value or comes twice
    """
    if not result.returns_rows:
        raise InvalidInputError(f"{field}: the statement returns no rows", remedy="Give a query.")
    names = list(result.keys())
    for position, name in enumerate(names, 1):
        if "'" in name:  # SQLite and others call a column like its expression, with the texts in it
            problem = f"{field}: the name of column {position} of the query holds an apostrophe"
            raise InvalidInputError(problem, remedy="Name the column with AS, without one.")
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled or "" in names:
        problem = f"the column {shown(doubled[0])} twice" if doubled else "a column without a name"
        raise InvalidInputError(f"{field}: the query returns {problem}", remedy="Name the column with AS.")
    return names
