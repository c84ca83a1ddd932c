"""Windows of extractions into files, and how the files of all runs are merged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import Asset
from extracting import Lake

DEALS = Asset("deals")


@pytest.fixture(autouse=True)
def deals(portal):
    portal.add_many("deal", 5, fields=lambda number: {"TITLE": f"Deal {number}"})
    portal.move_clock(3600)


@pytest.fixture
def extract(tmp_path):
    lake = Lake(tmp_path)

    def run(run_id, **arguments):
        """Execute the operator in a run, which may be one of before, and return its result."""
        given = {"incremental": True, "asset": DEALS, "fields": ["title"]} | arguments
        return lake.extract(name=f"{run_id}.jsonl", run_id=run_id, **given)

    return run


def merged(folder: Path):
    """Return the titles as a reader finds them who merges the files in the order of the runs."""
    rows = {}
    for path in sorted(folder.glob("*.jsonl")):
        rows |= {row["id"]: row["title"] for row in map(json.loads, path.read_text().splitlines())}
    return rows


def test_a_run_that_is_cleared_hides_no_change_from_whoever_merges_in_the_order_of_runs(
    portal, extract, tmp_path
):
    for run_id in ("1", "2", "3"):
        portal.update_item("deal", 1, {"TITLE": f"before {run_id}"})
        third = extract(run_id)["watermark"]
        portal.move_clock(3600)
    portal.update_item("deal", 1, {"TITLE": "newest"})
    portal.move_clock(600)
    assert extract("2")["watermark"] == third  # somebody clears it, and it reads what is newest
    portal.move_clock(3600)
    extract("4")
    assert merged(tmp_path)[1] == "newest"


def test_a_run_says_since_when_it_reads(portal, tmp_path):
    lake = Lake(tmp_path)
    given = {"incremental": True, "asset": DEALS}
    lake.extract(name="1.jsonl", **given)
    assert lake.log.lines[0][1] == "Reading everything."
    portal.move_clock(3600)
    since = lake.extract(name="2.jsonl", **given)["since"]
    assert lake.log.lines[0][1] == f"Reading what changed since {since}."
    lake.extract(name="3.jsonl")
    assert not [line for _, line in lake.log.lines if line.startswith("Reading")]


def test_a_field_that_is_named_for_the_first_time_is_read_of_all_rows(portal, extract):
    extract("1")
    portal.move_clock(3600)
    assert extract("2")["rows"] == 0
    assert extract("3", fields=["title", "opportunity"])["rows"] == 5
    portal.move_clock(3600)
    assert extract("4", fields=["title", "opportunity"])["rows"] == 0
