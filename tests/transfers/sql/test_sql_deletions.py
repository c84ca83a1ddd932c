from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sql_work import ID, TITLE, chunk, load, rows_of, run, target

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.transfers.sql import target as sql_target


def marks(engine):
    return [(id_, mark is not None) for id_, mark in rows_of(engine, names="id, deleted_at")]


def test_rows_are_deleted_with_the_load(engine):
    load(engine, (1, "one"), (2, "two"), (3, "three"))
    done = load(engine, (3, "drei"), deleted=[1, 2, 404], deletions="delete")
    assert rows_of(engine) == [(3, "drei")]
    assert done.deleted == 2


def test_rows_are_marked_with_the_load_and_keep_their_values(engine):
    load(engine, (1, "one"), (2, "two"))
    begun = datetime.now(UTC)
    done = load(engine, (2, "zwei"), deleted={1}, deletions="mark")
    assert (done.deleted, marks(engine)) == (1, [(1, True), (2, False)])
    assert rows_of(engine, names="id, title") == [(1, "one"), (2, "zwei")]
    with target(engine, deletions="mark") as into:
        table = into.prepare().table
        with engine.connect() as connection:
            marked = connection.scalar(sa.select(table.c.deleted_at).where(table.c.id == 1))
    assert begun <= (marked if marked.tzinfo else marked.replace(tzinfo=UTC)) <= datetime.now(UTC)


def test_a_marked_row_is_not_marked_again(engine):
    load(engine, (1, "one"), (2, "two"))
    load(engine, deleted=[1], deletions="mark")
    before = rows_of(engine, names="deleted_at")
    done = load(engine, deleted=[1], deletions="mark")
    assert (done.deleted, rows_of(engine, names="deleted_at")) == (0, before)


@pytest.mark.parametrize("deletions", ["mark", None])
def test_a_row_that_comes_again_is_not_deleted_any_more(engine, deletions):
    load(engine, (1, "one"), (2, "two"), deletions="mark")
    load(engine, deleted=[1, 2], deletions="mark")
    load(engine, (1, "one"), deletions=deletions)
    assert marks(engine) == [(1, False), (2, True)]


def test_a_column_of_another_type_that_has_the_marks_name_is_left_alone(engine):
    load(engine, (1, "one"))
    run(engine, "ALTER TABLE deal ADD COLUMN deleted_at TEXT", "UPDATE deal SET deleted_at = 'never'")
    load(engine, (1, "eins"))
    assert rows_of(engine) == [(1, "eins", "never")]
    with pytest.raises(InvalidInputError, match="column deleted_at is TEXT"):
        load(engine, deletions="mark")


def test_missing_ids_are_those_of_the_table_that_the_portal_does_not_have(engine):
    load(engine, *((id_, "x") for id_ in range(1, 11)))
    with target(engine, deletions="mark") as into:
        into.prepare()
        into.stage_ids([1, 2, 5])
        into.stage_ids(iter([6, 7, 7]))
        assert list(into.missing_ids()) == [[3, 4, 8, 9, 10]]


def test_marked_rows_are_not_missing(engine):
    load(engine, *((id_, "x") for id_ in (1, 2, 3)))
    load(engine, deleted=[1], deletions="mark")
    with target(engine, deletions="mark") as into:
        into.prepare()
        into.stage_ids([3])
        assert list(into.missing_ids()) == [[2]]
        assert into.count_live() == 2


def test_missing_ids_come_in_lists(engine, monkeypatch):
    monkeypatch.setattr(sql_target, "MISSING", 3)
    load(engine, *((id_, "x") for id_ in range(-3, 4)))
    with target(engine, deletions="delete") as into:
        into.prepare()
        assert list(into.missing_ids()) == [[-3, -2, -1], [0, 1, 2], [3]]


def test_many_rows_are_deleted_at_once(engine):
    load(engine, *((id_, "x") for id_ in range(1, 2_001)))
    assert load(engine, deleted=range(1, 1_500), deletions="delete").deleted == 1_499


def test_only_a_merge_by_one_id_can_delete(engine):
    for arguments in ({"key": ("id", "title")}, {"mode": "replace"}):
        with pytest.raises(InvalidInputError, match="deletions: rows of table deal are found by one id"):
            target(engine, deletions="mark", **arguments)


def test_a_target_without_deletions_deletes_nothing(engine):
    load(engine, (1, "one"))
    with pytest.raises(InvalidInputError, match="deleted: the target was made without `deletions`"):
        load(engine, deleted=[1])


def test_a_user_column_of_the_marks_name_in_the_data_is_data(engine):
    columns = (ID, TITLE, Column(name="deleted_at", type=ValueType.TEXT))
    with target(engine, columns) as into:
        into.prepare()
        into.stage(chunk(columns, (1, "one", "x")))
        into.load()
    assert rows_of(engine) == [(1, "one", "x")]
