from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = """
import json, sys
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, XComArg, task
before = set(sys.modules)
import airflow_provider_bitrix24
airflow_provider_bitrix24.get_provider_info()
import airflow_provider_bitrix24.operators.rest
import airflow_provider_bitrix24.operators.timeline
import airflow_provider_bitrix24.sensors.timeline
import airflow_provider_bitrix24.transfers.bitrix24_to_file
import airflow_provider_bitrix24.transfers.bitrix24_to_sql
import airflow_provider_bitrix24.transfers.file_to_bitrix24
import airflow_provider_bitrix24.transfers.sql_to_bitrix24
print("loaded", json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.slow
def test_a_dag_file_loads_no_transport():
    """Transports and file formats load on first use, in the worker; what parses DAG files does without."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED],
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in run.stdout.splitlines() if line.startswith("loaded ")]  # Airflow may log, too
    loaded = json.loads(line.removeprefix("loaded "))
    assert "airflow_provider_bitrix24.operators.timeline" in loaded
    heavy = (
        "requests",
        "httpx2",
        "sqlalchemy",
        "sqlite3",
        "redis",
        "pyarrow",
        "dlt",
        "starlette",
        "uvicorn",
        "airflow_provider_bitrix24.testing",
    )
    assert [name for name in loaded if name.startswith(heavy)] == []
    assert not {"airflow_provider_bitrix24.rest.client", "airflow_provider_bitrix24.rest.aio"} & set(loaded)
