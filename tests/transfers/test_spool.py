"""Rows that wait in a temporary file."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bitrix24.transfers.spool import Entry, Spool

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(), values, max_size=2),
    max_leaves=4,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(JSON, JSON), max_size=5), st.integers(1, 6))
def test_rows_come_back_as_they_were_in_chunks(rows, size):
    with Spool() as spool:
        for work, more in rows:
            spool.write(work, more)
        for _ in range(2):  # as often as they are wanted
            chunks = list(spool.chunks(size))
            assert [entry for chunk in chunks for entry in chunk] == [Entry(*row) for row in rows]
            assert all(len(chunk) == size for chunk in chunks[:-1])
        assert len(spool) == len(rows)


def digest_of(*rows):
    with Spool() as spool:
        for row in rows:
            spool.write(*row)
        return spool.digest


def test_the_digest_is_that_of_the_work_alone():
    digest = digest_of(({"a": 1, "b": 2}, "x"), (None, "y"))
    assert digest == digest_of(({"b": 2, "a": 1}, "z"), (None, None))
    others = [
        digest_of((None, "y"), ({"a": 1, "b": 2}, "x")),
        digest_of(({"a": 1, "b": "2"},), (None,)),
        digest_of(),
    ]
    assert digest not in others


def test_nothing_is_left_in_the_folder_while_the_rows_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Spool() as spool:
        spool.write({"a": 1})
        assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_told_with_its_folder(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: Path("/dev/full").open("r+b", buffering=0))  # noqa: SIM115
    with (
        Spool() as spool,
        pytest.raises(OSError, match=r"The rows cannot be kept in .*: No space left") as caught,
    ):
        spool.write({"a": 1})
    assert caught.value.errno == errno.ENOSPC
    assert tempfile.gettempdir() in str(caught.value)
