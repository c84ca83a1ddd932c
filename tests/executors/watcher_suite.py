"""A watched asset starts DAGs of a whole Airflow, and goes on where it ended when Airflow was down.

Not collected with the other tests, because it takes minutes: ``make test-watcher``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from executor_servers import Airflow
from postgres_box import wait_until
from watched_changes import CUSTOMER, EVENT, Changes, loaded, titles

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

HERE = Path(__file__).resolve().parent

pytestmark = pytest.mark.timeout(900)


def airflow_in(folder, portal, dags="watched_dags", **connections):
    """Return an Airflow with a home of its own; all of a test share a database."""
    settings = {
        "CORE__DAGS_FOLDER": str(HERE / dags),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder.parent}/a.db",
        # so that another triggerer soon takes over what a killed one had
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    }
    connections = {"bitrix24_default": portal.connection(plan="self-hosted"), **connections}
    return Airflow(folder, "", "LocalExecutor", settings, connections)


def looks(portal):
    return len(portal.calls("crm.item.list"))


def told(airflow):
    """Return the ids of the deals that runs were started for so far."""
    runs = (airflow.read("dags/bitrix24_watched/dagRuns") or {}).get("dag_runs", [])
    found = []
    for run in runs:
        path = f"dags/bitrix24_watched/dagRuns/{run['dag_run_id']}"
        value = airflow.read(f"{path}/taskInstances/changed/xcomEntries/return_value")
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
            wait_until("the watcher", lambda: looks(portal) > 5)
            new = portal.add_item("deal", {"TITLE": "new"})
            wait_until("a run", lambda: told(first) == [new])
            before = looks(portal)
            wait_until("the event to be kept", lambda: looks(portal) > before + 20)
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


def runs_of(airflow):
    """Return the runs that loaded, each by its state with the payloads of the events that started it."""
    path = "dags/bitrix24_loaded/dagRuns"
    runs = (airflow.read(f"{path}?limit=100") or {}).get("dag_runs", [])
    events = [airflow.read(f"{path}/{run['dag_run_id']}/upstreamAssetEvents") for run in runs]
    if None in events:
        return []
    return [
        (run["state"], [event["extra"]["payload"] for event in found["asset_events"]])
        for run, found in zip(runs, events, strict=True)
    ]


def ended(airflow):
    """Return the events' payloads of each run, once all runs have succeeded."""
    runs = runs_of(airflow)
    return [payloads for _, payloads in runs] if {state for state, _ in runs} == {"success"} else None


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Airflow keeps the state of assets from 3.3 up")
def test_every_change_is_loaded_though_the_triggerer_is_killed_twice(tmp_path, capsys):
    home, target = tmp_path / "home", tmp_path / "warehouse.db"
    with Bitrix24Portal(limits=Limits.off()) as portal:
        portal.set_server_timezone("UTC")
        portal.set_time_zone(1, "UTC")
        portal.add_items("deal", [{"TITLE": "old"}] * 40)
        changes = Changes(portal)
        warehouse = {"conn_type": "sqlite", "host": str(target)}
        airflow = airflow_in(home, portal, "loading_dags", warehouse=warehouse)
        try:
            airflow.start()
            triggerer = airflow.start_one("triggerer-1", "triggerer")
            wait_until("the watcher", lambda: looks(portal) > 5)
            for name in ("triggerer-2", "triggerer-3"):
                changes.make(120, seconds=30)
                airflow.kill(triggerer)
                changes.make(60, seconds=12)
                triggerer = airflow.start_one(name, "triggerer")
            changes.make(140, seconds=36)
            wait_until("all changes", lambda: loaded(target) == titles(portal))
            before = looks(portal)
            wait_until("more looks", lambda: looks(portal) > before + 10)
            runs = wait_until("the end of all runs", lambda: ended(airflow))
        finally:
            airflow.stop()
            logs(home)
        assert loaded(target) == titles(portal)
        secrets = [CUSTOMER, portal.webhook_code()]
    events = [event for payloads in runs for event in payloads]
    doubled = changes.without_news(events)
    with capsys.disabled():
        told = f"{len(events)} events, {len(doubled)} of them without news"
        print(f"\n{changes.count} changes: {told}; {len(runs)} runs")  # noqa: T201
    assert changes.count == 500
    assert all(runs), "a run without a change"
    assert all(set(event) == EVENT for event in events)
    assert len(doubled) <= 2, "told again without a kill in between"
    check_logs(home, secrets)


def check_logs(folder, secrets):
    """See that no log holds what it must not, and that the triggerers' hold no tracebacks."""
    for log in folder.rglob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not [secret for secret in secrets if secret in text], log
        assert "triggerer" not in log.name or "Traceback" not in text, log
