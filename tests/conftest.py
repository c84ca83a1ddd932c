"""An Airflow home of its own for every test session, set before anything imports Airflow."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile

_HOME = tempfile.mkdtemp(prefix="airflow-provider-bitrix24-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[_name]  # neither a developer's settings nor his connections get into the tests
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": os.path.join(_HOME, "dags"),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
    # what a variable keeps is encrypted, as in production; a key of no use elsewhere
    "AIRFLOW__CORE__FERNET_KEY": "dGVzdHMtb25seS1rZXktb2YtMzItYnl0ZXMtbGVuIS4=",
    "NO_PROXY": "127.0.0.1,localhost",
}
os.makedirs(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])

pytest_plugins = ["dag_runs", "hook_fixtures", "redis_box"]


def pytest_unconfigure() -> None:
    """Keep Airflow's farewell at exit from writing to streams that pytest has closed."""
    logging.disable(logging.CRITICAL)
