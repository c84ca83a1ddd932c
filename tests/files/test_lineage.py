"""Which file Airflow's lineage is told of."""

from __future__ import annotations

import pytest
from airflow.sdk import Asset, ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from operator_alone import run

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.files.formats import file_format_of
from airflow_provider_bitrix24.files.reading import read_rows
from airflow_provider_bitrix24.files.tables import open_table
from airflow_provider_bitrix24.files.writing import check_path
from airflow_provider_bitrix24.operators.rest import Bitrix24ListOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator

TABLE = Chunk([Column(name="id", type=ValueType.INTEGER)], [[1, 2]])
SUFFIXES = ["jsonl", "csv", "parquet", "jsonl.gz", "csv.gz"]


@pytest.fixture
def reported(collector):
    """Return what tells the addresses of the files that were reported as written."""
    return lambda: [
        entry.asset.uri for entry in collector.collected_assets.outputs for _ in range(entry.count)
    ]


def write(path, name):
    with open_table(check_path(path, "path"), file_format_of(name), TABLE.columns) as table:
        table.write(TABLE)


def test_the_collector_of_these_tests_hears_what_airflow_reports(reported, tmp_path):
    with ObjectStoragePath(f"file://{tmp_path}/a").open("wb") as file:
        file.write(b"a")
    assert len(reported()) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_only_the_finished_file_is_reported(reported, tmp_path, suffix):
    path = tmp_path / "new" / f"a.{suffix}"
    write(path, path)
    assert reported() == [Asset(uri=path.as_uri()).uri]


def test_only_the_finished_object_is_reported_and_without_the_connection(reported):
    attach("memory", conn_id="conn", fs=MemoryFileSystem())
    write("memory://conn@of_lineage/deep/a.csv", "a.csv")
    [address] = reported()
    assert address.endswith("/of_lineage/deep/a.csv")
    assert "conn" not in address


@pytest.mark.parametrize("path", ["a.csv", "memory://of_lineage/b.csv"])
def test_a_file_that_breaks_off_is_not_reported(reported, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    attach("memory", fs=MemoryFileSystem())
    with (
        pytest.raises(RuntimeError),
        open_table(check_path(path, "path"), file_format_of(path), TABLE.columns),
    ):
        raise RuntimeError
    assert reported() == []


def test_a_list_reports_its_file(reported, portal, tmp_path):
    path = tmp_path / "deals.jsonl"
    run(Bitrix24ListOperator, method="crm.deal.list", output_path=str(path))
    assert reported() == [Asset(uri=path.as_uri()).uri]


def test_an_extraction_reports_its_file_once(reported, portal, tmp_path):
    path = tmp_path / "deals.jsonl"
    run(Bitrix24ToFileOperator, dataset="deal", path=str(path))
    assert reported() == [Asset(uri=path.as_uri()).uri]


def test_lineage_that_does_not_work_fails_nothing(no_collector, tmp_path):
    write(tmp_path / "a.csv", "a.csv")
    assert (tmp_path / "a.csv").read_bytes()


def test_a_file_that_was_read_is_reported_once(collector, tmp_path):
    path = check_path(tmp_path / "a.jsonl", "path")
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n' * 3)
    assert len(list(read_rows(path, file_format_of(path)))) == 3
    [entry] = collector.collected_assets.inputs
    assert (entry.asset.uri, entry.count) == (Asset(uri=(tmp_path / "a.jsonl").as_uri()).uri, 1)
