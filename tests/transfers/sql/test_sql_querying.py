"""Rows of queries, one part after the other, and what is told of queries that fail."""

from __future__ import annotations

import json
import traceback
import tracemalloc
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sql_work import new_engine, run

from airflow_provider_bitrix24.hooks.errors import InvalidInputError, SqlLoadError, SqlRefusedError
from airflow_provider_bitrix24.transfers.sql.engines import query_engine_of
from airflow_provider_bitrix24.transfers.sql.querying import query_rows

SECRET = "Private Person"
MANY = (
    "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {count}) "
    "SELECT id, '{filler}' AS title FROM n"
)


def refused(engine, statement, error=InvalidInputError, parameters=None):
    """Return what is told of a query that fails, which holds no value."""
    with pytest.raises(error) as caught:
        list(query_rows(engine, statement, parameters))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert engine.pool.checkedout() == 0
    return str(caught.value)


def test_rows_have_the_databases_own_values(engine):
    run(engine, "CREATE TABLE deal (id BIGINT, title TEXT, amount NUMERIC(9, 2), day DATE)")
    run(engine, f"INSERT INTO deal VALUES (1, '{SECRET}: 100%', 1.5, '2026-03-01'), (2, NULL, NULL, NULL)")
    first, second = query_rows(engine, "SELECT * FROM deal ORDER BY id; -- all of them\n")
    is_typed = engine.dialect.name == "postgresql"
    assert first == {
        "id": 1,
        "title": f"{SECRET}: 100%",
        "amount": Decimal("1.50") if is_typed else 1.5,
        "day": date(2026, 3, 1) if is_typed else "2026-03-01",
    }
    assert second == {"id": 2, "title": None, "amount": None, "day": None}


def test_parameters_are_bound_by_the_driver(engine):
    by_name, by_place = ("%(title)s", "%s") if engine.dialect.name == "postgresql" else (":title", "?")
    tricky = "'; DROP TABLE deal; -- %s :title"
    for placeholder, parameters in [(by_name, {"title": tricky}), (by_place, [tricky])]:
        [row] = query_rows(engine, f"SELECT CAST({placeholder} AS TEXT) AS title", parameters)
        assert row == {"title": tricky}


def test_without_parameters_percent_signs_and_colons_mean_themselves(engine):
    statement = """SELECT '%d%% "a":true :b' AS title WHERE 'abc' LIKE 'a%'"""
    assert list(query_rows(engine, statement)) == [{"title": '%d%% "a":true :b'}]


def test_parameters_that_do_not_fit_are_told(engine):
    placeholder = "%(title)s" if engine.dialect.name == "postgresql" else ":title"
    error = InvalidInputError if engine.dialect.name == "postgresql" else SqlRefusedError
    assert "title" in refused(engine, f"SELECT {placeholder} AS a", error, {"name": SECRET})


def test_memory_is_bounded_whatever_the_number_of_rows(engine):
    rows = query_rows(engine, MANY.format(count=20_000, filler="x" * 400))
    next(rows)
    tracemalloc.start()
    assert sum(1 for _ in rows) == 19_999
    # what PostgreSQL's client library holds is not counted, the rows that are made of it are
    assert tracemalloc.get_traced_memory()[1] < 6_000_000
    tracemalloc.stop()


def test_a_server_keeps_the_rows_until_they_are_fetched(postgres_url):
    engine = new_engine(postgres_url)
    names = []
    sa.event.listen(engine, "before_cursor_execute", lambda _, cursor, *__: names.append(cursor.name))
    assert len(list(query_rows(engine, MANY.format(count=3, filler="x")))) == 3
    assert len(names) == 1
    assert names[0]  # only a cursor of the server has a name
    engine.dispose()


def test_the_connection_ends_with_the_rows_also_with_those_that_nobody_wanted(engine):
    rows = query_rows(engine, MANY.format(count=9_000, filler="x"))
    next(rows)
    assert engine.pool.checkedout() == 1
    rows.close()
    assert engine.pool.checkedout() == 0


def test_what_is_no_query_is_refused_and_changes_nothing(engine):
    run(engine, "CREATE TABLE deal (id BIGINT)")
    assert "sql: it holds 2 statements. Give one query." in refused(engine, "SELECT 1 AS a; DELETE FROM deal")
    assert "sql: it holds 0 statements" in refused(engine, " -- nothing\n")
    is_sqlite = engine.dialect.name == "sqlite"
    told = refused(
        engine,
        "INSERT INTO deal VALUES (1)",
        InvalidInputError if is_sqlite else SqlRefusedError,
    )
    assert ("returns no rows" if is_sqlite else "syntax error") in told
    assert list(query_rows(engine, "SELECT * FROM deal")) == []


def test_columns_without_a_name_of_their_own_are_refused(engine):
    told = refused(engine, "SELECT 1 AS id, 2 AS id")
    assert told == "sql: the query returns the column 'id' twice. Name the column with AS."


def test_a_query_that_the_database_refuses_is_told_without_a_value(engine):
    for statement, named in [
        (f"SELECT '{SECRET}' FROM nowhere", "nowhere"),
        (f"SELECT '{SECRET}', score FROM (SELECT 1 AS id) AS x", "score"),
        (f"SELEKT '{SECRET}'", "syntax error"),
    ]:
        told = refused(engine, statement, SqlRefusedError)
        assert told.startswith("sql: the database refuses")
        assert named in told
    if engine.dialect.name == "postgresql":
        told = refused(
            engine, f"SELECT CAST('{SECRET}' || id AS INT) AS a FROM (SELECT 1 AS id) AS x", SqlRefusedError
        )
        assert told.startswith("sql: the database refuses (InvalidTextRepresentation)")
    else:
        assert "Could not decode to UTF-8 column 'a'" in refused(
            engine, f"SELECT CAST(CAST('{SECRET}' AS BLOB) || x'ff' AS TEXT) AS a", SqlLoadError
        )


def test_an_error_of_syntax_quotes_no_part_of_the_query(engine):
    for wrong in (
        f"SELECT 1 AS id WHERE 'O'{SECRET}' = ''",
        f"SELECT 'O'{SECRET}",
        f"SELECT 1 AS id, '{SECRET}",
    ):
        is_sqlite = engine.dialect.name == "sqlite"
        told = refused(engine, wrong, SqlLoadError if is_sqlite else SqlRefusedError)
        assert "syntax error" in told or "unrecognized token)" in told
        assert not any(word in told for word in SECRET.split())


def test_a_column_that_is_called_like_its_expression_is_refused_and_not_shown(engine):
    if engine.dialect.name == "sqlite":
        told = refused(engine, f"SELECT 1 AS id, '{SECRET}'")
        problem = "sql: the name of column 2 of the query holds an apostrophe"
        assert told == f"{problem}. Name the column with AS, without one."


def test_any_database_may_be_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps({"conn_type": "sqlite", "host": f"{tmp_path}/a.db"}))
    engine = query_engine_of("lite")
    assert list(query_rows(engine, "SELECT 1 AS id")) == [{"id": 1}]
    engine.dispose()
    monkeypatch.setenv("AIRFLOW_CONN_WEB", json.dumps({"conn_type": "http", "host": "x"}))
    with pytest.raises(InvalidInputError, match=r"has no hook|is not a database"):
        query_engine_of("web")
