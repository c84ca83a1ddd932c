"""A table as the target of extracted data: prepare, stage, load; a load is committed whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.sql.dml import UpdateBase

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, SqlLoadError
from airflow_provider_bitrix24.transfers.sql.failures import (
    Failure,
    culprit,
    first_failing,
    raised_by,
    told,
)
from airflow_provider_bitrix24.transfers.sql.holdings import check_holdings, forget_lost_rows, is_there
from airflow_provider_bitrix24.transfers.sql.loads import (
    SqlLoad,
    create_loads,
    load_before,
    load_of_run,
    noted,
)
from airflow_provider_bitrix24.transfers.sql.locks import one_at_a_time, only_run
from airflow_provider_bitrix24.transfers.sql.merging import added, gone, live, merged, missing
from airflow_provider_bitrix24.transfers.sql.staging import SEQUENCE, Stage, digest, told_row
from airflow_provider_bitrix24.transfers.sql.tables import (
    Prepared,
    SchemaChanges,
    Target,
    prepare_table,
)
from airflow_provider_bitrix24.transfers.sql.types import in_utc

Mode = Literal["merge", "replace", "append"]
Deletions = Literal["mark", "delete"]

#: ids in a list of :meth:`SqlTarget.missing_ids`
MISSING = 1_000


class SqlTarget:
    """A table of a database that extracted data is loaded into.

    It is a context manager: inside, no other run loads the same data into the table; at the end the staging
    tables are dropped. Nobody sees anything of a load before :meth:`load` has committed it.

    :param engine: the database, from :func:`~airflow_provider_bitrix24.transfers.sql.engines.engine_of`
    :param table: name of the table
    :param columns: the columns of the data
    :param key: names of the columns that name a row; needed to merge and for deletions
    :param dataset: what is extracted
    :param portal: host of the portal that it comes from
    :param run_id: what names the run, the same in each of its tries
    :param schema: schema of the table, and of the tables beside it; ``None`` is the connection's own
    :param filter_digest: what tells the extraction's filter from others; each has a watermark of its own
    :param mode: ``"merge"`` changes and adds rows by their key, ``"replace"`` leaves only what was staged,
        ``"append"`` adds
    :param schema_changes: what to do about columns that the table lacks: ``"add"`` them, ``"fail"``, or
        ``"ignore"`` them
    :param deletions: whether the ids given to :meth:`load` are marked in a column ``deleted_at``, or deleted
    :raises InvalidInputError: the arguments do not go together
    """

    def __init__(
        self,
        *,
        engine: Engine,
        table: str,
        columns: Sequence[Column],
        key: Sequence[str] = (),
        dataset: str,
        portal: str,
        run_id: str,
        schema: str | None = None,
        filter_digest: str = "",
        mode: Mode = "merge",
        schema_changes: SchemaChanges = "add",
        deletions: Deletions | None = None,
    ) -> None:
        if mode == "merge" and not key:
            raise InvalidInputError(
                f"mode: table {table} cannot be merged without a key",
                remedy='Pass mode="replace" or mode="append" for data without ids.',
            )
        if deletions and (len(key) != 1 or mode != "merge"):
            raise InvalidInputError(
                f"deletions: rows of table {table} are found by one id, and only in a merge",
                remedy='Leave `deletions` out; mode="replace" leaves only rows that are there.',
            )
        self._engine = engine
        self._target = Target(
            table=table, schema=schema, columns=tuple(columns), key=tuple(key), unique=mode != "append"
        )
        self._which = {"dataset": dataset, "filter_digest": filter_digest}
        self._portal = portal
        self._run_id = run_id
        self._mode = mode
        self._changes: SchemaChanges = schema_changes
        self._deletions = deletions
        self._names = (digest(schema, table), digest(dataset, filter_digest))
        self._where = f"Table {self._target}"
        self._open = ExitStack()
        self._ready: tuple[Prepared, Stage] | None = None

    def __enter__(self) -> Self:
        with told(self._engine.dialect, self._where):
            self._open.enter_context(only_run(self._engine, "run " + "_".join(self._names), self._where))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ready is not None:
            self._ready[1].drop()
            self._ready = None
        self._open.close()

    def recall(self) -> bool:
        """Forget the loads of a table that has lost its rows; return whether there was something to forget.

        :raises InvalidInputError: the table holds another dataset, or that of another portal
        :raises SqlLoadError: the database failed
        """
        with told(self._engine.dialect, self._where), self._engine.begin() as connection:
            one_at_a_time(connection, "table " + self._names[0])
            if is_there(connection, self._target):
                self._check_holdings(connection)
            return forget_lost_rows(connection, self._target)

    def _check_holdings(self, connection: Connection) -> None:
        check_holdings(connection, self._target, self._which["dataset"], self._portal)

    def load_before(self) -> SqlLoad | None:
        """Return the last load before this run's own, from which it reads on, in each of its tries.

        :raises SqlLoadError: the database failed
        """
        table, schema = self._target.table, self._target.schema
        return load_before(self._engine, run_id=self._run_id, table=table, schema=schema, **self._which)

    def load_of_run(self) -> SqlLoad | None:
        """Return the load that this run has committed already, in a try that died afterwards."""
        table, schema = self._target.table, self._target.schema
        return load_of_run(self._engine, run_id=self._run_id, table=table, schema=schema, **self._which)

    def prepare(self) -> Prepared:
        """Refuse what cannot fit, then make the table, its new columns and the staging tables.

        :raises InvalidInputError: a name, a type or the key does not fit; nothing was changed
        :raises SqlLoadError: the database failed or refused
        """
        with told(self._engine.dialect, self._where), self._engine.begin() as connection:
            one_at_a_time(connection, "table " + self._names[0])
            prepared = prepare_table(connection, self._target, self._changes, mark=self._deletions == "mark")
            stage = Stage(self._engine, self._target, prepared.columns, "_".join(self._names))
            stage.create(connection)
            create_loads(connection, self._target.schema)
        self._ready = prepared, stage
        return prepared

    def stage(self, chunk: Chunk) -> None:
        """Keep rows in the staging table until they are loaded.

        :param chunk: the rows; columns that are not loaded are left out
        :raises SqlRefusedError: a row cannot be stored
        :raises SqlLoadError: the database failed
        """
        self._at_work()[1].write(chunk)

    def stage_ids(self, ids: Iterable[int]) -> None:
        """Keep ids that the portal has, to be compared with those of the table.

        :param ids: the ids
        :raises SqlLoadError: the database failed
        """
        self._at_work()[1].write_ids(ids)

    def missing_ids(self) -> Iterator[list[int]]:
        """Yield ids of rows whose id was not staged, in lists, and in order; marked rows are left out.

        :raises SqlLoadError: the database failed
        """
        prepared, stage = self._at_work()
        key = self._target.key[0]
        stage.analyze()
        last: int | None = None
        while True:
            query = missing(prepared.table, stage.census, key, last, marks=prepared.marks)
            with stage.failing(), self._engine.connect() as connection:
                ids = [int(found) for found in connection.scalars(query.limit(MISSING))]
            if not ids:
                return
            last = ids[-1]
            yield ids

    def count_live(self) -> int:
        """Return how many rows the table has that are not marked as deleted.

        :raises SqlLoadError: the database failed
        """
        prepared, stage = self._at_work()
        query = sa.select(sa.func.count()).select_from(prepared.table)
        with stage.failing(), self._engine.connect() as connection:
            return int(connection.scalar(query.where(live(prepared.table, marks=prepared.marks))) or 0)

    def load(
        self,
        *,
        since: datetime | None = None,
        watermark: datetime | None = None,
        max_id: int | None = None,
        deleted: Collection[int] = (),
    ) -> SqlLoad:
        """Bring what was staged into the table, in one transaction, and return the load as it was noted.

        :param since: the watermark that the run went on from, or the moment it was given; ``None`` where
            everything was read
        :param watermark: the moment from which the next run reads; it never goes back
        :param max_id: the highest id known; it never goes back
        :param deleted: ids of rows that the portal has no more
        :raises SqlRefusedError: a row cannot be stored; nothing was committed
        :raises SqlLoadError: the database failed; nothing was committed
        """
        prepared, stage = self._at_work()
        if deleted and not self._deletions:
            raise InvalidInputError("deleted: the target was made without `deletions`")
        stage.settle()
        names = tuple(column.name for column in prepared.columns)
        with stage.failing(self._find), self._engine.begin() as connection:
            one_at_a_time(connection, "table " + self._names[0])
            self._check_holdings(connection)  # another run may have filled the table meanwhile
            stage.check(connection)
            self._bring(connection, names)
            now = datetime.now(UTC)
            load = SqlLoad(
                **self._which,
                table_name=self._target.table,
                portal=self._portal,
                since=since,
                watermark=watermark,
                max_id=max_id,
                row_count=stage.count,
                deleted=self._delete(connection, deleted, now),
                run_id=self._run_id,
                columns=names,
                committed_at=now,
            )
            return noted(connection, self._target.schema, load)

    def _at_work(self) -> tuple[Prepared, Stage]:
        if self._ready is None:
            raise RuntimeError("prepare() comes first, inside the target's context")
        return self._ready

    def _bring(self, connection: Connection, names: Sequence[str]) -> None:
        for statement in self._statements(connection.dialect.name, names):
            connection.execute(statement)

    def _statements(self, dialect: str, names: Sequence[str]) -> list[UpdateBase]:
        prepared, stage = self._at_work()
        if self._mode == "merge":
            key = self._target.key
            return merged(prepared.table, stage.table, names, key, marks=prepared.marks, dialect=dialect)
        new = added(prepared.table, stage.table, names)
        return [sa.delete(prepared.table), new] if self._mode == "replace" else [new]

    def _delete(self, connection: Connection, ids: Collection[int], now: datetime) -> int:
        prepared, _ = self._at_work()
        at = in_utc(now, connection.dialect.name) if self._deletions == "mark" else None
        if not ids:
            return 0
        statements = gone(prepared.table, self._target.key[0], ids, at)
        return sum(connection.execute(statement).rowcount for statement in statements)

    def _find(self, failure: Failure) -> SqlLoadError:
        """Return the error that names the row and the column that the table does not take."""
        prepared, stage = self._at_work()
        names = [column.name for column in prepared.columns]
        sequence = stage.table.c[SEQUENCE]
        with self._engine.connect() as connection:
            numbers = list(connection.scalars(sa.select(sequence).order_by(sequence)))
        position = first_failing(lambda count: self._fails(names, 0, numbers[count - 1]), len(numbers))
        if position is None:
            return failure.told(self._where)
        number = numbers[position]
        alone = self._fails(names, number, number)
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(stage.table).where(sequence == number)).one()

        def fails_without(left_out: str) -> bool:
            return self._fails([name for name in names if name != left_out], number if alone else 0, number)

        column = culprit(fails_without, [name for name in names if name not in self._target.key])
        known = dict(row._mapping)
        return failure.told(self._where, row=told_row(self._target.key, known), column=column)

    def _fails(self, names: Sequence[str], first: int, last: int) -> bool:
        """Return whether the table does not take some staged rows; nothing is kept."""
        _, stage = self._at_work()
        sequence = stage.table.c[SEQUENCE]
        try:
            with self._engine.connect() as connection:
                connection.execute(sa.delete(stage.table).where(~sequence.between(first, last)))
                self._bring(connection, names)
                connection.rollback()
        except raised_by(self._engine.dialect):
            return True
        return False
