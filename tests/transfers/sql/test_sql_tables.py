from __future__ import annotations

import pytest
import sqlalchemy as sa
from sql_work import ID, TITLE, chunk, load, new_engine, rows_of, run, tables_of, target

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, SqlLoadError

CITY = Column(name="uf_crm_city", type=ValueType.TEXT)


def prepared(engine, columns=(ID, TITLE), **changes):
    with target(engine, columns, **changes) as into:
        return into.prepare()


def test_a_new_table_and_new_columns_are_told(engine):
    first = prepared(engine)
    assert (first.created, first.added) == (True, ())
    second = prepared(engine, (ID, TITLE, CITY))
    assert (second.created, second.added) == (False, ("uf_crm_city",))


def test_new_columns_are_added_and_empty_for_older_rows(engine):
    load(engine, (1, "one"))
    load(engine, (2, "two", "Riga"), columns=(ID, TITLE, CITY))
    assert rows_of(engine) == [(1, "one", None), (2, "two", "Riga")]


def test_new_columns_are_an_error_if_asked_for(engine):
    prepared(engine)
    with pytest.raises(InvalidInputError, match="Table deal has no column uf_crm_city"):
        prepared(engine, (ID, TITLE, CITY), schema_changes="fail")


def test_new_columns_are_left_out_if_asked_for(engine):
    load(engine, (1, "one"))
    done = load(engine, (1, "eins", "Riga"), columns=(ID, TITLE, CITY), schema_changes="ignore")
    assert rows_of(engine) == [(1, "eins")]
    assert done.columns == ("id", "title")


def test_columns_that_the_data_has_no_more_stay(engine):
    load(engine, (1, "one", "Riga"), columns=(ID, TITLE, CITY))
    load(engine, (1, "eins"), (2, "zwei"))
    assert rows_of(engine) == [(1, "eins", "Riga"), (2, "zwei", None)]


def test_a_column_whose_type_cannot_hold_ours_is_refused(engine):
    run(engine, "CREATE TABLE deal (id BIGINT PRIMARY KEY, title INTEGER)")
    message = "Table deal: column title is INTEGER, which cannot hold TEXT"
    with pytest.raises(InvalidInputError, match=message) as caught:
        prepared(engine, (ID, CITY, TITLE))
    assert caught.value.remedy
    assert tables_of(engine) == {"deal"}
    assert [column["name"] for column in sa.inspect(engine).get_columns("deal")] == ["id", "title"]


_FITTING = [
    (ValueType.INTEGER, "INTEGER", True),
    (ValueType.INTEGER, "NUMERIC(20)", True),
    (ValueType.INTEGER, "TEXT", False),
    (ValueType.INTEGER, "DOUBLE PRECISION", False),
    (ValueType.DECIMAL, "NUMERIC(18, 2)", True),
    (ValueType.DECIMAL, "NUMERIC(18, 6)", True),
    (ValueType.DECIMAL, "NUMERIC(18, 1)", False),
    (ValueType.DECIMAL, "BIGINT", False),
    (ValueType.DECIMAL, "REAL", False),
    (ValueType.BOOLEAN, "BOOLEAN", True),
    (ValueType.BOOLEAN, "TEXT", False),
    (ValueType.DATE, "DATE", True),
    (ValueType.DATE, "TIMESTAMP", False),
    (ValueType.TIMESTAMP, "DATE", False),
    (ValueType.TEXT, "VARCHAR(255)", True),
    (ValueType.TEXT, "VARCHAR", True),
    (ValueType.TEXT, "DATE", False),
    (ValueType.JSON, "TEXT", True),
]


@pytest.mark.parametrize(("kind", "there", "good"), _FITTING, ids=lambda value: str(value))
def test_an_existing_column_holds_every_value_exactly_or_is_refused(engine, kind, there, good):
    run(engine, f"CREATE TABLE deal (id BIGINT PRIMARY KEY, value {there})")
    columns = (ID, Column(name="value", type=kind))
    if good:
        assert prepared(engine, columns).added == ()
    else:
        with pytest.raises(InvalidInputError, match="Table deal: column value is"):
            prepared(engine, columns)


@pytest.mark.parametrize(("kind", "there"), [("timestamp", "TIMESTAMP"), ("json", "JSONB"), ("text", "mood")])
def test_postgresql_columns_that_would_shift_or_refuse_values_do_not_fit(postgres_url, kind, there):
    engine = new_engine(postgres_url)
    run(engine, "CREATE TYPE mood AS ENUM ('sad')")
    run(engine, f"CREATE TABLE deal (id BIGINT PRIMARY KEY, value {there})")
    with pytest.raises(InvalidInputError, match="Table deal: column value is"):
        prepared(engine, (ID, Column(name="value", type=ValueType(kind))))
    engine.dispose()


@pytest.mark.parametrize(
    ("kind", "there"), [("text", "VARCHAR(8)"), ("text", "CHAR(254)"), ("json", "VARCHAR(4000)")]
)
def test_a_column_that_is_too_short_for_texts_is_refused(postgres_url, kind, there):
    engine = new_engine(postgres_url)
    run(engine, f"CREATE TABLE deal (id BIGINT PRIMARY KEY, value {there})")
    with pytest.raises(InvalidInputError, match=r"column value is (VAR)?CHAR\(\d+\), which cannot hold TEXT"):
        prepared(engine, (ID, Column(name="value", type=ValueType(kind))))
    engine.dispose()


def test_sqlite_takes_no_notice_of_lengths(tmp_path):
    engine = new_engine(f"sqlite:///{tmp_path}/target.db")
    run(engine, "CREATE TABLE deal (id BIGINT PRIMARY KEY, title VARCHAR(8))")
    load(engine, (1, "longer than eight"))
    assert rows_of(engine) == [(1, "longer than eight")]
    engine.dispose()


def test_all_columns_that_do_not_fit_are_named(engine):
    columns = "id BIGINT PRIMARY KEY, title INTEGER, uf_crm_city DATE, team TEXT NOT NULL"
    run(engine, f"CREATE TABLE deal ({columns})")
    with pytest.raises(InvalidInputError) as caught:
        prepared(engine, (ID, TITLE, CITY))
    assert str(caught.value).startswith(
        "Table deal: column title is INTEGER, which cannot hold TEXT; column uf_crm_city is DATE, which "
        "cannot hold TEXT; column team is NOT NULL without a default, and not in the data"
    )
    assert caught.value.remedy == (
        "Give a column that is NOT NULL a default, change the types of these columns, leave the fields out "
        "by `fields`, or choose another table."
    )


def test_nobody_is_told_to_leave_out_the_key(engine):
    run(engine, "CREATE TABLE deal (id TEXT PRIMARY KEY, title INTEGER)")
    with pytest.raises(InvalidInputError, match=r"column id is TEXT, .* column title is INTEGER") as caught:
        prepared(engine)
    assert caught.value.remedy == "Change the types of these columns, or choose another table."


def test_a_table_without_a_column_of_the_key_is_refused(engine):
    run(engine, "CREATE TABLE deal (title TEXT)")
    with pytest.raises(InvalidInputError, match="Table deal has no column id, which the key needs"):
        prepared(engine)


def test_data_without_a_column_of_the_key_is_refused(engine):
    with pytest.raises(InvalidInputError, match="key: the data for table deal has no column id"):
        prepared(engine, (TITLE,))


def test_a_column_that_new_rows_cannot_fill_is_refused(engine):
    run(engine, "CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, team TEXT NOT NULL)")
    with pytest.raises(InvalidInputError, match="column team is NOT NULL without a default"):
        prepared(engine)


def test_a_column_with_a_default_is_filled_by_the_database(engine):
    run(engine, "CREATE TABLE deal (id BIGINT PRIMARY KEY, title TEXT, team TEXT DEFAULT 'a' NOT NULL)")
    load(engine, (1, "one"))
    assert rows_of(engine) == [(1, "one", "a")]


def test_a_name_that_is_too_long_is_refused(postgres_url):
    engine = new_engine(postgres_url)
    long = Column(name="uf_crm_" + "x" * 57, type=ValueType.TEXT)
    with pytest.raises(InvalidInputError, match=r"uf_crm_x.* does not fit into postgresql"):
        prepared(engine, (ID, long))
    engine.dispose()


def test_names_that_the_database_cannot_tell_apart_are_refused(tmp_path):
    engine = new_engine(f"sqlite:///{tmp_path}/target.db")
    with pytest.raises(InvalidInputError, match="have one name in sqlite: title, Title"):
        prepared(engine, (ID, TITLE, Column(name="Title", type=ValueType.TEXT)))
    engine.dispose()


def test_postgresql_tells_upper_case_from_lower(postgres_url):
    engine = new_engine(postgres_url)
    load(engine, (1, "one", "One"), columns=(ID, TITLE, Column(name="Title", type=ValueType.TEXT)))
    assert rows_of(engine) == [(1, "one", "One")]
    engine.dispose()


def test_a_name_twice_is_refused(engine):
    with pytest.raises(InvalidInputError, match="have one name in"):
        prepared(engine, (ID, TITLE, TITLE))


def test_a_field_of_the_name_of_the_mark_is_refused_where_rows_are_marked(engine):
    mark = Column(name="deleted_at", type=ValueType.TIMESTAMP)
    with pytest.raises(InvalidInputError, match="deleted_at"):
        prepared(engine, (ID, mark), deletions="mark")


def test_a_schema_that_is_not_there_is_not_made(engine):
    with pytest.raises(InvalidInputError, match="schema: the database has no schema 'crm'") as caught:
        prepared(engine, schema="crm")
    assert "Create the schema" in caught.value.remedy


def test_words_of_sql_and_spaces_are_names_like_others(engine):
    columns = (ID, Column(name="order", type=ValueType.TEXT), Column(name="100% of it", type=ValueType.TEXT))
    load(engine, (1, "a"), columns=columns[:2], table="select")
    load(engine, (1, "a", "b"), columns=columns, table="select")
    assert rows_of(engine, '"select"') == [(1, "a", "b")]


def test_a_right_that_is_missing_is_told_once_and_for_all(postgres_url):
    owner = new_engine(postgres_url)
    run(owner, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    engine = new_engine(postgres_url.replace("airflow@", "reader@"))
    with pytest.raises(SqlLoadError, match=r"Table deal: .*permission denied for schema public") as caught:
        prepared(engine)
    assert caught.value.permanent
    engine.dispose()
    run(owner, "DROP ROLE reader")
    owner.dispose()


@pytest.mark.parametrize("name", ["deal", "crm deal"])
def test_a_user_may_load_with_rights_on_one_schema_only(postgres_url, name):
    owner = new_engine(postgres_url)
    run(owner, "DROP ROLE IF EXISTS loader", "CREATE ROLE loader LOGIN", "CREATE SCHEMA crm")
    run(owner, "GRANT USAGE, CREATE ON SCHEMA crm TO loader")
    engine = new_engine(postgres_url.replace("airflow@", "loader@"))
    load(engine, (1, "one"), schema="crm", table=name)
    load(engine, (1, "eins"), schema="crm", table=name)
    assert rows_of(engine, f'crm."{name}"') == [(1, "eins")]
    engine.dispose()
    run(owner, "DROP SCHEMA crm CASCADE", "DROP OWNED BY loader", "DROP ROLE loader")
    owner.dispose()


def test_two_first_runs_of_different_datasets_do_not_both_fill_a_table(engine):
    with target(engine) as slow:
        slow.prepare()
        slow.stage(chunk((ID, TITLE), (1, "a deal")))
        load(engine, (1, "a lead"), dataset="lead")
        with pytest.raises(InvalidInputError, match="table: deal holds the dataset lead, not deal"):
            slow.load()
    assert rows_of(engine) == [(1, "a lead")]


def test_sqlite_holds_a_dataset_whatever_the_case_of_the_tables_name(tmp_path):
    engine = new_engine(f"sqlite:///{tmp_path}/target.db")
    load(engine, (1, "a deal"))
    with (
        target(engine, table="Deal", dataset="lead") as other,
        pytest.raises(InvalidInputError, match="table: Deal holds the dataset deal, not lead"),
    ):
        other.recall()
    engine.dispose()
