"""``make demo-ui``: Airflow's web UI and the portal in a box side by side, until Ctrl+C."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from demo import ROOT, airflow, airflow_environment, migrate

from airflow_provider_bitrix24.testing import Bitrix24Portal

HOME = ROOT / ".airflow" / "ui"
PATIENCE = 180


def main() -> int:
    """Run both until one ends or the user stops them, unless they run in this folder already."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system takes it back however this ends
        except BlockingIOError:
            print(f"A demo-ui runs in {ROOT} already; stop it first with Ctrl+C.")
            return 1
        return run_both()


def run_both() -> int:
    """Run the portal and Airflow, and return the exit status."""
    with portal_at(int(os.environ.get("PORTAL_PORT", "8124"))) as portal:
        portal.load_demo()
        environment = ui_environment(HOME, portal)
        migrate(environment)
        keep_connection(environment, portal)
        log = HOME / "standalone.log"
        print("Airflow: starting (about half a minute) ...", flush=True)
        run = start(environment, log)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return watch(run, environment["AIRFLOW__API__BASE_URL"], portal, log)
        except KeyboardInterrupt:
            print("\nStopping ...", flush=True)
            return 0
        finally:
            stop(run)


def start(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start Airflow, all of it, in a process group of its own: :func:`stop` ends its children with it.

    :param environment: Airflow's environment
    :param log: where it writes what it says
    """
    with log.open("w", encoding="utf-8") as output:
        return subprocess.Popen(
            [airflow(), "standalone"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def came_up(run: subprocess.Popen[bytes], address: str) -> bool:
    """Wait until Airflow answers, and tell whether it does.

    :param run: the running Airflow
    :param address: its web UI
    """
    deadline = time.monotonic() + PATIENCE
    while not answers(f"{address}/api/v2/monitor/health"):
        if run.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def watch(run: subprocess.Popen[bytes], address: str, portal: Bitrix24Portal, log: Path) -> int:
    """Say where to look as soon as Airflow answers, then wait for its end.

    :param run: the running Airflow
    :param address: its web UI
    :param portal: the portal in a box
    :param log: Airflow's log
    """
    if not came_up(run, address):
        print(f"Airflow did not start; see {log}")
        return 1
    print(
        f"\n  Airflow      {address} (no login)\n"
        f"  connection   {address}/connections: bitrix24_default, with its Test button\n"
        f"  DAG          {address}/dags/bitrix24_share_comment: press Trigger\n"
        f"  portal       {portal.url}: CRM cards with their timelines, which follow what the DAG does\n"
        f"  a sensor     {address}/dags/bitrix24_deal_won: press Trigger, give it any file as the document,\n"
        f"               then choose 'Deal won' on the card of deal 1; the sensor sees it within a minute\n\n"
        f"Stop with Ctrl+C. Log: {log}",
        flush=True,
    )
    return run.wait()


def portal_at(port: int) -> Bitrix24Portal:
    """Return a started portal at a port, or at any free one where that is taken.

    :param port: the wanted port
    """
    return Bitrix24Portal(port=port if is_free(port) else 0).start()


def ui_environment(home: Path, portal: Bitrix24Portal) -> dict[str, str]:
    """Return the environment of a small Airflow that needs no login and runs beside others.

    :param home: Airflow's home folder
    :param portal: the portal in a box
    """
    port, worker_log, trigger_log = (free_port(number) for number in (8080, 8793, 8794))
    address = f"http://127.0.0.1:{port}"
    environment = airflow_environment(home, portal)
    del environment["AIRFLOW_CONN_BITRIX24_DEFAULT"]  # it is kept in the database, where the UI shows it
    settings = {
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": address,
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__PARALLELISM": "4",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "LOGGING__WORKER_LOG_SERVER_PORT": str(worker_log),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_log),
    }
    return {**environment, **{f"AIRFLOW__{name}": value for name, value in settings.items()}}


def keep_connection(environment: dict[str, str], portal: Bitrix24Portal) -> None:
    """Store the connection ``bitrix24_default`` in Airflow's database.

    :param environment: Airflow's environment
    :param portal: where the connection leads
    """
    path = Path(environment["AIRFLOW_HOME"]) / "connections.json"
    path.touch(mode=0o600)
    connection = portal.connection()
    extra = connection.pop("extra")
    if extra:
        connection["extra"] = json.dumps(extra)  # the importer takes text only
    path.write_text(json.dumps({"bitrix24_default": connection}), encoding="utf-8")
    run = subprocess.run(
        [airflow(), "connections", "import", "--overwrite", str(path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    path.unlink()
    if run.returncode:
        sys.exit(f"airflow connections import failed:\n{run.stdout}{run.stderr}")


def stop(run: subprocess.Popen[bytes]) -> None:
    """Stop Airflow with all its processes.

    :param run: the running Airflow
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl+C would leave processes behind
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(run.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            run.poll()
            try:
                os.killpg(run.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.2)


def answers(address: str) -> bool:
    """Tell whether something answers at an address.

    :param address: URL
    """
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_free(port: int) -> bool:
    """Tell whether a port of the loopback is free.

    :param port: the port
    """
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port(wanted: int) -> int:
    """Return a port if it is free, else any that is.

    :param wanted: the port
    """
    if is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
