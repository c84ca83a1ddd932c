"""Files of what happened to each row."""

from __future__ import annotations

import csv
import json
import os

import pytest
from pyarrow import parquet

from airflow_provider_bitrix24.crm.fields.fitting import UnfitValueError
from airflow_provider_bitrix24.files.formats import file_format_of
from airflow_provider_bitrix24.files.writing import check_path
from airflow_provider_bitrix24.transfers.outcomes_file import OUTCOME_COLUMNS, open_outcomes

ROWS = [
    {"ENTITY_TYPE": "deal", "ENTITY_ID": 5, "KEY": "A1", "STATUS": "created", "invoice": 7},
    {
        "ENTITY_TYPE": "deal",
        "ENTITY_ID": None,
        "KEY": ["A", "2"],
        "STATUS": "failed",
        "ERROR": "INVALID_INPUT",
        "ERROR_DESCRIPTION": "rows[1].title: it is no text",
        "invoice": "x",
    },
]


def written(path, rows=ROWS):
    with open_outcomes(check_path(path, "outcomes_path"), file_format_of(path), ["invoice"]) as file:
        for position, row in enumerate(rows):
            file.add(position, row)
    return path


def test_each_row_has_its_outcome_and_the_users_own_columns(tmp_path):
    lines = written(tmp_path / "a.jsonl").read_text().splitlines()
    first, second = map(json.loads, lines)
    values = [0, "deal", 5, "A1", "created", None, None, 7]
    assert first == dict(zip([*OUTCOME_COLUMNS, "invoice"], values, strict=True))
    assert second["key"] == ["A", "2"]
    assert list(second) == [*OUTCOME_COLUMNS, "invoice"]
    assert second["error_description"] == "rows[1].title: it is no text"


def test_without_values_of_any_type_they_are_texts(tmp_path):
    with written(tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["key"], row["invoice"]) for row in rows] == [("A1", "7"), ('["A","2"]', "x")]
    rows = parquet.read_table(written(tmp_path / "a.parquet")).to_pylist()
    assert [(row["row"], row["entity_id"], row["key"], row["invoice"]) for row in rows] == [
        (0, 5, "A1", "7"),
        (1, None, '["A","2"]', "x"),
    ]


def test_the_file_is_there_whole_or_not_at_all(tmp_path):
    assert len(written(tmp_path / "a.csv", [ROWS[0]] * 6_000).read_text().splitlines()) == 6_001
    assert len(written(tmp_path / "b.csv", []).read_text().splitlines()) == 1
    with pytest.raises(UnfitValueError):
        written(tmp_path / "c.csv", [*ROWS, {"ENTITY_ID": "x"}])
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "b.csv"]
