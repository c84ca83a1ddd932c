"""The events that Airflow's provider of OpenLineage writes of whole DAGs, read back from its file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "lineage_run.py"
CANARY = "Zoltan Kodaly 0049-170-5550100"
PASSWORD = "hunter2-of-the-warehouse"
FAILING = {"moving.bad_value", "moving.bad_query", "failing.bad_call"}


def run(folder, placeholder):
    """Run the DAGs, and return the text of all events."""
    events = folder / "events.jsonl"
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "airflow" / "dags"),
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(events),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
        "CANARY": CANARY,
        "PLACEHOLDER": placeholder,
    }
    (folder / "airflow" / "dags").mkdir(parents=True)
    command = [sys.executable, str(SCRIPT), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    states = json.loads((folder / "states.json").read_text())
    wanted = {name: "failed" if "bad" in name else "success" for name in states}
    assert states == wanted
    return events.read_text()


def rows(dataset):
    """Return how many rows a dataset's statistics tell."""
    facets = {**dataset.get("inputFacets", {}), **dataset.get("outputFacets", {})}
    return next((facet["rowCount"] for name, facet in facets.items() if name.endswith("Statistics")), None)


def told(text):
    """Return what the events tell: by job and type, the sets of inputs and outputs with their rows."""
    found = defaultdict(list)
    for event in map(json.loads, text.splitlines()):
        sides = [
            {(each["namespace"], each["name"]): rows(each) for each in event.get(side, ())}
            for side in ("inputs", "outputs")
        ]
        found[event["job"]["name"], event["eventType"]].append(tuple(sides))
    return found


@pytest.mark.slow
def test_the_events_of_whole_dags(portal, warehouse, tmp_path, monkeypatch):
    portal.load_demo()
    portal.update_item("deal", 3, {"TITLE": CANARY})
    is_sqlite = warehouse.engine.dialect.name == "sqlite"
    url = warehouse.engine.url
    if not is_sqlite:  # the server takes any password
        monkeypatch.setenv(
            "AIRFLOW_CONN_WAREHOUSE",
            f"postgres://{url.username}:{PASSWORD}@{url.host}:{url.port}/{url.database}",
        )
    text = run(tmp_path, "?" if is_sqlite else "%s")

    place = f"bitrix24://{portal.url.removeprefix('http://')}"
    deals, leads = (place, "crm.deal"), (place, "crm.lead")
    if is_sqlite:
        table = (f"sqlite://{url.database}", "main.deals")
    else:
        table = (f"postgres://{url.host}:{url.port}", f"{url.database}.public.deals")

    def file(name):
        return "file", str(tmp_path / name)

    found = told(text)
    completed = {
        "reading.read": ({(place, "crm.contact"): None}, {leads: None}),
        "moving.to_file": ({deals: 5}, {file("deals.parquet"): 5}),
        "moving.to_sql": ({deals: 5}, {table: 5}),
        "moving.from_sql": ({table: 4}, {deals: 4, file("outcomes.jsonl"): 4}),
        "moving.from_file": ({file("rows.jsonl"): 1}, {deals: 1}),
        "moving.upsert": ({}, {(place, "crm.company"): 1}),
    }
    for job, sides in completed.items():
        assert found[job, "COMPLETE"] == [sides], job
    assert found["moving.to_file", "START"] == [({deals: None}, {file("deals.parquet"): None})]
    mapped = sorted((*inputs, *outputs) for inputs, outputs in found["moving.each", "COMPLETE"])
    assert mapped == [
        ((place, "crm.deal.stage_history"), file("history.csv")),
        ((place, "users"), file("users.csv")),
    ]
    for name in FAILING:
        assert [outputs for _, outputs in found[name, "FAIL"]] == [{}], name
    schemas = [
        dataset["facets"]["schema"]["fields"]
        for event in map(json.loads, text.splitlines())
        for dataset in event.get("outputs", ())
        if event["job"]["name"] == "moving.to_sql" and event["eventType"] == "COMPLETE"
    ]
    assert [{field["name"]: field["type"] for field in fields} for fields in schemas] == [
        {"id": "integer", "title": "text"}
    ]

    for secret in (CANARY, *CANARY.split(), portal.webhook_code(), PASSWORD):
        assert secret not in text
