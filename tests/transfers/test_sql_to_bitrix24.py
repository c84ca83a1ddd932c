"""Rows of queries into the CRM."""

from __future__ import annotations

import traceback

import pytest
import sqlalchemy as sa
from airflow.sdk import DAG
from operator_alone import Log, context_of, logging_to

from airflow_provider_bitrix24.hooks.errors import InvalidInputError, SqlLoadError
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

SECRET = "Private Person"
GOOD = {"entity_type": "deal", "operation": "create", "sql": "SELECT 1", "sql_conn_id": "warehouse"}


def load(sql, **arguments):
    """Execute an operator; return its result and what it pushed."""
    context = context_of()
    operator = SqlToBitrix24Operator(task_id="t", **{**GOOD, "sql": sql, **arguments})
    return logging_to(Log(), operator).execute(context), context["ti"].pushed


@pytest.fixture
def scores(warehouse):
    """A table of scores."""
    with warehouse.engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE scores (deal BIGINT, amount NUMERIC(9, 2), day DATE, note TEXT)")
        )
    return warehouse


def test_what_a_query_returns_is_written(portal, scores):
    numbers = portal.add_items("deal", [{"TITLE": "a"}, {"TITLE": "b"}])
    with scores.engine.begin() as connection:
        values = ", ".join(
            f"({number}, 10.50, '2026-03-0{place}', 'n')" for place, number in enumerate(numbers, 1)
        )
        connection.execute(sa.text(f"INSERT INTO scores VALUES {values}"))
    named = ":since" if scores.engine.dialect.name == "sqlite" else "%(since)s"
    result, pushed = load(
        "SELECT deal AS id, amount AS opportunity, day AS begin_date, note FROM scores "
        f"WHERE day >= {named} ORDER BY 1",
        operation="update",
        parameters={"since": "2026-03-02"},
        pass_through=["note"],
    )
    assert (result["rows"], result["updated"]) == (1, 1)
    assert pushed["outcomes"] == [
        {"ENTITY_TYPE": "deal", "ENTITY_ID": numbers[1], "STATUS": "updated", "note": "n"}
    ]
    assert portal.items("deal")[numbers[1]]["OPPORTUNITY"] == "10.50"
    assert portal.items("deal")[numbers[0]].get("OPPORTUNITY") != "10.50"


def test_the_database_is_left_before_the_first_row_is_sent(portal, scores):
    if scores.engine.dialect.name == "sqlite":
        pytest.skip("SQLite tells nobody who is connected")
    busy = []

    def look(entry):
        if entry.method == "crm.item.add":
            [[count]] = scores.query(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            busy.append(count)

    scores.engine.dispose()
    portal.on_call(look)
    assert load("SELECT 'a' AS title")[0]["created"] == 1
    assert busy == [0]


def test_a_query_that_fails_sends_nothing_and_tells_no_value(portal, scores):
    for sql, error in [
        (f"SELECT '{SECRET}' AS title FROM nowhere", SqlLoadError),
        (f"SELECT '{SECRET}' AS title; SELECT 1", InvalidInputError),
        (f"SELECT '{SECRET}' AS opportunity", InvalidInputError),
    ]:
        with pytest.raises(error) as caught:
            load(sql)
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert portal.calls("crm.item.add") == []


def test_a_query_may_be_in_a_file_and_is_rendered(portal, warehouse, tmp_path):
    (tmp_path / "query.sql").write_text("SELECT '{{ params.title }}' AS title")
    with DAG("queries", template_searchpath=str(tmp_path), render_template_as_native_obj=True):
        arguments = {**GOOD, "sql": "query.sql", "outcomes_path": "{{ path }}"}
        operator = SqlToBitrix24Operator(task_id="t", params={"title": "Fair"}, **arguments)
        operator.resolve_template_files()
        operator.outcomes_path = "2026"  # no template, so it stays a text, also with native rendering
        operator.render_template_fields({"params": {"title": "Fair"}})
    assert operator.sql == "SELECT 'Fair' AS title"
    assert operator.outcomes_path == "2026"
    operator.outcomes_path = str(tmp_path / "out.csv")
    assert logging_to(Log(), operator).execute(context_of())["created"] == 1


def test_literals_are_checked_when_the_dag_file_is_parsed():
    for name, changes in {
        "sql": {"sql": " "},
        "sql_conn_id": {"sql_conn_id": ""},
        "parameters": {"parameters": 7},
        "operation": {"operation": "merge"},
        "key": {"operation": "upsert", "key": None},
    }.items():
        with pytest.raises(InvalidInputError, match=f"^{name}: "):
            SqlToBitrix24Operator(task_id="t", **{**GOOD, **changes})
