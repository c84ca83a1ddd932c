"""A watched asset starts a DAG of a whole Airflow, and goes on where it ended when Airflow was down.

Not collected with the other tests, because it takes minutes: ``make test-watcher``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from executor_servers import Airflow
from postgres_box import wait_until

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

DAGS = Path(__file__).resolve().parent / "watched_dags"

pytestmark = pytest.mark.timeout(900)


def airflow_in(folder, portal):
    """Return an Airflow with a home of its own; all of a test share a database."""
    settings = {
        "CORE__DAGS_FOLDER": str(DAGS),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder.parent}/a.db",
    }
    connections = {"bitrix24_default": portal.connection(plan="self-hosted")}
    return Airflow(folder, "", "LocalExecutor", settings, connections)


def told(airflow):
    """Return the ids of the deals that runs were started for so far."""
    headers = {"Authorization": f"Bearer {airflow._ask('/auth/token')['access_token']}"}
    runs = (airflow._try("/api/v2/dags/bitrix24_watched/dagRuns", headers) or {}).get("dag_runs", [])
    found = []
    for run in runs:
        path = f"/api/v2/dags/bitrix24_watched/dagRuns/{run['dag_run_id']}"
        value = airflow._try(f"{path}/taskInstances/changed/xcomEntries/return_value", headers)
        found += (value or {}).get("value") or []
    return found


def logs(folder):
    for log in sorted(folder.glob("*.log")):
        end = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        sys.stdout.write(f"--- {log.name}\n{end}\n")


def test_a_change_starts_a_run_and_a_restart_loses_none(tmp_path):
    with Bitrix24Portal(limits=Limits.off()) as portal:
        portal.set_server_timezone("UTC")
        portal.set_time_zone(1, "UTC")  # so that ten minutes are no more
        [old, _] = portal.add_items("deal", [{"TITLE": "old"}, {"TITLE": "other"}])
        portal.move_clock(3600)
        first = airflow_in(tmp_path / "first", portal)
        try:
            first.start(["triggerer"])
            wait_until("the watcher", lambda: len(portal.calls("server.time")) > 2)
            new = portal.add_item("deal", {"TITLE": "new"})
            wait_until("a run", lambda: told(first) == [new])
            looks = len(portal.calls("server.time"))
            wait_until("the event to be kept", lambda: len(portal.calls("server.time")) > looks + 10)
        finally:
            first.stop()
            logs(tmp_path / "first")
        # Where Airflow keeps nothing, the last ten minutes are told again.
        portal.move_clock(3600 if AIRFLOW_V_3_3_PLUS else 60)
        portal.update_item("deal", old, {"TITLE": "changed while nobody looked"})
        portal.move_clock(900 if AIRFLOW_V_3_3_PLUS else 60)
        second = airflow_in(tmp_path / "second", portal)
        try:
            second.start(["triggerer"])
            wait_until("another run", lambda: old in told(second))
            assert sorted(told(second)) == ([old, new] if AIRFLOW_V_3_3_PLUS else [old, new, new])
        finally:
            second.stop()
            logs(tmp_path / "second")
