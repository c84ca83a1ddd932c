"""Running DAGs for tests: a real scheduler loop, task runner and SQLite database, in this process."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits


@dataclass
class DagRunResult:
    """What a run came to.

    :param states: state of every task instance by ``task_id``, or by ``task_id[map_index]``
    :param output: everything that was written to stdout and stderr, all log lines among it
    """

    dag_id: str
    run_id: str
    state: str
    states: dict[str, str]
    output: str

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return a value that a task pushed."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            row = session.scalars(
                select(XComModel).where(
                    XComModel.dag_id == self.dag_id,
                    XComModel.run_id == self.run_id,
                    XComModel.task_id == task_id,
                    XComModel.key == key,
                    XComModel.map_index == map_index,
                )
            ).one_or_none()
            if row is None:
                raise KeyError(f"{task_id} pushed no {key}")
            value = row.value
        return _plain(_decoded(value) if isinstance(value, str) else value)

    def log(self, task_id: str, map_index: int = -1) -> str:
        """Return what was written while a task ran, all its starts after one another."""
        begin = re.escape(f"[DAG TEST] starting task_id={task_id} map_index={map_index}")
        end = re.escape(f"[DAG TEST] end task task_id={task_id} map_index={map_index}")
        parts: list[str] = re.findall(f"{begin}\\b(.*?){end}\\b", self.output, re.DOTALL)
        assert parts, f"{task_id} did not run"
        return "".join(parts)

    def stored(self) -> str:
        """Return all that this run left in Airflow's database, as text."""
        from airflow.models.renderedtifields import RenderedTaskInstanceFields
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            xcoms = session.scalars(select(XComModel).where(XComModel.dag_id == self.dag_id)).all()
            fields = session.scalars(
                select(RenderedTaskInstanceFields).where(RenderedTaskInstanceFields.dag_id == self.dag_id)
            ).all()
            return repr([row.value for row in xcoms] + [row.rendered_fields for row in fields])


def _decoded(value: str) -> Any:
    """Return what a text stands for: releases differ in whether they hand out JSON or what it says."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _plain(value: Any) -> Any:
    """Take Airflow's wrapping of tuples off."""
    if isinstance(value, dict) and set(value) == {"__classname__", "__version__", "__data__"}:
        return _plain(value["__data__"])
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Create Airflow's database once for all tests."""
    make_database()


def make_database() -> None:
    """Create Airflow's database, and let this process run tasks in little time."""
    from airflow.sdk.execution_time import supervisor
    from airflow.utils.db import initdb

    initdb()
    _offer_the_newest_api_only()
    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        # Airflow 3.1 would build an API server for every task, which takes seconds.
        supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)


def _offer_the_newest_api_only() -> None:
    """Spare Airflow its API for the tasks of older releases: it takes seconds to build, and nobody asks."""
    from airflow.api_fastapi.execution_api import routes, versions
    from cadwyn import HeadVersion, Version, VersionBundle
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    of_all = routes.execution_api_router.routes
    of_all[:] = [route for route in of_all if _DELETED_ROUTE_TAG not in getattr(route, "tags", [])]
    versions.bundle = VersionBundle(HeadVersion(), Version(versions.bundle.versions[0].value))


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Define an Airflow connection for one test."""

    def define(fields: dict[str, Any] | str, conn_id: str = "bitrix24_default") -> None:
        text = fields if isinstance(fields, str) else json.dumps(fields)
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", text)

    return define


@pytest.fixture
def portal(connection: Callable[..., None]) -> Iterator[Bitrix24Portal]:
    """A portal with demo data that refuses nothing by itself, and the default connection to it."""
    with Bitrix24Portal(limits=Limits.off()) as box:
        box.load_demo()
        connection(box.connection(plan="self-hosted"))
        yield box


class _Collector(logging.Handler):
    """Collects what a run writes, in order as far as its marks go: stdout and stderr are read at each.

    Airflow writes to the streams that were there when it was imported, so only the capture of the whole
    session sees it; with ``pytest -s`` a run has no output.
    """

    def __init__(self, capture: Any) -> None:
        super().__init__()
        self._capture = capture
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take what was written before a mark, and the mark."""
        self.text += "".join([*self._capture.read_global_capture(), record.getMessage(), "\n"])

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect while the block lasts."""
        logger = logging.getLogger("airflow.sdk.definitions.dag")
        self._capture.read_global_capture()
        self.text = ""
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
            self.text += "".join(self._capture.read_global_capture())


@pytest.fixture
def written(pytestconfig: pytest.Config) -> Callable[[], str]:
    """Everything that was written to stdout and stderr during a test so far, log lines among it."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    parts = [""]
    capture.read_global_capture()

    def read() -> str:
        parts.extend(capture.read_global_capture())
        return "".join(parts)

    return read


@pytest.fixture
def run_dag(airflow_database: None, pytestconfig: pytest.Config) -> Callable[..., DagRunResult]:
    """Run a DAG to its end and return what came of it."""
    collector = _Collector(pytestconfig.pluginmanager.getplugin("capturemanager"))

    def run(dag: Any, **options: Any) -> DagRunResult:
        store(dag)
        with collector.collecting():
            result = dag.test(**options)
        states = {
            ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]": str(ti.state)
            for ti in result.get_task_instances()
        }
        return DagRunResult(dag.dag_id, result.run_id, str(result.state), states, collector.text)

    return run


def store(dag: Any) -> None:
    """Write a DAG to the database as the DAG processor does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    dag.relative_fileloc = os.path.basename(dag.fileloc)
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
        session.commit()
        lazy = LazyDeserializedDAG.from_dag(dag)
        update_dag_parsing_results_in_db(
            "dags-folder", None, [lazy], {}, None, set(), session=session, files_parsed=set()
        )


#: the whole DAGs among the quick tests; each process that runs one makes a database first
_RUN_DAGS = ("test_share_comment_of_the_newest_open_deal_twice",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole DAGs are slow: operators that are executed alone hold the same rules."""
    for item in items:
        if "run_dag" in getattr(item, "fixturenames", ()) and item.name not in _RUN_DAGS:
            item.add_marker(pytest.mark.slow)
