from __future__ import annotations

import traceback
from decimal import Decimal

import pytest
from sql_work import AMOUNT, ID, TITLE, chunk, load, new_engine, rows_of, run, tables_of, target

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.hooks.errors import SqlLoadError, SqlRefusedError

SECRET = "Private Person"
EMAIL = Column(name="email", type=ValueType.TEXT)
COLUMNS = (ID, TITLE, EMAIL)
CHECKED = f"CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, email TEXT CHECK (email <> '{SECRET}'))"


def story(error):
    return "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))


def refused(engine, *rows, columns=COLUMNS, **changes):
    """Load rows that the database refuses, and return the error, which shows none of their values."""
    with pytest.raises(SqlRefusedError) as caught:
        load(engine, *rows, columns=columns, **changes)
    assert SECRET not in story(caught.value)
    assert "another" not in caught.value.remedy.lower()
    return str(caught.value)


def many(bad, number=17):
    return [(id_, f"title {id_}", bad if id_ == number else f"{id_}@host") for id_ in range(1, 41)]


def test_a_row_that_breaks_a_constraint_is_named_by_table_column_and_id(engine):
    run(
        engine,
        f"CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, email TEXT CHECK (email <> '{SECRET}'))",
    )
    message = refused(engine, *many(SECRET))
    assert message.startswith("Table deal: row id 17, column email cannot be stored")
    assert rows_of(engine) == []


def test_a_row_that_breaks_a_constraint_in_a_change_is_named_too(engine):
    run(
        engine,
        f"CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, email TEXT CHECK (email <> '{SECRET}'))",
    )
    load(engine, *many("17@host"), columns=COLUMNS)
    assert "row id 23, column email cannot be stored" in refused(engine, *many(SECRET, 23))
    assert rows_of(engine) == many("17@host")


def test_a_value_that_must_be_there_is_named(engine):
    run(engine, "CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, email TEXT NOT NULL)")
    rows = [(id_, SECRET, email) for id_, _, email in many(None)]
    message = refused(engine, *rows)
    assert "row id 17" in message
    assert "email" in message


def test_of_two_rows_that_must_differ_the_second_is_named(engine):
    run(engine, "CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, email TEXT UNIQUE)")
    rows = [(id_, title, SECRET if id_ in (5, 30) else email) for id_, title, email in many("x")]
    assert "row id 30, column email cannot be stored" in refused(engine, *rows)


def test_a_replace_and_an_append_name_the_row_too(engine):
    run(engine, f"CREATE TABLE deal (id BIGINT, title TEXT, email TEXT CHECK (email <> '{SECRET}'))")
    run(engine, "INSERT INTO deal VALUES (1, 'old', 'old')")
    for mode in ("replace", "append"):
        assert "row id 17, column email" in refused(engine, *many(SECRET), mode=mode)
    assert rows_of(engine) == [(1, "old", "old")]


@pytest.mark.parametrize("bad", [f"{SECRET}\0", f"{SECRET}\ud800"])
def test_a_text_that_no_database_takes_is_named(engine, bad):
    assert "row id 17, column email cannot be stored" in refused(engine, *many(bad))


def test_a_number_beyond_64_bits_is_named(engine):
    columns = (ID, TITLE, Column(name="size", type=ValueType.INTEGER))
    message = refused(engine, (1, SECRET, 1), (2, SECRET, 2**63), columns=columns)
    assert "row id 2, column size cannot be stored" in message


def test_a_text_that_is_too_long_for_an_existing_column_is_named(postgres_url):
    engine = new_engine(postgres_url)
    run(engine, "CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, email VARCHAR(255))")
    assert "row id 17, column email cannot be stored" in refused(engine, *many(SECRET * 20))
    engine.dispose()


def test_what_a_trigger_says_is_not_repeated(postgres_url):
    engine = new_engine(postgres_url)
    load(engine, columns=COLUMNS)
    body = "BEGIN IF NEW.id = 17 THEN RAISE EXCEPTION 'not %', NEW.email; END IF; RETURN NEW; END"
    run(engine, f"CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    run(engine, "CREATE TRIGGER look BEFORE INSERT ON deal FOR EACH ROW EXECUTE FUNCTION look()")
    assert "row id 17" in refused(engine, *many(SECRET))
    engine.dispose()


def test_a_row_without_a_key_is_told(engine):
    message = refused(engine, (1, SECRET), (None, SECRET), columns=(ID, TITLE))
    assert "row id None, column id cannot be stored" in message


def test_psycopg_3_names_the_row_too(psycopg_url):
    engine = new_engine(psycopg_url)
    run(
        engine,
        f"CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, email TEXT CHECK (email <> '{SECRET}'))",
    )
    assert "row id 17, column email" in refused(engine, *many(SECRET))
    engine.dispose()


def loading(engine, *rows, before_load=lambda: None):
    with target(engine) as into:
        into.prepare()
        into.stage(chunk((ID, TITLE), *rows))
        before_load()
        into.load()


def test_the_next_load_begins_afresh_after_a_refused_one(engine):
    with pytest.raises(SqlRefusedError):
        loading(engine, (1, "\0"))
    assert tables_of(engine) == {"deal", "bitrix24_loads"}
    load(engine, (1, "one"))
    assert rows_of(engine) == [(1, "one")]


def test_a_lost_connection_may_pass(postgres_url):
    engine, other = new_engine(postgres_url), new_engine(postgres_url)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with pytest.raises(SqlLoadError, match="Table deal: the database failed") as caught:
        loading(engine, (1, SECRET), before_load=lambda: run(other, kill))
    assert caught.value.passes
    assert not caught.value.permanent
    assert SECRET not in story(caught.value)
    engine.dispose()
    other.dispose()


def test_a_server_that_does_not_answer_may_come_back():
    engine = new_engine("postgresql+psycopg2://user:hidden-pass@127.0.0.1:1/db")
    with pytest.raises(SqlLoadError, match=r"Table deal: .*refused") as caught, target(engine):
        pass
    assert caught.value.passes
    assert "hidden-pass" not in story(caught.value)


def test_a_locked_database_may_be_free_later(tmp_path):
    engine = new_engine(f"sqlite:///{tmp_path}/target.db?timeout=0.1")
    load(engine, (1, "one"))
    other = new_engine(f"sqlite:///{tmp_path}/target.db")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(SqlLoadError, match="database is locked") as caught:
            load(engine, (2, "two"))
    assert caught.value.passes
    engine.dispose()
    other.dispose()


def test_staged_rows_that_a_crash_took_are_missed(postgres_url):
    engine = new_engine(postgres_url)

    def crash():
        names = [name for name in tables_of(engine) if "stage" in name]
        run(engine, f"TRUNCATE {', '.join(names)}")  # as PostgreSQL does with tables that are not logged

    with pytest.raises(SqlLoadError, match="staged rows are gone") as caught:
        loading(engine, (1, "one"), before_load=crash)
    assert caught.value.passes
    assert rows_of(engine) == []
    engine.dispose()


def test_an_amount_is_refused_without_being_shown(engine):
    amount = Decimal(31337001) / 1000
    with pytest.raises(SqlRefusedError) as caught:
        load(engine, (4, amount), columns=(ID, AMOUNT))
    assert "row id 4, column opportunity" in str(caught.value)
    assert "31337" not in story(caught.value)
