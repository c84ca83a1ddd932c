from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _warehouse(tmp_path, monkeypatch):
    """The database that the pages speak of."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")
