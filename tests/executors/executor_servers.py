"""A whole Airflow, started in a temporary folder and stopped by its process group."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from free_ports import free_port
from postgres_box import PATIENCE, Processes, wait_until

HERE = Path(__file__).resolve().parent


class Airflow:
    """Scheduler, API server and DAG processor, and what else an executor needs.

    :param folder: its home
    :param database: SQLAlchemy's address without the driver
    :param executor: the executor's name
    :param settings: further settings, by ``SECTION__NAME``
    :param connections: Airflow connections, by id
    """

    def __init__(self, folder, database, executor, settings, connections):
        self._folder = folder
        folder.mkdir()
        self._processes = Processes(folder)
        port = free_port()
        self._address = f"http://127.0.0.1:{port}"
        chosen = {
            "API__HOST": "127.0.0.1",
            "API__PORT": str(port),
            "API__BASE_URL": self._address,
            "API__WORKERS": "1",
            "API__SECRET_KEY": "executors-only",
            "API_AUTH__JWT_SECRET": "executors-only-secret-of-many-bytes-0123456789abcdef0123456789abcdef",
            "CORE__DAGS_FOLDER": str(HERE / "dags"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self._address}/execution/",
            "CORE__EXECUTOR": executor,
            "CORE__FERNET_KEY": "dGVzdHMtb25seS1rZXktb2YtMzItYnl0ZXMtbGVuIS4=",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": "16",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
            "LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            # Sixteen tasks that start at once on a slow machine take long to say that they live.
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "600",
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
            "WORKERS__EXECUTION_API_TIMEOUT": "60",
            **settings,
        }
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "AIRFLOW_HOME": str(folder),
            "NO_PROXY": "127.0.0.1,localhost",
            **{f"AIRFLOW__{name}": value for name, value in chosen.items()},
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
        }

    def start(self, *more):
        """Start everything, and further ``airflow`` commands, each by its name."""
        subprocess.run([*_airflow(), "db", "migrate"], env=self._environment, check=True, capture_output=True)
        for name, *arguments in (["api-server"], ["scheduler"], ["dag-processor"], *more):
            self.start_one(name, *(arguments or [name]))
        wait_until("the API server", self._is_up, processes=self._processes.running)
        return self

    def start_one(self, name, *arguments):
        """Start one more ``airflow`` command."""
        return self._processes.start(name, [*_airflow(), *arguments], self._environment)

    def kill(self, process):
        """Kill what :meth:`start_one` returned, with all that it started, as a machine does that fails."""
        self._processes.kill(process)

    def stop(self):
        self._processes.stop()

    def read(self, path):
        """Return what Airflow's REST API says, ``None`` where it does not."""
        return self._try(f"/api/v2/{path}", self._headers())

    def _headers(self):
        return {"Authorization": f"Bearer {self._ask('/auth/token')['access_token']}"}

    def run(self, dag_id):
        """Run a DAG and return the states of its task instances."""
        headers = self._headers()
        runs = f"/api/v2/dags/{dag_id}/dagRuns"
        running = self._processes.running
        body = {"logical_date": None}
        run = wait_until("the DAG", lambda: self._try(runs, headers, body), processes=running)
        run = f"{runs}/{run['dag_run_id']}"

        def over():
            return (self._try(run, headers) or {}).get("state") in ("success", "failed")

        wait_until("the DAG run's end", over, processes=running, seconds=2 * PATIENCE)
        instances = self._ask(f"{run}/taskInstances", headers)["task_instances"]
        return [(instance["state"], instance["try_number"]) for instance in instances]

    def _is_up(self):
        return self._try("/api/v2/version")

    def _try(self, path, headers=None, body=None):
        try:
            return self._ask(path, headers, body)
        except (urllib.error.URLError, OSError):
            return None

    def _ask(self, path, headers=None, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self._address + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)


def _airflow():
    return [sys.executable, "-m", "airflow"]
