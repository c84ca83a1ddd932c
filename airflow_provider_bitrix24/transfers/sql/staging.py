"""Staging: what is read from the portal gets into tables of the run's own, committed as it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column
from airflow_provider_bitrix24.hooks.errors import SqlLoadError
from airflow_provider_bitrix24.transfers.sql.copying import can_copy, copy_rows
from airflow_provider_bitrix24.transfers.sql.failures import (
    Failure,
    culprit,
    first_failing,
    is_ours,
    raised_by,
    told,
)
from airflow_provider_bitrix24.transfers.sql.tables import Target, sql_column
from airflow_provider_bitrix24.transfers.sql.types import converted

log = logging.getLogger(__name__)

PREFIX = "bitrix24_stage_"
#: the order in which rows came; of rows with one key the last one counts
SEQUENCE = "bitrix24_row"
#: rows of an insert
BATCH = 5_000
#: ids in a list of an SQL condition
IDS = 500

Values = list[Sequence[Any]]


def digest(*parts: str | None) -> str:
    """Return what tells one list of texts from others, in eight hexadecimal digits.

    :param parts: the texts
    """
    return sha256(repr(parts).encode()).hexdigest()[:8]


class Stage:
    """The staging tables of one run.

    :param engine: the database
    :param target: what is loaded
    :param columns: its columns that are loaded
    :param owner: what names the target, for the tables' names
    """

    def __init__(self, engine: Engine, target: Target, columns: Sequence[Column], owner: str) -> None:
        self._engine = engine
        self._target = target
        self._columns = columns
        self._owner = owner
        self._where = f"Table {target}"
        name = f"{PREFIX}{owner}_{uuid4().hex[:8]}"
        self.table = self._table(name, [_sequence(), *self._sql_columns()])
        ids = sa.Column("id", sa.BigInteger(), nullable=False, index=True)
        self.census = self._table(f"{name}_ids", [ids])
        #: rows written
        self.count = 0
        #: ids written
        self.ids = 0

    def _table(self, name: str, columns: Iterable[sa.Column[Any]]) -> sa.Table:
        # Not logged: a crash of the server empties such a table, so rows are counted before they are loaded.
        prefixes = ["UNLOGGED"] if self._engine.dialect.name == "postgresql" else []
        return sa.Table(name, sa.MetaData(), *columns, schema=self._target.schema, prefixes=prefixes)

    def _sql_columns(self) -> Iterator[sa.Column[Any]]:
        dialect = self._engine.dialect.name
        return (sql_column(column, dialect, self._target.key) for column in self._columns)

    def create(self, connection: Connection) -> None:
        """Create the tables, and drop those that killed runs of the same target left behind.

        :param connection: a connection inside a transaction
        """
        names = sa.inspect(connection).get_table_names(schema=self._target.schema)
        for name in names:
            if name.startswith(f"{PREFIX}{self._owner}_"):
                log.info("Dropping %s, which an earlier run left behind.", name)
                sa.Table(name, sa.MetaData(), schema=self._target.schema).drop(connection)
        self.table.create(connection)
        self.census.create(connection)

    def drop(self) -> None:
        """Drop the tables; if that fails, the next run does it."""
        try:
            with self._engine.begin() as connection:
                self.table.drop(connection, checkfirst=True)
                self.census.drop(connection, checkfirst=True)
        except raised_by(self._engine.dialect) as error:
            words = Failure(error, self._engine.dialect).words()
            log.warning("The staging table %s stays until the next run: %s", self.table.name, words)

    def write(self, chunk: Chunk) -> None:
        """Write rows and commit them.

        :param chunk: the rows
        :raises SqlRefusedError: a row cannot be stored
        :raises SqlLoadError: the database failed
        """
        given = {column.name: values for column, values in zip(chunk.columns, chunk.values, strict=True)}
        values: Values = [given[column.name] for column in self._columns]
        for start in range(0, len(chunk), BATCH):
            self._write_batch([column[start : start + BATCH] for column in values])

    def _write_batch(self, values: Values) -> None:
        count = len(values[0])
        numbers = range(self.count, self.count + count)
        with self.failing(lambda failure: self._find(values, failure)), self._engine.begin() as connection:
            self._put(connection, self.table, [numbers, *self._converted(values)])
        self.count += count

    def _converted(self, values: Values) -> Values:
        dialect = self._engine.dialect.name
        return [converted(column, each, dialect) for column, each in zip(self._columns, values, strict=True)]

    def _put(self, connection: Connection, table: sa.Table, values: Values) -> None:
        if can_copy(connection.dialect):
            copy_rows(connection, table, values)
            return
        names = [column.name for column in table.columns]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
        connection.execute(sa.insert(table), rows)

    def _find(self, values: Values, failure: Failure) -> SqlLoadError:
        """Return the error that names the row and the column that cannot be stored."""
        position = first_failing(lambda count: self._fails([v[:count] for v in values]), len(values[0]))
        if position is None:
            return failure.told(self._where)
        row: Values = [each[position : position + 1] for each in values]
        names = [column.name for column in self._columns]
        known = {name: value[0] for name, value in zip(names, row, strict=True)}

        def fails_without(left_out: str) -> bool:
            return self._fails(
                [[None] if name == left_out else v for name, v in zip(names, row, strict=True)]
            )

        column = culprit(fails_without, [name for name in names if name not in self._target.key])
        if not column:
            column = next((name for name in self._target.key if known[name] is None), "")
        return failure.told(self._where, row=told_row(self._target.key, known), column=column)

    def _fails(self, values: Values) -> bool:
        """Return whether rows cannot be stored; nothing is kept."""
        try:
            with self._engine.connect() as connection:
                self._put(connection, self.table, [range(-len(values[0]), 0), *self._converted(values)])
                connection.rollback()
        except raised_by(self._engine.dialect):
            return True
        return False

    def write_ids(self, ids: Iterable[int]) -> None:
        """Write ids that the portal has and commit them.

        :param ids: the ids
        :raises SqlLoadError: the database failed
        """
        rest = iter(ids)
        while some := list(islice(rest, BATCH)):
            with (
                self.failing(),
                self._engine.begin() as link,
            ):
                self._put(link, self.census, [some])
            self.ids += len(some)

    def settle(self) -> None:
        """Leave only the last one of rows with one key, and let the database count what there is.

        :raises SqlLoadError: the database failed
        """
        self.analyze()
        with self.failing(), self._engine.begin() as connection:
            if self._target.key:
                self.count -= connection.execute(superseded(self.table, self._target.key)).rowcount

    def analyze(self) -> None:
        """Let the database learn how many rows the tables have, which it would guess wrongly.

        :raises SqlLoadError: the database failed
        """
        if self._engine.dialect.name == "postgresql":
            format_table = self._engine.dialect.identifier_preparer.format_table
            with self.failing(), self._engine.begin() as connection:
                for table in (self.table, self.census):
                    connection.exec_driver_sql(f"ANALYZE {format_table(table)}")

    def check(self, connection: Connection) -> None:
        """Make sure that all rows are there.

        :param connection: a connection inside a transaction
        :raises SqlLoadError: some are not
        """
        if connection.scalar(sa.select(sa.func.count()).select_from(self.table)) != self.count:
            raise SqlLoadError(f"{self._where}: staged rows are gone; the server may have been restarted")

    @contextmanager
    def failing(self, found: Callable[[Failure], SqlLoadError] | None = None) -> Iterator[None]:
        """Turn an error of the database into ours, after looking where it comes from.

        :param found: looks for the row that cannot be stored, and returns the error to raise
        """
        try:
            yield
        except raised_by(self._engine.dialect) as error:
            if is_ours(error):
                raise
            failure = Failure(error, self._engine.dialect)
        else:
            return
        with told(self._engine.dialect, self._where):
            explained = self._explained(failure, found)
        raise explained from None

    def _explained(self, failure: Failure, found: Callable[[Failure], SqlLoadError] | None) -> SqlLoadError:
        if failure.of_a_row:
            return found(failure) if found else failure.told(self._where)
        if failure.of_a_connection or self._is_there():
            return failure.told(self._where)
        return SqlLoadError(
            f"{self._where}: a newer run loads the same data, and has taken this run's place",
            remedy="Set max_active_runs=1 of the DAG.",
        )

    def _is_there(self) -> bool:
        """Return whether the staging table is there: a newer run takes it away."""
        with self._engine.connect() as connection:
            return sa.inspect(connection).has_table(self.table.name, schema=self._target.schema)


def told_row(key: Sequence[str], row: dict[str, Any]) -> str:
    """Return how a message names a row: by its key, whose values are ids and codes.

    :param key: names of the key's columns
    :param row: the row
    """
    if not key:
        return "a row"
    named = ", ".join(f"{name} {row[name]}" for name in key)
    return f"row {named}"


def superseded(table: sa.Table, key: Sequence[str]) -> sa.Delete:
    """Return the statement that deletes staged rows of which a later one has the same key.

    :param table: the staging table
    :param key: names of the key's columns
    """
    columns = [table.c[name] for name in key]
    sequence = table.c[SEQUENCE]
    latest = (
        sa.select(*columns, sa.func.max(sequence).label("latest"))
        .group_by(*columns)
        .having(sa.func.count() > 1)
        .subquery("doubled")
    )
    same = [latest.c[name] == table.c[name] for name in key]
    later = sa.select(latest.c.latest).where(*same, latest.c.latest > sequence).correlate(table)
    return sa.delete(table).where(later.exists())


def _sequence() -> sa.Column[int]:
    return sa.Column(SEQUENCE, sa.BigInteger(), primary_key=True, autoincrement=False)
