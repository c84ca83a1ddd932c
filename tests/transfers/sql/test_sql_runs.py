"""Runs beside each other, and runs that were killed."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sql_work import ID, NOON, TITLE, chunk, load, new_engine, rows_of, run, tables_of, target

from airflow_provider_bitrix24.hooks.errors import SqlLoadError
from airflow_provider_bitrix24.transfers.sql.loads import create_loads

OLD = [(id_, "old") for id_ in range(1, 11)]
NEW = [(id_, "new") for id_ in range(3, 13)]


def begun(engine, *rows, **changes):
    """Return a target with rows staged, as a killed run leaves it."""
    into = target(engine, **changes).__enter__()
    into.prepare()
    into.stage(chunk((ID, TITLE), *rows))
    return into


def test_a_second_run_of_the_same_data_is_refused_while_the_first_lives(postgres_url):
    engine = new_engine(postgres_url)
    with target(engine) as first:
        first.prepare()
        first.stage(chunk((ID, TITLE), (1, "one")))
        with pytest.raises(SqlLoadError, match="another run is loading the same data") as caught:
            load(engine, (1, "eins"))
        assert caught.value.passes
        first.load()
    assert rows_of(engine) == [(1, "one")]
    load(engine, (1, "eins"))
    assert rows_of(engine) == [(1, "eins")]
    engine.dispose()


def test_a_run_whose_place_was_taken_fails_and_changes_nothing(tmp_path):
    engine = new_engine(f"sqlite:///{tmp_path}/target.db")
    first = begun(engine, (1, "one"), (2, "two"))
    with target(engine, run_id="run 2") as second:
        second.prepare()
        with pytest.raises(SqlLoadError, match="a newer run loads the same data") as caught:
            first.load()
        assert caught.value.passes
        with pytest.raises(SqlLoadError, match="a newer run loads the same data"):
            first.stage(chunk((ID, TITLE), (3, "three")))
        second.stage(chunk((ID, TITLE), (1, "eins")))
        second.load()
    first.__exit__(None, None, None)
    assert rows_of(engine) == [(1, "eins")]
    engine.dispose()


def test_runs_of_different_filters_load_into_one_table_side_by_side(engine):
    with target(engine, filter_digest="a") as first, target(engine, filter_digest="b") as second:
        for into, row in ((first, (1, "one")), (second, (2, "two"))):
            into.prepare()
            into.stage(chunk((ID, TITLE), row))
        second.load(watermark=NOON)
        first.load()
    assert rows_of(engine) == [(1, "one"), (2, "two")]


def test_the_first_loads_of_two_tables_may_begin_together(postgres_url):
    engine, other = new_engine(postgres_url), new_engine(postgres_url)
    waiting = "pg_stat_activity WHERE wait_event_type = 'Lock'"
    with ThreadPoolExecutor() as pool:
        with engine.begin() as connection:
            create_loads(connection, None)
            second = pool.submit(load, other, (1, "one"))
            while rows_of(engine, waiting, "pid", "pid") == []:
                assert not second.done()
        second.result()
    assert rows_of(engine) == [(1, "one")]
    engine.dispose()
    other.dispose()


def test_what_a_killed_run_left_behind_is_dropped_by_the_next(engine):
    left = begun(engine, (1, "one"))
    left._open.close()  # its connection ends with it, and so does its lock
    assert len(tables_of(engine)) == 4
    load(engine, (2, "two"))
    assert rows_of(engine) == [(2, "two")]
    assert tables_of(engine) == {"deal", "bitrix24_loads"}


def test_a_name_as_long_as_can_be_has_staging_tables_too(engine):
    name = "d" * 63
    left = begun(engine, (1, "one"), table=name)
    left._open.close()
    load(engine, (2, "two"), table=name)
    assert tables_of(engine) == {name, "bitrix24_loads"}


def _load_and_die(url, mode, die):
    """Load in a process that dies when it is told; tell it of each moment before and after a statement."""
    engine = new_engine(url)
    for event in ("before_cursor_execute", "after_cursor_execute"):
        sa.event.listen(engine, event, lambda _, __, statement, *___: die(statement))
    for event in ("commit", "rollback"):
        sa.event.listen(engine, event, lambda _: die("end"))
    sa.event.listen(engine.pool, "reset", lambda *_: die("reset"))
    with target(engine, run_id="killed", mode=mode, deletions="delete" if mode == "merge" else None) as into:
        into.prepare()
        into.stage(chunk((ID, TITLE), *NEW[:5]))
        into.stage(chunk((ID, TITLE), *NEW[5:]))
        into.load(watermark=NOON, deleted=[1, 2] if mode == "merge" else ())
        die("loaded")
    os._exit(0)


def _killed(url, mode, die):
    """Return whether a run died before it was over."""
    child = multiprocessing.get_context("fork").Process(target=_load_and_die, args=(url, mode, die))
    child.start()
    child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def _die_at(number):
    passed = iter(range(1, number))

    def die(_):
        if next(passed, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def _die_when(said):
    def die(what):
        if what.startswith(said):
            os.kill(os.getpid(), signal.SIGKILL)

    return die


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_run_killed_at_any_moment_leaves_the_old_state_or_the_new_one(url, mode):
    seen = set()
    for moment in itertools.count(1, 4):
        engine = new_engine(url)
        load(engine, *OLD, mode="replace")
        run(engine, "DELETE FROM bitrix24_loads WHERE run_id = 'killed'")
        engine.dispose()
        died = _killed(url, mode, _die_at(moment))
        noted = target(engine, run_id="killed").load_of_run()
        assert rows_of(engine) == (NEW if noted else OLD)
        seen.add(noted is not None)
        load(engine, *NEW, mode=mode, run_id="next")
        assert tables_of(engine) == {"deal", "bitrix24_loads"}
        engine.dispose()
        if not died:
            break
    assert moment > 40
    assert seen == {True, False}


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_run_killed_before_its_commit_changes_nothing_and_one_killed_after_it_all(url, mode):
    engine = new_engine(url)
    load(engine, *OLD)
    engine.dispose()
    assert _killed(url, mode, _die_when("INSERT INTO bitrix24_loads"))
    assert rows_of(engine) == OLD
    assert target(engine, run_id="killed").load_of_run() is None
    engine.dispose()
    assert _killed(url, mode, _die_when("loaded"))
    assert rows_of(engine) == NEW
    assert target(engine, run_id="killed").load_of_run().watermark == NOON
    engine.dispose()
