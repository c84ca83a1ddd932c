"""Extracting datasets into a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from cases import cases
from extracting import DATASETS, context, fill

from airflow_provider_bitrix24.hooks.errors import (
    BadValueError,
    InvalidInputError,
    TooManyDeletionsError,
)
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator


def deals(portal, count=5):
    made = portal.add_many(
        "deal", count, fields=lambda number: {"TITLE": f"Deal {number}", "OPPORTUNITY": number}
    )
    portal.move_clock(600)  # longer than the overlap
    return made


def operator(**arguments):
    given = {"dataset": "deal", "table": "deal", "sql_conn_id": "warehouse"} | arguments
    return Bitrix24ToSqlOperator(task_id="load", **given)


# --- loading ---


def test_the_first_run_makes_the_table_and_reads_everything(portal, warehouse):
    deals(portal)
    result = warehouse.load(incremental=True)
    assert (result["dataset"], result["table"], result["rows"], result["deleted"]) == ("deal", "deal", 5, 0)
    assert result["since"] is None
    assert datetime.fromisoformat(result["watermark"]).tzinfo is not None
    rows = warehouse.query("SELECT id, title, opportunity FROM deal ORDER BY id")
    assert [(number, title, Decimal(str(amount))) for number, title, amount in rows] == [
        (number, f"Deal {number}", Decimal(number)) for number in range(1, 6)
    ]
    assert warehouse.tables() == ["bitrix24_loads", "deal"]


def test_a_later_run_reads_what_changed_and_what_is_new(portal, warehouse):
    first, second, *_ = deals(portal)
    warehouse.load(incremental=True)
    portal.move_clock(3600)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    portal.delete_item("deal", second)
    restored = portal.restore_item("deal", second)
    portal.clear_journal()
    result = warehouse.load(incremental=True)
    assert result["rows"] == 2
    assert warehouse.query("SELECT title FROM deal WHERE id = :id", id=first) == [("Changed",)]
    assert warehouse.query("SELECT title FROM deal WHERE id = :id", id=restored) == [(f"Deal {second}",)]
    assert warehouse.query("SELECT count(*) FROM deal") == [(6,)]


def test_the_watermark_is_the_portals_clock_when_reading_began(portal, warehouse):
    first, *_ = deals(portal, 120)
    began = []

    def meanwhile(request):
        if any(call.method == "crm.item.list" for call in portal.calls()) and not began:
            began.append(True)
            portal.move_clock(600)  # reading takes ten minutes
            portal.update_item("deal", first, {"TITLE": "Changed behind the cursor"})

    end = portal.on_request(meanwhile)
    warehouse.load(incremental=True)
    end()
    assert began
    portal.move_clock(3600)
    assert warehouse.load(incremental=True)["rows"] >= 1
    assert warehouse.query("SELECT title FROM deal WHERE id = :id", id=first) == [
        ("Changed behind the cursor",)
    ]


def test_a_run_that_is_cleared_reads_the_same_window(portal, warehouse):
    first, *_ = deals(portal)
    warehouse.load(incremental=True, run_id="monday")
    portal.move_clock(3600)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    portal.move_clock(600)
    tuesday = warehouse.load(incremental=True, run_id="tuesday")
    portal.move_clock(3600)
    assert warehouse.load(incremental=True, run_id="wednesday")["rows"] == 0
    again = warehouse.load(incremental=True, run_id="tuesday")
    assert (again["rows"], again["since"]) == (tuesday["rows"], tuesday["since"]) == (1, tuesday["since"])
    # and the watermark has not gone back
    assert warehouse.load(incremental=True, run_id="thursday")["rows"] == 0


def test_since_reads_what_changed_since_a_moment(portal, warehouse):
    first, *_ = deals(portal)
    portal.move_clock(7200)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    since = datetime.now(UTC) - timedelta(hours=9)
    assert warehouse.load(since=since)["rows"] == 1
    assert warehouse.load(since=since.isoformat())["rows"] == 1
    assert warehouse.load(since="")["rows"] == 5


def test_a_load_since_a_later_moment_does_not_move_the_watermark(portal, warehouse):
    first, second, *_ = deals(portal)
    warehouse.load(incremental=True)
    portal.move_clock(3600)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    portal.move_clock(7200)
    portal.update_item("deal", second, {"TITLE": "Changed"})
    imported = portal.add_item("deal", {"TITLE": "Changed", "DATE_MODIFY": "2020-01-01T00:00:00+03:00"})
    now = datetime.now(UTC) - timedelta(seconds=36_000 - 600 - 3600 - 7200)
    result = warehouse.load(since=now - timedelta(hours=1))
    assert (result["rows"], result["watermark"] >= now.isoformat(timespec="minutes")[:16]) == (1, True)
    assert warehouse.load(incremental=True)["rows"] == 3
    rows = warehouse.query("SELECT id FROM deal WHERE title = 'Changed' ORDER BY id")
    assert rows == [(first,), (second,), (imported,)]


def test_a_first_load_since_a_moment_leaves_the_rest_to_the_first_incremental_one(portal, warehouse):
    first, *_ = deals(portal)
    portal.move_clock(7200)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    assert warehouse.load(since=datetime.now(UTC) - timedelta(hours=9))["rows"] == 1
    assert warehouse.load(incremental=True)["rows"] == 5


def test_a_field_that_is_named_for_the_first_time_is_read_of_all_rows(portal, warehouse):
    deals(portal)
    warehouse.load(incremental=True, fields=["title"])
    portal.move_clock(3600)
    assert warehouse.load(incremental=True, fields=["title"])["rows"] == 0
    assert warehouse.load(incremental=True, fields=["title", "opportunity"])["rows"] == 5
    assert warehouse.query("SELECT count(*) FROM deal WHERE opportunity = id") == [(5,)]
    portal.move_clock(3600)
    assert warehouse.load(incremental=True, fields=["title", "opportunity"])["rows"] == 0


def test_a_field_that_the_table_has_no_column_for_changes_no_window(portal, warehouse):
    deals(portal)
    warehouse.load(incremental=True, fields=["title"])
    portal.move_clock(3600)
    fields = ["title", "opportunity"]
    assert warehouse.load(incremental=True, fields=fields, schema_changes="ignore")["rows"] == 0


def test_other_filters_have_watermarks_of_their_own(portal, warehouse):
    deals(portal)
    assert warehouse.load(incremental=True, where={"<=opportunity": 2})["rows"] == 2
    portal.move_clock(7200)
    assert warehouse.load(incremental=True, where={"<=opportunity": 2})["rows"] == 0
    assert warehouse.load(incremental=True)["rows"] == 5


def test_all_rows_are_replaced(portal, warehouse):
    first, *_ = deals(portal)
    warehouse.load(mode="replace")
    portal.delete_item("deal", first)
    assert warehouse.load(mode="replace")["rows"] == 4
    assert warehouse.query("SELECT count(*) FROM deal") == [(4,)]


def test_rows_are_appended_once_in_a_run(portal, warehouse):
    deals(portal)
    assert warehouse.load(mode="append", run_id="monday")["rows"] == 5
    assert warehouse.load(mode="append", run_id="monday")["rows"] == 5  # killed before Airflow knew
    assert warehouse.query("SELECT count(*) FROM deal") == [(5,)]
    warehouse.load(mode="append", run_id="tuesday")
    assert warehouse.query("SELECT count(*) FROM deal") == [(10,)]


def test_a_new_field_becomes_a_column_and_is_told(portal, warehouse):
    deals(portal)
    warehouse.load(incremental=True)
    portal.move_clock(7200)
    portal.add_user_field("deal", "UF_CRM_COLOUR", "string")
    added = portal.add_item("deal", {"TITLE": "New", "UF_CRM_COLOUR": "red"})
    result = warehouse.load(incremental=True)
    assert result["new_fields"] == ["uf_crm_colour"]
    assert warehouse.query("SELECT uf_crm_colour FROM deal WHERE id = :id", id=added) == [("red",)]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_a_table(portal, warehouse, dataset):
    fill(portal)
    result = warehouse.load(dataset, "loaded", mode="replace")
    assert result["rows"] > 0
    assert warehouse.query("SELECT count(*) FROM loaded") == [(result["rows"],)]


# --- what is gone ---


def test_gone_rows_are_marked(portal, warehouse):
    first, second, *_ = deals(portal)
    warehouse.load()
    portal.delete_item("deal", first)
    portal.hide_items("deal", [second])
    result = warehouse.load(deletions="mark")
    assert result["deleted"] == 1
    assert warehouse.query("SELECT id FROM deal WHERE deleted_at IS NOT NULL") == [(first,)]
    assert warehouse.query("SELECT count(*) FROM deal") == [(5,)]


def test_gone_rows_are_deleted(portal, warehouse):
    *_, last = deals(portal)
    warehouse.load()
    portal.delete_item("deal", last)  # the highest id there is
    assert warehouse.load(incremental=True, deletions="delete")["deleted"] == 1
    assert warehouse.query("SELECT max(id) FROM deal") == [(last - 1,)]


def test_a_user_who_lost_all_rights_deletes_nothing(portal, warehouse):
    numbers = deals(portal, 30)
    warehouse.load()
    portal.hide_items("deal", numbers)
    assert warehouse.load(deletions="delete")["deleted"] == 0
    assert warehouse.query("SELECT count(*) FROM deal") == [(30,)]


def test_too_many_deletions_are_refused(portal, warehouse):
    numbers = deals(portal, 30)
    warehouse.load()
    for number in numbers[:20]:
        portal.delete_item("deal", number)
    with pytest.raises(TooManyDeletionsError, match=r"of 30 rows would be deleted"):
        warehouse.load(deletions="delete")
    assert warehouse.query("SELECT count(*) FROM deal") == [(30,)]
    assert warehouse.load(deletions="delete", max_deleted_share=0.9)["deleted"] == 20
    assert "bitrix24_stage" not in " ".join(warehouse.tables())


def test_what_left_the_filter_is_gone_from_the_table(portal, warehouse):
    first, *_ = deals(portal)
    warehouse.load(where={"<=opportunity": 3})
    portal.update_item("deal", first, {"OPPORTUNITY": 100})
    assert warehouse.load(where={"<=opportunity": 3}, deletions="mark")["deleted"] == 1


# --- bad input ---


@cases(
    ("arguments", "message"),
    [
        ({"dataset": "dael"}, "dataset: 'dael' is not a dataset"),
        ({"dataset": "stages", "incremental": True}, "incremental: stages has no date of the last change"),
        (
            {"dataset": "users", "since": "2026-05-04T10:00:00Z"},
            "since: users has no date",
        ),
        ({"since": datetime(2026, 5, 4)}, "since: .* has no time zone"),
        ({"since": "2026-05-04T10:00:00"}, "since: .* has no time zone"),
        ({"since": "None"}, "since: 'None' is no time"),
        ({"since": "2026-05-04T10:00:00Z", "incremental": True}, "since and incremental: both are given"),
        ({"incremental": "yes"}, "incremental: 'yes' is neither True nor False"),
        ({"overlap": 5}, "overlap: 5"),
        ({"overlap": timedelta(seconds=-1)}, "overlap: "),
        ({"mode": "upsert"}, "mode: 'upsert' is none of merge, replace, append"),
        ({"mode": "replace", "incremental": True}, "mode: 'replace' would leave only what changed"),
        ({"deletions": "drop"}, "deletions: 'drop' is none of mark, delete"),
        ({"deletions": "mark", "mode": "append"}, "deletions"),
        ({"deletions": "mark", "dataset": "deal.stage_history"}, "deletions: .*deal.stage_history"),
        ({"max_deleted_share": 5}, "max_deleted_share: 5 is not a share"),
        ({"schema_changes": "drop"}, "schema_changes: 'drop' is none of"),
        ({"names": "camel"}, "names: 'camel' is none of snake, api"),
        ({"on_bad_value": "skip"}, "on_bad_value: 'skip' is none of fail, null"),
        ({"max_in_flight": 0}, "max_in_flight: 0 is not a whole number from 1 to 40"),
        ({"fields": []}, "fields: the list is empty"),
        ({"table": ""}, "table: '' is not a text"),
    ],
)
def test_bad_arguments_are_refused_when_the_file_is_parsed(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        operator(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fields": ["titel"]}, r"fields\[0\]: 'titel' is not a field of deal"),
        ({"where": {"@id": []}}, "the list is empty"),
        ({"where": {"stagId": "NEW"}}, "'stagId' is not a field of deal"),
        ({"where": {">=created_time": datetime(2026, 5, 4)}}, "no offset from UTC"),
        ({"dataset": "activity", "where": {"0": {"logic": "OR"}}}, "would ignore"),
        ({"since": "2099-01-01T00:00:00Z"}, "is later than the portal's clock"),
        ({"table": "t" * 300}, "table"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(portal, warehouse, arguments, message):
    deals(portal)
    if "table" in arguments and warehouse.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no limit for names")
    with pytest.raises(InvalidInputError, match=message):
        warehouse.load(**arguments)
    assert warehouse.tables() in ([], ["bitrix24_loads"])


def test_a_table_whose_columns_do_not_fit_is_refused(portal, warehouse):
    deals(portal)
    with warehouse.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE deal (id BIGINT PRIMARY KEY, title INTEGER)")
    with pytest.raises(InvalidInputError, match="title"):
        warehouse.load()
    assert warehouse.query("SELECT count(*) FROM deal") == [(0,)]


def test_a_bad_value_names_the_row_and_not_the_value(portal, warehouse):
    _, second, *_ = deals(portal)
    portal.add_user_field("deal", "UF_CRM_AREA", "double")
    portal.update_item("deal", second, {"UF_CRM_AREA": 123456789012345678})
    message = f"deal {second}: the value of ufCrmArea is no number of 18 digits"
    with pytest.raises(BadValueError, match=message) as caught:
        warehouse.load()
    assert "12345" not in str(caught.value)
    assert warehouse.tables() == ["bitrix24_loads", "deal"]
    assert warehouse.query("SELECT count(*) FROM deal") == [(0,)]
    assert warehouse.load(on_bad_value="null")["rows"] == 5


def test_product_rows_come_also_where_many_items_cannot_be_asked_for(portal, warehouse):
    first, second, *_ = deals(portal)
    for number in (first, second):
        portal.add_product_rows("deal", number, [{"PRODUCT_NAME": "Cup", "PRICE": 2.5, "QUANTITY": 4}])
    portal.set_owner_arrays_ignored(True)
    assert warehouse.load("deal.product_rows", "product_rows", mode="replace")["rows"] == 2
    assert [int(owner) for (owner,) in warehouse.query("SELECT owner_id FROM product_rows")] == [
        first,
        second,
    ]


# --- the portal's clocks ---


_SLOW_SHIFTS = [(-5, 0), (0, 0), (0, 3), (3, 0), (3, 3)]


@pytest.mark.parametrize(
    ("hours", "shown"), [(-5, 3), *(pytest.param(*case, marks=pytest.mark.slow) for case in _SLOW_SHIFTS)]
)
def test_no_change_is_lost_whatever_the_portal_does_to_dates(portal, warehouse, hours, shown):
    portal.set_server_timezone("+00:00")
    portal.set_time_zone(1, {-5: "Etc/GMT+5", 0: "UTC", 3: "Etc/GMT-3"}[hours])
    portal.set_dates(filter_shift_hours=hours, shown_shift_hours=shown)
    first, *_ = deals(portal)
    warehouse.load(incremental=True)
    for step in range(3):
        portal.move_clock(3600)
        portal.update_item("deal", first, {"TITLE": f"Step {step}"})
        warehouse.load(incremental=True)
        assert warehouse.query("SELECT title FROM deal WHERE id = :id", id=first) == [(f"Step {step}",)]


def test_a_filter_that_is_ignored_reads_everything(portal, warehouse, caplog):
    deals(portal)
    warehouse.load(incremental=True)
    portal.set_dates(filter_ignored=True)
    portal.move_clock(7200)
    assert warehouse.load(incremental=True)["rows"] == 5


def test_each_mapped_task_of_a_run_appends_its_rows(portal, warehouse):
    deals(portal)
    for map_index in (0, 1, 1):  # the last one was killed before Airflow knew
        found = context("monday")
        found["ti"].map_index = map_index
        assert operator(mode="append").execute(found)["rows"] == 5
    assert warehouse.query("SELECT count(*) FROM deal") == [(10,)]
