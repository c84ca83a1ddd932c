from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sql_work import ID, NOON, TITLE, chunk, load, new_engine, rows_of, run, tables_of, target

from airflow_provider_bitrix24.hooks.errors import InvalidInputError


def test_the_first_load_makes_the_table(engine):
    done = load(engine, (1, "one"), (2, None))
    assert rows_of(engine) == [(1, "one"), (2, None)]
    assert (done.row_count, done.deleted, done.columns) == (2, 0, ("id", "title"))
    assert sa.inspect(engine).get_pk_constraint("deal")["constrained_columns"] == ["id"]


def test_a_merge_changes_rows_that_are_there_and_adds_those_that_are_not(engine):
    load(engine, (1, "one"), (2, "two"))
    load(engine, (2, "zwei"), (3, "drei"))
    assert rows_of(engine) == [(1, "one"), (2, "zwei"), (3, "drei")]


def test_a_merge_keeps_what_others_wrote_into_columns_of_their_own(engine):
    load(engine, (1, "one"))
    run(engine, "ALTER TABLE deal ADD COLUMN score INTEGER", "UPDATE deal SET score = 7")
    load(engine, (1, "eins"), (2, "zwei"))
    assert rows_of(engine, names="id, title, score") == [(1, "eins", 7), (2, "zwei", None)]


def test_a_merge_leaves_rows_alone_that_are_so_already(postgres_url):
    engine = new_engine(postgres_url)
    load(engine, (1, "one"), (2, None), (3, "three"))
    before = rows_of(engine, names="id, xmin::text")
    load(engine, (1, "one"), (2, None), (3, "drei"))
    after = rows_of(engine, names="id, xmin::text")
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False]
    engine.dispose()


def test_a_replace_leaves_only_what_was_staged(engine):
    load(engine, (1, "one"), (2, "two"), mode="replace")
    load(engine, (2, "zwei"), mode="replace")
    assert rows_of(engine) == [(2, "zwei")]


def test_a_replace_keeps_views_on_the_table(engine):
    load(engine, (1, "one"), mode="replace")
    run(engine, "CREATE VIEW titles AS SELECT title FROM deal")
    load(engine, (2, "two"), mode="replace")
    assert rows_of(engine, "titles", "title") == [("two",)]


def test_an_append_adds_rows_even_with_one_key(engine):
    load(engine, (1, "one"), mode="append")
    load(engine, (1, "one again"), mode="append")
    assert rows_of(engine, order="title") == [(1, "one"), (1, "one again")]


@pytest.mark.parametrize("mode", ["merge", "replace", "append"])
def test_of_rows_with_one_key_the_last_one_counts(engine, mode):
    with target(engine, mode=mode) as into:
        into.prepare()
        into.stage(chunk((ID, TITLE), (1, "first"), (2, "two"), (1, "second")))
        into.stage(chunk((ID, TITLE), (1, "third")))
        assert into.load().row_count == 2
    assert rows_of(engine) == [(1, "third"), (2, "two")]


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_data_without_a_key_is_loaded_as_it_is(engine, mode):
    load(engine, (1, "one"), (1, "one"), mode=mode, key=())
    assert rows_of(engine) == [(1, "one"), (1, "one")]


def test_a_key_may_be_several_columns(engine):
    load(engine, (1, "a"), (1, "b"), key=("id", "title"))
    load(engine, (1, "b"), (2, "a"), key=("id", "title"))
    assert rows_of(engine, order="id, title") == [(1, "a"), (1, "b"), (2, "a")]


def test_a_load_of_nothing_is_noted(engine):
    with target(engine) as into:
        into.prepare()
        done = into.load(watermark=NOON)
    assert (done.row_count, done.watermark) == (0, NOON)
    assert rows_of(engine) == []


def test_nothing_shows_before_the_load(engine):
    with target(engine) as into:
        into.prepare()
        into.stage(chunk((ID, TITLE), (1, "one")))
        assert rows_of(engine) == []


def test_columns_of_a_chunk_come_in_any_order(engine):
    with target(engine) as into:
        into.prepare()
        into.stage(chunk((TITLE, ID), ("one", 1)))
        into.load()
    assert rows_of(engine) == [(1, "one")]


def test_tables_stand_in_the_schema_that_was_asked_for(postgres_url):
    engine = new_engine(postgres_url)
    run(engine, "CREATE SCHEMA crm")
    load(engine, (1, "one"), schema="crm")
    assert rows_of(engine, "crm.deal") == [(1, "one")]
    assert set(sa.inspect(engine).get_table_names("crm")) == {"deal", "bitrix24_loads"}
    assert tables_of(engine) == set()
    engine.dispose()


def test_psycopg_3_loads_as_psycopg_2_does(psycopg_url):
    engine = new_engine(psycopg_url)
    load(engine, (1, "tab\tand\\"), (2, "line\r\nand ü"), (3, ""), (4, None), (5, "\\N"))
    load(engine, (2, "zwei"))
    assert rows_of(engine) == [(1, "tab\tand\\"), (2, "zwei"), (3, ""), (4, None), (5, "\\N")]
    engine.dispose()


def test_merging_needs_a_key(engine):
    with pytest.raises(InvalidInputError, match="mode: table deal cannot be merged without a key"):
        target(engine, key=())


def last_load(engine, **changes):
    """Return the load from which the next run reads on."""
    return target(engine, run_id="next run", **changes).load_before()


class TestTheTableOfLoads:
    def test_it_has_the_last_load(self, engine):
        load(engine, (1, "one"), watermark=NOON, run_id="run 1")
        load(engine, (2, "two"), watermark=NOON + timedelta(hours=1), run_id="run 2")
        last = last_load(engine)
        assert (last.run_id, last.watermark) == ("run 2", NOON + timedelta(hours=1))

    def test_there_is_no_last_load_before_the_first(self, engine):
        with target(engine) as into:
            assert into.load_before() is None
            into.prepare()
            assert into.load_before() is None

    def test_each_filter_has_its_own(self, engine):
        load(engine, (1, "one"), watermark=NOON, filter_digest="open")
        assert last_load(engine, filter_digest="closed") is None
        assert last_load(engine, filter_digest="open").watermark == NOON

    def test_a_watermark_only_moves_forward(self, engine):
        load(engine, (1, "one"), watermark=NOON)
        load(engine, (1, "one"), watermark=NOON - timedelta(days=1))
        load(engine, (1, "one"), watermark=None)
        assert last_load(engine).watermark == NOON

    def test_the_highest_id_only_moves_forward(self, engine):
        for max_id in (9, 3, None):
            with target(engine) as into:
                into.prepare()
                into.load(max_id=max_id)
        assert last_load(engine).max_id == 9

    def test_a_run_finds_what_it_has_committed(self, engine):
        load(engine, (1, "one"), run_id="run 1")
        load(engine, (2, "two"), (3, "three"), run_id="run 2")
        assert target(engine, run_id="run 1").load_of_run().row_count == 1
        assert target(engine, run_id="run 3").load_of_run() is None
