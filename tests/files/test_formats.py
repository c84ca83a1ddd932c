"""Which format a path asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from cases import cases

from airflow_provider_bitrix24.files.formats import FileFormat, FileKind, file_format_of, is_gzip
from airflow_provider_bitrix24.rest.errors import InvalidInputError


@cases(
    ("path", "asked", "shown"),
    [
        ("deals.jsonl", None, "jsonl"),
        ("deals.csv", None, "csv"),
        ("deals.parquet", None, "parquet"),
        ("deals.jsonl.gz", None, "jsonl.gz"),
        ("DEALS.CSV.GZ", None, "csv.gz"),
        ("s3://aws@lake/2026-11-29T00:00:00+00:00/deals.v2.csv", None, "csv"),
        (Path("deals.csv"), None, "csv"),
        (ObjectStoragePath("memory://lake/deals.jsonl.gz"), None, "jsonl.gz"),
        ("deals.csv", "csv", "csv"),
        ("deals.csv.gz", "csv", "csv.gz"),
        ("deals.txt", "csv", "csv"),
        ("deals", FileKind.PARQUET, "parquet"),
        ("deals.gz", "jsonl", "jsonl.gz"),
        ("lake.csv/deals", "parquet", "parquet"),
    ],
)
def test_the_suffix_says_the_format_unless_it_is_asked_for(path, asked, shown):
    assert str(file_format_of(path, asked)) == shown


@cases("path", ["deals", "deals.txt", "deals.gz", "deals.csv.zip", "lake.csv/deals", "csv", ".csv"])
def test_a_path_that_says_no_format_is_refused(path):
    with pytest.raises(InvalidInputError) as caught:
        file_format_of(path)
    assert caught.value.description == f"path: {path!r} does not end with the name of a file format"
    assert caught.value.remedy == (
        "Let it end with .jsonl, .csv, .parquet, .jsonl.gz or .csv.gz, or give file_format."
    )


@pytest.mark.parametrize(
    ("path", "asked"), [("a.csv", "jsonl"), ("a.jsonl.gz", "csv"), ("a.csv.gz", "parquet")]
)
def test_a_format_that_contradicts_the_path_is_refused(path, asked):
    with pytest.raises(InvalidInputError) as caught:
        file_format_of(path, asked)
    assert caught.value.description == f"file_format: {asked!r} contradicts path, which is {path!r}"
    assert caught.value.remedy == "Leave out file_format, or let the path end with its name."


@cases("asked", ["xlsx", "CSV", "csv.gz", ".csv", "", 7, ["csv"]])
def test_an_unknown_format_is_refused(asked):
    with pytest.raises(InvalidInputError) as caught:
        file_format_of("deals.csv", asked)
    assert caught.value.description == f"file_format: {asked!r} is unknown"
    assert caught.value.remedy.startswith("Known are jsonl, csv, parquet;")


@pytest.mark.parametrize(("path", "asked"), [("a.parquet.gz", None), ("a.gz", "parquet")])
def test_a_parquet_file_is_not_compressed_once_more(path, asked):
    with pytest.raises(InvalidInputError) as caught:
        file_format_of(path, asked)
    assert caught.value.description == f"path: {path!r} asks for a compressed Parquet file"


def test_formats_compare_by_what_they_are():
    assert file_format_of("a.csv.gz") == FileFormat(FileKind.CSV, gzip=True)
    assert is_gzip("a.GZ")
    assert not is_gzip("a.gzip")
