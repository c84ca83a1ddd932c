from __future__ import annotations

import json
import sqlite3

import pytest


@pytest.fixture(autouse=True)
def _warehouse(tmp_path, monkeypatch):
    """The database that the pages speak of."""
    warehouse = {"conn_type": "sqlite", "host": f"{tmp_path}/warehouse.db"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))


@pytest.fixture(autouse=True)
def _sources(_warehouse, request, tmp_path):
    """What the pages load: a table with a row for today, and a file."""
    if "run_dag" not in request.fixturenames:
        return
    with sqlite3.connect(tmp_path / "warehouse.db") as database:
        database.execute("CREATE TABLE scores AS SELECT 1 AS deal_id, 70 AS score, date('now') AS day")
    database.close()
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "contacts.csv").write_text("name,phone\nAnn,+4930123456\n")
