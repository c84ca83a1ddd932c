"""Rows into a table of PostgreSQL by ``COPY``, several times as fast as by ``INSERT``."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

#: drivers of PostgreSQL whose ``COPY`` is known here
DRIVERS = ("psycopg2", "psycopg")

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def can_copy(dialect: Dialect) -> bool:
    """Return whether rows can be copied.

    :param dialect: the database and its driver
    """
    return dialect.name == "postgresql" and dialect.driver in DRIVERS


def copy_rows(connection: Connection, table: sa.Table, values: Sequence[Sequence[Any]]) -> None:
    """Copy rows into a table.

    :param connection: a connection inside a transaction
    :param table: the table
    :param values: the values of each of its columns, in their order
    """
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(column.name) for column in table.columns)
    statement = f"COPY {preparer.format_table(table)} ({names}) FROM STDIN WITH (ENCODING 'UTF8')"
    statement = statement.replace(
        "%%", "%"
    )  # SQLAlchemy doubles it for statements with parameters; none are here
    data = copy_text(values).encode()
    cursor: Any = connection.connection.cursor()
    try:
        if connection.dialect.driver == "psycopg2":
            cursor.copy_expert(statement, io.BytesIO(data))
        else:
            with cursor.copy(statement) as copy:
                copy.write(data)
    finally:
        cursor.close()


def copy_text(values: Sequence[Sequence[Any]]) -> str:
    r"""Return rows in the text format of ``COPY``: a line each, tabs between values, ``\N`` for ``NULL``.

    :param values: the values of each column
    """
    columns = [_column_text(column) for column in values]
    return "".join([f"{line}\n" for line in map("\t".join, zip(*columns, strict=True))])


def _column_text(values: Sequence[Any]) -> Iterable[str]:
    known = next((value for value in values if value is not None), None)
    encode = _encoder(known)
    return ["\\N" if value is None else encode(value) for value in values]


def _encoder(value: Any) -> Callable[[Any], str]:
    """Return what encodes the values of a column, which are all alike."""
    if isinstance(value, str):
        return _escaped
    if isinstance(value, bool):
        return lambda flag: "t" if flag else "f"
    return str  # of dates and times in ISO form, of numbers exactly


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES) if not text.isprintable() or "\\" in text else text
