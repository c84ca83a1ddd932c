"""An Airflow home of its own for every test session, set before anything imports Airflow."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_HOME = tempfile.mkdtemp(prefix="airflow-provider-bitrix24-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("AIRFLOW_", "OPENLINEAGE"))]:
    del os.environ[_name]  # neither a developer's settings nor his connections get into the tests
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": os.path.join(_HOME, "dags"),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
    # what a variable keeps is encrypted, as in production; a key of no use elsewhere
    "AIRFLOW__CORE__FERNET_KEY": "dGVzdHMtb25seS1rZXktb2YtMzItYnl0ZXMtbGVuIS4=",
    "NO_PROXY": "127.0.0.1,localhost",
    # which dlt reads when it is imported: it reports nothing, and asks no Airflow Variables for settings
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
}
os.makedirs(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])

pytest_plugins = [
    "dag_runs",
    "dlt_fixtures",
    "hook_fixtures",
    "lineage_fixtures",
    "no_waits",
    "postgres_box",
    "redis_box",
]


@pytest.fixture(autouse=True)
def _forgotten_secrets() -> Iterator[None]:
    """Take a test's secrets from Airflow again: it looks for all that it ever saw, in whatever is logged."""
    yield
    for masker in ("airflow.sdk._shared.secrets_masker", "airflow._shared.secrets_masker"):
        if masker in sys.modules:
            sys.modules[masker].reset_secrets_masker()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run more tests side by side than there are cores: they wait a lot."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send no log lines of what passed from the workers to the one that shows what failed."""
    report = yield
    if report.passed:
        report.sections.clear()
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector the modules and the thousands of tests, which stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    """Keep Airflow's farewell at exit from writing to streams that pytest has closed."""
    logging.disable(logging.CRITICAL)
