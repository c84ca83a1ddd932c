"""A task that loads with dlt, in a worker that may kill itself at any of dlt's own steps."""

from __future__ import annotations

import os
import signal
from typing import Any

import dlt
from dlt.common.runtime.collector import Collector

from airflow_provider_bitrix24.dlt_source import bitrix24


class Steps(Collector):
    """Sees each step that dlt tells of.

    :param die_at: the process is killed at this step, from 1
    """

    def __init__(self, die_at: int | None = None) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._die_at = die_at

    def update(self, name: str, *_: Any, **__: Any) -> None:
        """Note a step."""
        self._note(name)

    def _start(self, step: str) -> None:
        self._note(step)

    def _stop(self) -> None:
        self._note("end")

    def _note(self, name: str) -> None:
        self.seen.append(name)
        if len(self.seen) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def destination(address: str) -> Any:
    """Return the destination of an address: a PostgreSQL server, or the file of a DuckDB."""
    if address.startswith("postgres"):
        return dlt.destinations.postgres(address)
    return dlt.destinations.duckdb(address)


class LoadWithDlt:
    """Stands for an operator whose task runs a pipeline; the result is what dlt's steps are called.

    :param address: as :func:`destination` takes it
    :param folder: where dlt keeps its own files
    :param die_at: the step at which the worker dies
    """

    def __init__(self, *, address: str, folder: str, die_at: int | None = None, **arguments: Any) -> None:
        self._address = address
        self._folder = folder
        self._die_at = die_at
        for name in ("task_id", "retries"):
            del arguments[name]
        self._arguments = arguments

    def execute(self, context: dict[str, Any]) -> list[str]:
        """Run the pipeline."""
        steps = Steps(self._die_at)
        pipeline = dlt.pipeline(
            "bitrix24",
            destination=destination(self._address),
            dataset_name="crm",
            pipelines_dir=self._folder,
            progress=steps,
        )
        pipeline.run(bitrix24(**self._arguments))
        return steps.seen
