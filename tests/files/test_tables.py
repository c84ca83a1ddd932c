"""Rows of every type into files of every format, and back by other programs."""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cases import cases
from column_values import UNFIT, all_columns, chunks
from hypothesis import given, settings
from pyarrow import parquet
from table_reading import duckdb_rows, read_csv, read_jsonl, read_parquet, rows_of, text_of

from airflow_provider_bitrix24.crm.extraction.arrow import arrow_schema
from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.crm.fields.fitting import UnfitValueError
from airflow_provider_bitrix24.files.formats import file_format_of
from airflow_provider_bitrix24.files.tables import open_table
from airflow_provider_bitrix24.files.writing import check_path
from airflow_provider_bitrix24.rest.errors import InvalidInputError

SUFFIXES = ["jsonl", "csv", "parquet", "jsonl.gz", "csv.gz"]
ID = Column(name="id", type=ValueType.INTEGER)
TITLE = Column(name="title", type=ValueType.TEXT)


def write(path, *chunks, columns=None):
    with open_table(check_path(path, "path"), file_format_of(path), columns or chunks[0].columns) as table:
        for chunk in chunks:
            table.write(chunk)
    assert table.bytes == Path(path).stat().st_size
    assert table.rows == sum(map(len, chunks))
    return Path(path)


@pytest.fixture(scope="module")
def folder():
    """Return a folder for all examples of a test; what the first file makes Airflow load is loaded."""
    with tempfile.TemporaryDirectory() as name:
        write(Path(name) / "first.csv", columns=[ID])
        yield Path(name)


#: each file is written to the disk, so fewer of them have to do; every column comes several times
few = settings(max_examples=40, deadline=None)


@few
@given(chunk=chunks())
def test_json_lines_read_back_equal(folder, chunk):
    assert read_jsonl(write(folder / "a.jsonl", chunk, chunk), chunk.columns) == rows_of(chunk) * 2


@few
@given(chunk=chunks())
def test_csv_reads_back_equal_with_python(folder, chunk):
    path = write(folder / "a.csv", chunk, chunk)
    assert read_csv(path, chunk.columns) == rows_of(chunk, empty_is_none=True) * 2


@few
@given(chunk=chunks())
def test_csv_reads_back_equal_with_duckdb(folder, chunk):
    assert duckdb_rows(write(folder / "b.csv", chunk, chunk), chunk.columns) == rows_of(chunk) * 2


@few
@given(chunk=chunks())
def test_parquet_reads_back_equal(folder, chunk):
    assert read_parquet(write(folder / "a.parquet", chunk, chunk), chunk.columns) == rows_of(chunk) * 2


@few
@given(chunk=chunks())
def test_parquet_reads_back_equal_with_duckdb(folder, chunk):
    assert duckdb_rows(write(folder / "b.parquet", chunk, chunk), chunk.columns) == rows_of(chunk) * 2


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_compressed_files_hold_what_the_others_hold(tmp_path, suffix):
    plain, packed = write(tmp_path / f"a.{suffix}", ROW, ROW), write(tmp_path / f"a.{suffix}.gz", ROW, ROW)
    assert text_of(packed) == text_of(plain)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_rows_make_the_same_bytes_at_any_time(tmp_path, monkeypatch, suffix):
    chunk = Chunk([ID, TITLE], [[1, 2], ["a", None]])
    first = write(tmp_path / f"a.{suffix}", chunk).read_bytes()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert write(tmp_path / f"b.{suffix}", chunk).read_bytes() == first


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("chunks", [[], [Chunk([ID, TITLE], [[], []])]], ids=["no chunk", "an empty chunk"])
def test_no_rows_make_a_file_with_its_columns(tmp_path, suffix, chunks):
    path = write(tmp_path / f"a.{suffix}", *chunks, columns=[ID, TITLE])
    if suffix == "parquet":
        assert parquet.read_schema(path).equals(arrow_schema([ID, TITLE]))
    else:
        assert text_of(path) == ('"id","title"\n' if suffix.startswith("csv") else "")


ROW = Chunk(
    [
        ID,
        TITLE,
        Column(name="opportunity", type=ValueType.DECIMAL),
        Column(name="opened", type=ValueType.BOOLEAN),
        Column(name="begin_date", type=ValueType.DATE),
        Column(name="created_time", type=ValueType.TIMESTAMP),
        Column(name="contact_ids", type=ValueType.INTEGER, multiple=True),
        Column(name="phone", type=ValueType.MULTIFIELD, multiple=True),
    ],
    [
        [7, 8],
        ['=1+1, "so"\u2028', ""],
        [Decimal("100.5"), None],
        [True, False],
        [date(2026, 11, 29), None],
        [datetime(2026, 11, 29, 12, tzinfo=UTC), None],
        [[1, 2], []],
        [[{"id": 3, "kind": "WORK", "value": "+7"}], None],
    ],
)


def test_json_lines_spell_values_as_documented(tmp_path):
    first, second = text_of(write(tmp_path / "a.jsonl", ROW)).split("\n")[:2]
    assert first == (
        '{"id":7,"title":"=1+1, \\"so\\"\\u2028","opportunity":100.50,"opened":true,'
        '"begin_date":"2026-11-29","created_time":"2026-11-29T12:00:00+00:00","contact_ids":[1,2],'
        '"phone":[{"id":3,"kind":"WORK","value":"+7"}]}'
    )
    assert second == (
        '{"id":8,"title":"","opportunity":null,"opened":false,"begin_date":null,'
        '"created_time":null,"contact_ids":[],"phone":null}'
    )


def test_csv_spells_values_as_documented(tmp_path):
    assert text_of(write(tmp_path / "a.csv", ROW)) == (
        '"id","title","opportunity","opened","begin_date","created_time","contact_ids","phone"\n'
        '7,"=1+1, ""so""\u2028",100.50,true,2026-11-29,2026-11-29T12:00:00+00:00,"[1,2]",'
        '"[{""id"":3,""kind"":""WORK"",""value"":""+7""}]"\n'
        '8,"",,false,,,"[]",\n'
    )


def test_row_groups_are_bounded_and_not_tiny(tmp_path):
    path = write(tmp_path / "a.parquet", *[Chunk([ID], [list(range(10_000))])] * 20)
    metadata = parquet.read_metadata(path)
    sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 1 << 16
    assert len(sizes) <= 5
    assert metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize("suffix", SUFFIXES)
@cases(("column", "value"), UNFIT)
def test_a_value_that_does_not_fit_leaves_the_file_before(tmp_path, suffix, column, value):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"older")
    with pytest.raises(UnfitValueError):
        write(path, Chunk([column], [[value]]))
    assert path.read_bytes() == b"older"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_of_other_columns_are_refused(tmp_path, suffix):
    with pytest.raises(ValueError, match="are not the file's"):
        write(tmp_path / f"a.{suffix}", Chunk([ID], [[1]]), columns=[TITLE])
    assert os.listdir(tmp_path) == []


def test_a_missing_pyarrow_is_told_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "a.parquet"
    with (
        pytest.raises(InvalidInputError, match="need pyarrow"),
        open_table(check_path(path, "path"), file_format_of(path), [ID]),
    ):
        pytest.fail("rows would be read")
    assert os.listdir(tmp_path) == []


def test_every_type_has_a_column_in_these_tests():
    assert {(column.type, column.multiple) for column in all_columns()} == {
        (kind, multiple) for kind in ValueType for multiple in (False, True)
    }


def test_a_compressed_file_says_nothing_of_who_wrote_it(tmp_path):
    head = write(tmp_path / "a.csv.gz", ROW).read_bytes()[:10]
    assert head[3:8] == b"\0\0\0\0\0"  # neither a name nor a time
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes())
