"""A warm process that forks one worker for each try that is ordered: workers that may be killed.

Orders come as lines of JSON; for each, the worker's pid and then its exit code go back. What the try came to
stands in the file that the order names.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from no_waits import no_long_waits


class FileStore:
    """Stands for Airflow's task state store; each write outlives the process.

    :param kill_at: the process dies before this write; forgetting something is a write, too
    """

    def __init__(self, path: Path, kill_at: int | None) -> None:
        self.writes = 0
        self._path = path
        self._kill_at = kill_at

    def _read(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return values

    def _save(self, values: dict[str, Any]) -> None:
        self.writes += 1
        if self.writes == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(values))
        part.replace(self._path)

    def get(self, key: str, default: Any = None) -> Any:
        return self._read().get(key, default)

    def set(self, key: str, value: Any) -> None:
        self._save({**self._read(), key: value})

    def delete(self, key: str) -> None:
        self._save({name: value for name, value in self._read().items() if name != key})


def _warm_up() -> None:
    """Load all that a try needs, so that a fork has it; the command names further modules."""
    import airflow_provider_bitrix24.operators.activity
    import airflow_provider_bitrix24.operators.rest
    import airflow_provider_bitrix24.operators.timeline
    import airflow_provider_bitrix24.rest.adapter
    import airflow_provider_bitrix24.rest.client  # noqa: F401
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
    from airflow_provider_bitrix24.rest.wire import Wire

    for module in sys.argv[1:]:
        importlib.import_module(module)
    _ = Wire().tls
    os.environ["AIRFLOW_CONN_WARM"] = '{"conn_type": "bitrix24"}'
    Bitrix24Hook.get_connection("warm")


def _operator(order: dict[str, Any]) -> Any:
    """Return the operator that is ordered, in a hurry where it only waits for the portal to recover."""
    from airflow.sdk import Asset

    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    module, _, name = order["operator"].rpartition(".")
    cls = getattr(importlib.import_module(module), name)

    class Quick(cls):  # type: ignore[misc]
        @cached_property
        def hook(self) -> Bitrix24Hook:
            hook = Bitrix24Hook(self.bitrix24_conn_id, request_cut=order.get("request_cut", 60.0))
            session = hook.get_conn().session
            session.policy = replace(session.policy, first_pause=0.01, longest_pause=0.02)
            return hook

    Quick.__name__ = name
    arguments = dict(order["arguments"])
    if "asset" in arguments:
        arguments["asset"] = Asset(arguments["asset"])
    given = arguments.get("path") if arguments.get("incremental") else None
    if given is not None:
        arguments["path"] = "{{ path }}"  # each run's own, which is rendered
    operator = Quick(task_id="work", retries=1, **arguments)
    if given is not None:
        operator.path = given
    return operator


class FileStores:
    """Stands for Airflow's state stores of assets."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, asset: Any) -> FileStore:
        return FileStore(self._path.with_suffix(f".{asset.name}"), None)


def _context(order: dict[str, Any]) -> dict[str, Any]:
    started = datetime.fromtimestamp(order["started"], UTC)
    run_id = order.get("run_id", "run")
    ti = SimpleNamespace(
        max_tries=1,
        try_number=order["try_number"],
        xcom_push=lambda **_: None,
        dag_id="dag",
        task_id="work",
        map_index=-1,
    )
    run = SimpleNamespace(start_date=started, run_id=run_id)
    context: dict[str, Any] = {"ti": ti, "dag_run": run, "run_id": run_id}
    if order["store"] is not None:  # Airflow below 3.3 has none
        context["task_state_store"] = FileStore(Path(order["store"]), order.get("kill_at"))
    if "asset_store" in order:
        context["asset_state_store"] = FileStores(Path(order["asset_store"]))
    return context


def _work(order: dict[str, Any]) -> None:
    """Do the work that is ordered as its operator does in a task, and write down what came of it."""
    from airflow_provider_bitrix24.hooks.errors import Bitrix24Error

    os.environ["AIRFLOW_CONN_BITRIX24_DEFAULT"] = order["connection"]
    os.environ.update(order.get("environment", {}))
    context = _context(order)
    answer: dict[str, Any] = {}
    with nullcontext() if order.get("real_time") else no_long_waits() as waits:
        try:
            answer["result"] = _operator(order).execute(context)
        except Bitrix24Error as error:
            answer |= {"error": error.to_json(), "outcomes": list(error.outcomes)}
    store = context.get("task_state_store")
    answer |= {"waits": waits, "writes": store.writes if store else 0}
    Path(order["answer"]).write_text(json.dumps(answer))


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _work(order)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Carry out orders until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what workers print does not get between the answers
    _warm_up()
    for line in sys.stdin:
        pid = _fork(json.loads(line))
        print(pid, file=answers, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers, flush=True)


if __name__ == "__main__":
    main()
