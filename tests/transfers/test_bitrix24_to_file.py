"""Extracting datasets into files."""

from __future__ import annotations

import json
import logging
import os
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Asset, ObjectStoragePath
from airflow.sdk.io import attach
from cases import cases
from extracting import DATASETS, Lake, context, fill, to_file
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow import parquet
from table_reading import read_csv, read_jsonl, read_parquet

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    BadValueError,
    InvalidInputError,
    UnexpectedResultError,
)

DEALS = Asset("deals")
READERS = {"jsonl": read_jsonl, "csv": read_csv, "parquet": read_parquet}
COLUMNS = [
    Column(name="id", type=ValueType.INTEGER),
    Column(name="title", type=ValueType.TEXT),
    Column(name="opportunity", type=ValueType.DECIMAL),
]
FIELDS = ["title", "opportunity"]


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


@pytest.fixture
def bucket():
    """Object storage that lives as long as a test."""
    attach("memory", fs=MemoryFileSystem())
    yield MemoryFileSystem()
    MemoryFileSystem.store.clear()


def deals(portal, count=5):
    made = portal.add_many(
        "deal", count, fields=lambda number: {"TITLE": f"Deal {number}", "OPPORTUNITY": number}
    )
    portal.move_clock(600)  # longer than the overlap
    return made


def operator(path, **arguments):
    given = {"dataset": "deal", "path": str(path)} | arguments
    return to_file(**given)


# --- the file ---


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet", "jsonl.gz", "csv.gz"])
def test_each_format_holds_all_rows_in_the_order_of_their_ids(portal, lake, suffix):
    numbers = deals(portal, 120)
    result = lake.extract(name=f"deep/deal.{suffix}", fields=FIELDS)
    path = lake.folder / "deep" / f"deal.{suffix}"
    assert READERS[suffix.removesuffix(".gz")](path, COLUMNS) == [
        {"id": number, "title": f"Deal {number}", "opportunity": Decimal(number)} for number in numbers
    ]
    assert (result["rows"], result["bytes"], result["path"]) == (120, path.stat().st_size, str(path))
    assert os.listdir(path.parent) == [path.name]


def test_a_file_format_stands_in_for_the_suffix(portal, lake):
    deals(portal)
    lake.extract(name="deals.data", file_format="parquet")
    assert parquet.read_table(lake.folder / "deals.data").num_rows == 5


def test_the_result_says_what_was_extracted(portal, lake):
    deals(portal)
    result = lake.extract(fields=FIELDS)
    moment = datetime.fromisoformat(result.pop("watermark"))
    assert moment.utcoffset() == timedelta(0)
    assert result == {
        "dataset": "deal",
        "path": str(lake.folder / "deal.jsonl"),
        "rows": 5,
        "bytes": (lake.folder / "deal.jsonl").stat().st_size,
        "columns": ["id", "title", "opportunity"],
        "new_fields": [],
        "since": None,
    }


def test_the_result_is_plain_json(portal, lake):
    deals(portal)
    result = lake.extract(path=lake.folder / "deal.jsonl")
    assert json.loads(json.dumps(result)) == result


def test_a_file_replaces_the_one_before(portal, lake):
    first, *_ = deals(portal)
    lake.extract()
    portal.delete_item("deal", first)
    assert lake.extract()["rows"] == 4
    assert [row["id"] for row in lake.rows()] == [2, 3, 4, 5]


def test_a_task_that_fails_leaves_the_file_before(portal, lake):
    deals(portal)
    lake.extract()
    before = (lake.folder / "deal.jsonl").read_bytes()
    portal.inject("error", "crm.item.list", code="ACCESS_DENIED", status=403, times=None, after_calls=3)
    with pytest.raises(AccessDeniedError):
        lake.extract()
    assert (lake.folder / "deal.jsonl").read_bytes() == before
    assert os.listdir(lake.folder) == ["deal.jsonl"]


def test_a_read_that_fails_on_the_way_says_how_many_rows_came_before(portal, lake, written):
    deals(portal, 60)
    portal.inject("error", "crm.item.list", code="ACCESS_DENIED", params={"filter": {">id": 50}}, times=None)
    with pytest.raises(AccessDeniedError):
        lake.extract()
    assert "Reading deal ended with an error after 50 rows." in written()


def test_a_file_in_object_storage_is_one_object(portal, lake, bucket):
    deals(portal)
    result = lake.extract(path="memory://lake/deals/all.jsonl", fields=FIELDS)
    content = bucket.cat("/lake/deals/all.jsonl")
    assert len(content.splitlines()) == 5
    assert (result["path"], result["bytes"]) == ("memory://lake/deals/all.jsonl", len(content))


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_of_no_rows_has_its_columns(portal, lake, suffix):
    result = lake.extract(name=f"deal.{suffix}", fields=FIELDS)
    assert result["rows"] == 0
    assert READERS[suffix](lake.folder / f"deal.{suffix}", COLUMNS) == []


def test_no_rows_can_skip_the_task_and_leave_the_file_before(portal, lake):
    deals(portal)
    lake.extract()
    with pytest.raises(AirflowSkipException, match="no rows"):
        lake.extract(where={"title": "none of this title"}, on_empty="skip")
    assert len(lake.rows()) == 5


def test_no_rows_can_fail_the_task_and_leave_the_file_before(portal, lake):
    deals(portal)
    lake.extract()
    with pytest.raises(UnexpectedResultError, match="deal has no rows"):
        lake.extract(where={"title": "none of this title"}, on_empty="fail")
    assert len(lake.rows()) == 5


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("names", ["snake", "api"])
def test_every_dataset_goes_into_a_file(portal, lake, dataset, names):
    fill(portal)
    result = lake.extract(dataset, "all.parquet", names=names)
    table = parquet.read_table(lake.folder / "all.parquet")
    assert result["rows"] == table.num_rows > 0
    assert table.column_names == result["columns"]


# --- what is read ---


def test_columns_keep_the_apis_names(portal, lake):
    deals(portal, 1)
    lake.extract(names="api", fields=["assigned_by_id", "stageId"])
    [row] = lake.rows()
    assert list(row) == ["id", "assignedById", "stageId"]


@pytest.mark.parametrize(
    "fields", [["TITLE", "ASSIGNED_BY_ID"], ["title", "assignedById"], '["title", "assigned_by_id"]']
)
def test_fields_are_named_in_any_spelling(portal, lake, fields):
    deals(portal, 1)
    assert lake.extract(fields=fields)["columns"] == ["id", "title", "assigned_by_id"]


@pytest.mark.parametrize(
    "where", [{">opportunity": 3}, {">OPPORTUNITY": Decimal("3.5")}, '{">opportunity": 3}', {"@id": [4, 5]}]
)
def test_where_chooses_the_rows(portal, lake, where):
    deals(portal)
    lake.extract(where=where)
    assert [row["id"] for row in lake.rows()] == [4, 5]


def test_a_value_that_does_not_fit_fails_the_task_and_nothing_is_written(portal, lake):
    portal.add_user_field("deal", "UF_CRM_SIZE", "double")
    deals(portal)
    portal.update_item("deal", 2, {"UF_CRM_SIZE": "77777777777777777777"})
    with pytest.raises(BadValueError, match=r"deal 2: the value of ufCrmSize is no number") as caught:
        lake.extract()
    assert "7777" not in str(caught.value)
    assert os.listdir(lake.folder) == []


def test_values_that_do_not_fit_can_be_null_and_are_counted(portal, lake):
    portal.add_user_field("deal", "UF_CRM_SIZE", "double")
    deals(portal)
    portal.update_item("deal", 2, {"UF_CRM_SIZE": "77777777777777777777"})
    lake.extract(on_bad_value="null")
    assert [row["uf_crm_size"] for row in lake.rows()] == [None] * 5
    assert (logging.WARNING, "1 value of uf_crm_size does not fit its type and is null.") in lake.log.lines


def test_the_log_names_a_local_file_from_the_root_on(portal, lake, monkeypatch):
    deals(portal)
    monkeypatch.chdir(lake.folder)
    assert lake.extract(path="deep/deal.jsonl")["path"] == "deep/deal.jsonl"
    assert (logging.INFO, f"Wrote 5 rows of deal into {lake.folder}/deep/deal.jsonl.") in lake.log.lines


# --- what changed ---


def test_a_later_run_reads_what_changed_and_what_is_new(portal, lake):
    first, second, *_ = deals(portal)
    assert lake.extract(incremental=True, asset=DEALS)["rows"] == 5
    portal.move_clock(3600)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    portal.delete_item("deal", second)
    restored = portal.restore_item("deal", second)
    result = lake.extract(incremental=True, asset=DEALS)
    assert [row["id"] for row in lake.rows()] == [first, restored]
    assert result["since"] is not None


def test_a_run_that_is_cleared_reads_the_same_window(portal, lake):
    first, *_ = deals(portal)
    lake.extract(run_id="monday", incremental=True, asset=DEALS)
    portal.move_clock(3600)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    portal.move_clock(600)
    tuesday = lake.extract(run_id="tuesday", incremental=True, asset=DEALS)
    portal.move_clock(3600)
    again = lake.extract(run_id="tuesday", incremental=True, asset=DEALS)
    assert (again["rows"], again["since"]) == (tuesday["rows"], tuesday["since"]) == (1, again["since"])
    portal.move_clock(600)
    assert lake.extract(run_id="wednesday", incremental=True, asset=DEALS)["rows"] == 0


def test_a_skipped_run_moves_the_watermark_and_a_failed_one_does_not(portal, lake):
    deals(portal)
    lake.extract(incremental=True, asset=DEALS)
    portal.move_clock(3600)
    with pytest.raises(UnexpectedResultError):
        lake.extract(incremental=True, asset=DEALS, on_empty="fail")
    before = dict(lake.asset_stores[DEALS].kept)
    portal.move_clock(3600)
    with pytest.raises(AirflowSkipException):
        lake.extract(incremental=True, asset=DEALS, on_empty="skip")
    assert lake.asset_stores[DEALS].kept != before


def test_the_asset_may_stand_among_the_outlets(portal, lake):
    deals(portal)
    lake.extract(incremental=True, outlets=[DEALS])
    portal.move_clock(3600)
    assert lake.extract(incremental=True, outlets=[DEALS])["rows"] == 0


def test_a_new_and_a_vanished_field_are_told(portal, lake):
    portal.add_user_field("deal", "UF_CRM_SIZE", "string")
    deals(portal)
    assert lake.extract(incremental=True, asset=DEALS)["new_fields"] == []
    portal.remove_user_field("deal", "UF_CRM_SIZE")
    portal.add_user_field("deal", "UF_CRM_COLOUR", "string")
    result = lake.extract(incremental=True, asset=DEALS)
    assert result["new_fields"] == ["uf_crm_colour"]
    assert lake.log.lines[-3:-1] == [
        (logging.INFO, "New fields of deal since the last run: uf_crm_colour."),
        (logging.WARNING, "Fields that deal no longer has: uf_crm_size."),
    ]


def test_since_takes_every_spelling_of_a_moment(portal, lake):
    first, *_ = deals(portal)
    portal.move_clock(7200)
    portal.update_item("deal", first, {"TITLE": "Changed"})
    since = datetime.now(UTC) - timedelta(hours=9)
    for spelled in (
        since,
        since.isoformat(),
        since.isoformat().replace("+00:00", "Z"),
        f" {since.isoformat()} ",
    ):
        assert lake.extract(since=spelled)["rows"] == 1
    assert lake.extract(since="")["rows"] == 5
    assert lake.extract(since=None)["rows"] == 5


def test_a_portals_clock_that_went_back_reads_everything_and_is_told(portal, lake, written):
    deals(portal)
    kept = lake.extract(incremental=True, asset=DEALS)["watermark"]
    portal.move_clock(-7200)
    result = lake.extract(incremental=True, asset=DEALS)
    assert (result["rows"], result["watermark"]) == (5, kept)
    assert re.search(r"The portal's clock is (2:00:0|1:59:5)", written())


# --- assets ---


def outlets(path="/data/deal.jsonl", **arguments):
    return operator(path, **arguments).outlets


def test_the_asset_is_an_outlet_and_comes_from_the_path_where_none_is_given():
    assert outlets(asset=DEALS) == [DEALS]
    assert [outlet.uri for outlet in outlets()] == ["file:///data/deal.jsonl"]
    assert [outlet.uri for outlet in outlets("s3://aws@lake/deal.jsonl")] == ["s3://lake/deal.jsonl"]
    assert outlets("/data/{{ ds }}.jsonl") == []
    assert outlets(outlets=[]) == []
    assert outlets(outlets=[DEALS]) == [DEALS]


def test_the_assets_event_holds_the_result(portal, lake):
    deals(portal)
    given = lake.context()
    result = operator(lake.folder / "deal.jsonl", asset=DEALS).execute(given)
    assert given["outlet_events"][DEALS].extra == result


# --- without what newer releases have ---


def test_a_context_without_stores_extracts_and_refuses_incremental_runs(portal, tmp_path):
    deals(portal)
    assert operator(tmp_path / "a.jsonl").execute(context())["rows"] == 5
    portal.clear_journal()
    with pytest.raises(InvalidInputError, match=r"only from 3\.3 up.*since"):
        operator(tmp_path / "b.jsonl", incremental=True, asset=DEALS).execute(context())
    assert not portal.calls("crm.item.list")
    assert os.listdir(tmp_path) == ["a.jsonl"]


@cases(
    ("path", "uri"),
    [
        ("/data/Сделки.jsonl", "file:///data/%D0%A1%D0%B4%D0%B5%D0%BB%D0%BA%D0%B8.jsonl"),
        (Path("/data/deal.jsonl"), "file:///data/deal.jsonl"),
        (ObjectStoragePath("s3://aws@lake/deal.jsonl"), "s3://lake/deal.jsonl"),
        (ObjectStoragePath("file:///data/deal.jsonl"), "file:///data/deal.jsonl"),
    ],
)
def test_every_path_without_a_template_is_an_asset(path, uri):
    assert [outlet.uri for outlet in outlets(path)] == [uri]


def test_every_kind_of_path_is_written(portal, lake):
    deals(portal)
    for kind in (str, Path, ObjectStoragePath, lambda path: ObjectStoragePath(f"file://{path}")):
        path = kind(str(lake.folder / "deal.jsonl"))
        task = operator(path)
        given = lake.context()
        task.render_template_fields(given)
        result = task.execute(given)
        assert (result["path"], result["rows"]) == (str(path), 5)
        (lake.folder / "deal.jsonl").unlink()
