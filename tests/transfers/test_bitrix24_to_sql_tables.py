"""What an extraction finds in the table that it loads into."""

from __future__ import annotations

import json

import pytest
from extracting import context
from operator_alone import Log, logging_to

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator


def deals(portal, count=5):
    made = portal.add_many("deal", count, fields=lambda number: {"TITLE": f"Deal {number}"})
    portal.move_clock(7200)
    return made


def operator(**arguments):
    given = {"dataset": "deal", "table": "deal", "sql_conn_id": "warehouse"} | arguments
    return Bitrix24ToSqlOperator(task_id="load", **given)


def told(**arguments):
    """Execute an operator, and return what it logs."""
    log = Log()
    logging_to(log, operator(**arguments)).execute(context())
    return [line for _, line in log.lines]


def execute(warehouse, *statements):
    with warehouse.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def refused(warehouse, message, **arguments):
    """Load what does not belong into the table, and return the error."""
    before = warehouse.query("SELECT * FROM deal ORDER BY id")
    with pytest.raises(InvalidInputError, match=message) as caught:
        warehouse.load(**arguments)
    assert warehouse.query("SELECT * FROM deal ORDER BY id") == before
    return caught.value


# --- a table that lost its rows ---


@pytest.mark.parametrize("lost", ["DROP TABLE deal", "DELETE FROM deal"])
def test_a_table_that_was_dropped_or_emptied_is_filled_again(portal, warehouse, lost):
    deals(portal)
    warehouse.load(incremental=True)
    warehouse.load(incremental=True, where={"<=id": 2})
    execute(warehouse, lost)
    lines = told(incremental=True, where={"<=id": 2})
    assert any("deal is gone or empty, though rows were loaded into it" in line for line in lines)
    assert warehouse.query("SELECT count(*) FROM deal") == [(2,)]
    assert warehouse.load(incremental=True)["rows"] == 5  # the other filter's rows are missing, too
    assert warehouse.query("SELECT count(*) FROM deal") == [(5,)]
    assert warehouse.load(incremental=True)["rows"] == 0


def test_a_run_that_is_cleared_appends_again_to_a_table_that_was_emptied(portal, warehouse):
    deals(portal)
    warehouse.load(mode="append", run_id="monday")
    execute(warehouse, "DELETE FROM deal")
    warehouse.load(mode="append", run_id="monday")
    assert warehouse.query("SELECT count(*) FROM deal") == [(5,)]


def test_a_table_that_never_had_rows_has_lost_none(portal, warehouse):
    warehouse.load(incremental=True)
    assert not any("gone or empty" in line for line in told(incremental=True))
    assert warehouse.query("SELECT count(*) FROM bitrix24_loads") == [(2,)]


# --- a table that holds something else ---


@pytest.mark.parametrize("mode", ["merge", "replace", "append"])
def test_another_dataset_is_refused(portal, warehouse, mode):
    deals(portal)
    warehouse.load()
    error = refused(warehouse, "table: deal holds the dataset deal, not stages", dataset="stages", mode=mode)
    assert "Choose another table" in error.remedy
    execute(warehouse, "DELETE FROM bitrix24_loads")
    portal.add_item("lead", {"TITLE": "A lead"})
    assert warehouse.load("lead", "deal")["rows"] == 1


def test_another_portal_is_refused(portal, warehouse, monkeypatch):
    deals(portal)
    warehouse.load()
    connection = json.dumps(portal.connection())
    host = warehouse.query("SELECT portal FROM bitrix24_loads")[0][0]
    other = host.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("AIRFLOW_CONN_BITRIX24_DEFAULT", connection.replace("127.0.0.1", "localhost"))
    message = f"table: deal holds deal of the portal {host}, not of {other}"
    error = refused(warehouse, message, deletions="delete")
    assert "bitrix24_loads" in error.remedy
    warehouse.load(table="other_deal")


def test_a_table_that_was_dropped_may_hold_something_else(portal, warehouse):
    deals(portal)
    warehouse.load()
    execute(warehouse, "DROP TABLE deal")
    portal.add_item("lead", {"TITLE": "A lead"})
    assert warehouse.load("lead", "deal")["rows"] == 1


# --- a table's name and the mode ---


@pytest.mark.parametrize("schema", [{}, {"schema": None}])
def test_a_schema_in_the_tables_name_is_refused_when_the_file_is_parsed(schema):
    with pytest.raises(InvalidInputError, match=r"table: 'crm\.deal' has a dot, and no schema") as caught:
        operator(table="crm.deal", **schema)
    assert caught.value.remedy == "Write schema='crm', table='deal', if you meant that."


def test_a_schema_in_the_tables_name_is_refused_when_it_comes_from_a_template(portal, warehouse):
    task = operator(table="{{ params.table }}")
    task.table = "crm.deal"
    with pytest.raises(InvalidInputError, match=r"table: 'crm\.deal' has a dot"):
        task.execute(context())
    assert warehouse.tables() == []


def test_a_table_with_a_schema_may_have_a_dot_in_its_name():
    assert operator(table="crm.deal", schema="crm").table == "crm.deal"


def test_an_incremental_run_does_not_append():
    with pytest.raises(InvalidInputError, match="mode: 'append' would add rows again") as caught:
        operator(mode="append", incremental=True)
    assert "mode='merge'" in caught.value.remedy


@pytest.mark.parametrize("dataset", ["deal.stage_history", "activity"])
def test_what_is_only_ever_added_is_merged_once(portal, warehouse, dataset):
    portal.load_demo()
    first = warehouse.load(dataset, "history", incremental=True)["rows"]
    warehouse.load(dataset, "history", incremental=True)  # the overlap is read again
    assert warehouse.query("SELECT count(*) FROM history") == [(first,)]


# --- what a run says ---


def test_a_run_says_what_it_makes_and_since_when_it_reads(portal, warehouse):
    first, *_ = deals(portal)
    lines = told(incremental=True)
    columns = len(warehouse.query("SELECT * FROM deal")[0])
    made = f"Made table deal with {columns} columns."
    assert lines == ["Reading everything.", made, "Merged 5 rows of deal into table deal."]
    portal.add_user_field("deal", "UF_CRM_COLOUR", "string")
    portal.update_item("deal", first, {"TITLE": "Changed"})
    [(watermark,)] = warehouse.query("SELECT watermark FROM bitrix24_loads")
    lines = told(incremental=True)
    assert lines[0].startswith(f"Reading what changed since {str(watermark)[:10]}T")
    assert lines[0].endswith("+00:00.")
    assert "Added columns to table deal: uf_crm_colour." in lines
    assert lines[-1] == "Merged 1 row of deal into table deal."


def test_a_run_that_is_not_incremental_says_nothing_of_its_window(portal, warehouse):
    deals(portal)
    told(mode="replace")
    assert told(mode="replace") == ["Wrote 5 rows of deal into table deal in place of what was there."]


@pytest.mark.parametrize(
    ("deletions", "one", "many"),
    [
        ("mark", "Marked 1 row in deleted_at: id 2.", "Marked 12 rows in deleted_at: id 3, 4, "),
        ("delete", "Deleted 1 row: id 2.", "Deleted 12 rows: id 3, 4, "),
    ],
)
def test_a_run_says_what_it_did_to_which_rows_that_are_gone(portal, warehouse, deletions, one, many):
    numbers = deals(portal, 20)
    warehouse.load()
    portal.delete_item("deal", numbers[1])
    assert one in told(deletions=deletions)
    for number in numbers[2:14]:
        portal.delete_item("deal", number)
    lines = told(deletions=deletions, max_deleted_share=1.0)
    assert f"{many}5, 6, 7, 8, 9, 10, 11, 12, 2 more." in lines


def test_a_run_says_that_it_leaves_rows_that_it_may_not_see(portal, warehouse):
    numbers = deals(portal)
    warehouse.load()
    portal.hide_items("deal", numbers[:1])
    said = "1 row of the table stays, because the connection's user may not see it any more."
    assert said in told(deletions="mark")
