"""Rows out of files of every format: the values, and what is told of a file that cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
import sys
import tempfile
import traceback
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_bitrix24.files.formats import file_format_of
from airflow_provider_bitrix24.files.reading import read_rows
from airflow_provider_bitrix24.files.writing import check_path
from airflow_provider_bitrix24.rest.errors import InvalidInputError

SECRET = "Private Person"


def rows_of(path):
    return list(read_rows(check_path(path, "path", done="read"), file_format_of(path)))


def written(folder, name, content):
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def refused(folder, name, content):
    """Return what is told of a file, which holds nothing of what is in it."""
    with pytest.raises(InvalidInputError) as caught:
        rows_of(written(folder, name, content))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
few = settings(max_examples=40, deadline=None)


@few
@given(st.lists(st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers() | TEXTS), max_size=4))
def test_objects_come_out_of_json_lines_as_they_are(rows):
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.jsonl", "a.jsonl.gz"):
            assert rows_of(written(Path(folder), name, text)) == rows


@few
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_cells_come_out_of_csv_as_they_are_and_empty_ones_as_none(cells):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("id", "title"), *cells])
        assert rows_of(path) == [{"id": one or None, "title": two or None} for one, two in cells]


def test_json_numbers_with_a_point_lose_no_digit(tmp_path):
    path = written(tmp_path, "a.jsonl", '\ufeff{"a": 0.10000000000000000001, "b": 1}\r\n\n{"a": null}')
    assert rows_of(path) == [{"a": Decimal("0.10000000000000000001"), "b": 1}, {"a": None}]


def test_csv_has_quoted_line_ends_and_skips_empty_lines(tmp_path):
    path = written(tmp_path, "a.csv.gz", 'id, title \r\n1,"a\n""b"", c"\r\n\r\n2,')
    assert rows_of(path) == [{"id": "1", "title": 'a\n"b", c'}, {"id": "2", "title": None}]


def test_parquet_has_values_of_python(tmp_path):
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    row = {
        "amount": Decimal("1.50"),
        "day": date(2026, 3, 1),
        "noon": noon,
        "ids": [1, 2],
        "phone": {"kind": "WORK", "value": "+7"},
        "none": None,
    }
    table = pa.Table.from_pylist([row])
    table = table.append_column("precise", pa.array([1_772_366_400_000_000_001], pa.timestamp("ns", "UTC")))
    parquet.write_table(table, tmp_path / "a.parquet")
    [found] = rows_of(tmp_path / "a.parquet")
    assert found == row | {"precise": noon}
    assert type(found["precise"]) is datetime


def test_a_file_comes_from_object_storage():
    attach("memory", fs=MemoryFileSystem())
    MemoryFileSystem().pipe("/of_reading/a.jsonl", b'{"id": 1}\n')
    assert rows_of("memory://of_reading/a.jsonl") == [{"id": 1}]


def test_a_line_that_is_no_row_is_told_by_its_number_and_without_a_value(tmp_path):
    before = '{"id": 1}\n\n'
    for line, problem in {
        f'{{"a": "{SECRET}"': "line 3 is not JSON at character 23: Expecting ',' delimiter",
        f'["{SECRET}"]': "line 3 is not an object",
        f'{{"a": "{SECRET}", "a": 1}}': "line 3 has a name twice in one object",
        '{"a": NaN}': "line 3 has NaN, which is not a number of JSON",
        f'{{"a": {"9" * 5_000}}}': "line 3 is not JSON that can be read",
    }.items():
        assert problem in refused(tmp_path, "a.jsonl", before + line)
    head = 'id,title\n1,"a\nb"\n'
    for line, problem in {
        f"{SECRET},2,3": "line 4 has 3 cells, and the first line names 2 columns",
        SECRET: "line 4 has 1 cell, and",
        f'1,"{SECRET}': "line 4 is not CSV: unexpected end of data",
        f'1,"{SECRET}"x': "line 4 is not CSV: ',' expected after '\"'",
    }.items():
        assert problem in refused(tmp_path, "a.csv", head + line)


def test_a_head_without_usable_names_is_told(tmp_path):
    for head, problem in {
        "": "is empty. The first line has to name the columns.",
        "id,,title": "line 1: column 2 has no name",
        "id,title,id": "line 1 names the column 'id' twice",
        "id;title": "line 1 names one column, with semicolons in its name",
    }.items():
        assert problem in refused(tmp_path, "a.csv", head)
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    parquet.write_table(table, tmp_path / "b.parquet")
    assert "has the column 'id' twice" in refused(
        tmp_path, "a.parquet", (tmp_path / "b.parquet").read_bytes()
    )


def test_a_file_that_is_not_of_its_format_is_told(tmp_path):
    packed = gzip.compress(f'{{"a": "{SECRET}"}}\n'.encode() * 9)
    parquet.write_table(pa.table({"id": list(range(9_000))}), tmp_path / "whole.parquet")
    damaged = bytearray((tmp_path / "whole.parquet").read_bytes())
    damaged[100:5_000] = bytes(4_900)
    for name, content, problem in [
        ("a.jsonl", f"{SECRET} ü".encode("latin-1"), "line 1 is not UTF-8. Save the file in UTF-8."),
        ("a.jsonl", packed, "let its path end with .gz"),
        ("b.parquet", SECRET, "is not a whole Parquet file, or is damaged"),
        ("c.parquet", bytes(damaged), "is not a whole Parquet file, or is damaged"),
    ]:
        assert problem in refused(tmp_path, name, content)
    for content, problem in [(packed[:-9], "ends too early"), (b"{}", "is not a whole gzip file")]:
        (tmp_path / "a.jsonl.gz").write_bytes(content)
        with pytest.raises(InvalidInputError, match=problem):
            rows_of(tmp_path / "a.jsonl.gz")


def test_a_path_without_a_file_is_told(tmp_path):
    with pytest.raises(InvalidInputError, match=r"a\.csv' cannot be read: No such file") as caught:
        rows_of(tmp_path / "a.csv")
    assert caught.value.remedy == "Check the path. A worker reads it, on its own machine."
    with pytest.raises(InvalidInputError, match="is a folder"):
        rows_of(tmp_path)
    with pytest.raises(InvalidInputError, match=r"cannot be read: .*nowhere"):
        rows_of("nowhere://a.csv")


def test_a_missing_pyarrow_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInputError, match="need pyarrow"):
        rows_of(written(tmp_path, "a.parquet", "PAR1"))


def test_memory_is_bounded_whatever_the_size_of_the_file(tmp_path):
    line = json.dumps({"id": 1, "title": "x" * 800})
    path = written(tmp_path, "a.jsonl.gz", f"{line}\n" * 5_000)
    one_line = written(tmp_path, "b.csv", b"a" * (17 << 20))
    rows = read_rows(check_path(path, "path"), file_format_of(path))
    next(rows)
    tracemalloc.start()
    assert sum(1 for _ in rows) == 4_999
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    with pytest.raises(InvalidInputError, match="line 1 is longer than 16 MiB"):
        rows_of(one_line)
