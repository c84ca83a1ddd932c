"""The statements that bring staged rows into the target's table; each database has its own form of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import UpdateBase

from airflow_provider_bitrix24.transfers.sql.staging import IDS, SEQUENCE
from airflow_provider_bitrix24.transfers.sql.tables import DELETED_AT

Condition = sa.ColumnElement[bool]


def merged(
    table: sa.Table, stage: sa.Table, columns: Sequence[str], key: Sequence[str], *, marks: bool, dialect: str
) -> list[UpdateBase]:
    """Return the statements that change rows that are there, where they differ, and add those that are not.

    Columns of the table that are not in the data keep their values.

    :param table: the target's table
    :param stage: the staging table, with one row for each key
    :param columns: names of the columns to load
    :param key: names of the columns that name a row
    :param marks: whether the table marks deleted rows; a row that comes again is not deleted any more
    :param dialect: the database, as SQLAlchemy names it
    """
    same = [table.c[name] == stage.c[name] for name in key]
    changed = [name for name in columns if name not in key]
    statements = [added(table, stage, columns, unless=same)]
    if changed or marks:
        new: dict[str, Any] = {name: stage.c[name] for name in changed}
        if marks:
            new[DELETED_AT] = sa.null()
        update = sa.update(table).values(new).where(*same)
        if dialect != "mssql":  # it learnt IS DISTINCT FROM only in 2022
            differs = [table.c[name].is_distinct_from(stage.c[name]) for name in changed]
            marked = [table.c[DELETED_AT].is_not(None)] if marks else []
            update = update.where(sa.or_(*differs, *marked))
        statements.insert(0, update)
    return statements


def added(
    table: sa.Table, stage: sa.Table, columns: Sequence[str], *, unless: Sequence[Condition] = ()
) -> UpdateBase:
    """Return the statement that adds staged rows.

    :param table: the target's table
    :param stage: the staging table
    :param columns: names of the columns to load
    :param unless: what holds for a row of the table and a staged one that is there already
    """
    rows = sa.select(*(stage.c[name] for name in columns)).order_by(stage.c[SEQUENCE])
    if unless:
        there = sa.select(sa.literal(1)).select_from(table).where(*unless).correlate(stage)
        rows = rows.where(~there.exists())
    return sa.insert(table).from_select(list(columns), rows)


def gone(table: sa.Table, key: str, ids: Iterable[int], at: datetime | None) -> Iterator[UpdateBase]:
    """Yield the statements that delete rows, or mark them as deleted.

    :param table: the target's table
    :param key: the column with the ids
    :param ids: ids of the rows
    :param at: when they were found to be gone, to mark them; ``None`` deletes them
    """
    rest = iter(ids)
    while some := list(islice(rest, IDS)):
        named = table.c[key].in_(some)
        if at is None:
            yield sa.delete(table).where(named)
        else:
            yield sa.update(table).values({DELETED_AT: at}).where(named, table.c[DELETED_AT].is_(None))


def missing(table: sa.Table, census: sa.Table, key: str, above: int | None, *, marks: bool) -> sa.Select[Any]:
    """Return the query for ids of the table that a census does not have.

    :param table: the target's table
    :param census: the staged ids
    :param key: the column with the ids
    :param above: the last id that is known already
    :param marks: whether the table marks deleted rows; marked ones are left out
    """
    id_ = table.c[key]
    there = sa.select(sa.literal(1)).select_from(census).where(census.c.id == id_).correlate(table)
    query = sa.select(id_).where(~there.exists()).order_by(id_)
    if above is not None:
        query = query.where(id_ > above)
    return query.where(live(table, marks=marks))


def live(table: sa.Table, *, marks: bool) -> Condition:
    """Return the condition that a row is not marked as deleted.

    :param table: the target's table
    :param marks: whether it marks deleted rows
    """
    return table.c[DELETED_AT].is_(None) if marks else sa.true()
