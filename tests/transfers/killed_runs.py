"""Runs of operators in workers of their own, which may be killed and are tried again, as Airflow does it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from killable import KILLED, Workers

from airflow_provider_bitrix24.testing import Bitrix24Portal

#: what the workers need
MODULES = (
    "airflow_provider_bitrix24.transfers.bitrix24_to_file",
    "airflow_provider_bitrix24.transfers.bitrix24_to_sql",
    "airflow_provider_bitrix24.transfers.deletions",
    "airflow_provider_bitrix24.transfers.sql.target",
    "airflow_provider_bitrix24.transfers.sql.engines",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.sqlite.hooks.sqlite",
)
#: errors that another try is known to help with
_AGAIN = ("IncompleteListError", "Another try helps")
_TRIES = 6


@dataclass(frozen=True)
class Death:
    """When a worker is killed.

    :param when: before or after its nth request is carried out, or so many seconds after its start
    :param number: which request, from 1, or how many seconds
    """

    when: Literal["before", "after", "seconds"]
    number: float


class Runs:
    """Executes operators against a portal.

    :param workers: execute them
    :param folder: keeps what Airflow's state stores keep, which outlives a kill
    :param environment: variables of the workers, such as connections
    """

    def __init__(
        self, workers: Workers, folder: Path, portal: Bitrix24Portal, environment: Mapping[str, str]
    ) -> None:
        self.seconds = 0.3
        self.kills = 0
        self._workers = workers
        self._folder = folder
        self.portal = portal
        self._environment = dict(environment)
        self._started = time.time()

    def run(
        self, operator: type, run_id: str, arguments: Mapping[str, Any], deaths: Sequence[Death] = ()
    ) -> dict[str, Any]:
        """Execute an operator, and again until a try succeeds; return its result.

        :param run_id: what the task keeps in Airflow belongs to it
        :param deaths: when the first tries are killed
        """
        error = None
        for number in range(1, _TRIES + 1):
            death = deaths[number - 1] if number <= len(deaths) else None
            answer = self.attempt(operator, run_id, arguments, death, number)
            if answer is None:
                continue
            error = answer.get("error")
            if error is None:
                return answer["result"]
            assert any(text in str(error) for text in _AGAIN), error
            time.sleep(0.02)  # until the database has noticed that the worker is gone
        raise AssertionError(f"{run_id} did not succeed in {_TRIES} tries: {error}")

    def attempt(
        self,
        operator: type,
        run_id: str,
        arguments: Mapping[str, Any],
        death: Death | None = None,
        try_number: int = 1,
    ) -> dict[str, Any] | None:
        """Execute an operator once; return its answer, ``None`` if its worker was killed."""
        path = self._folder / "answer"
        path.unlink(missing_ok=True)
        order = {
            "operator": f"{operator.__module__}.{operator.__qualname__}",
            "arguments": dict(arguments),
            "connection": json.dumps(self.portal.connection(plan="self-hosted", pacing="process")),
            "environment": self._environment,
            "store": str(self._folder / f"store_{run_id}"),
            "asset_store": str(self._folder / "asset"),
            "answer": str(path),
            "started": self._started,
            "try_number": try_number,
            "run_id": run_id,
        }
        with self._dying(death) as pids:
            begun = time.monotonic()
            pids.append(self._workers.start(order))
            if death is not None and death.when == "seconds":
                time.sleep(death.number)
                with suppress(ProcessLookupError):  # it was done before
                    os.kill(pids[0], signal.SIGKILL)
            code = self._workers.ended()
        assert code in (0, KILLED), f"{run_id}: the worker ended with {code}"
        if code == KILLED:
            self.kills += 1
            return None
        self.seconds = time.monotonic() - begun
        answer: dict[str, Any] = json.loads(path.read_text())
        return answer

    @contextmanager
    def _dying(self, death: Death | None) -> Iterator[list[int]]:
        """Kill the process that gets into the list at its nth request, while the block lasts."""
        pids: list[int] = []
        seen = 0

        def strike(_: Any) -> None:
            nonlocal seen
            seen += 1
            if death is None or seen != death.number:
                return
            while not pids:  # the portal may be quicker than the order's answer
                time.sleep(0.001)
            with suppress(ProcessLookupError):
                os.kill(pids[0], signal.SIGKILL)

        if death is None or death.when == "seconds":
            yield pids
            return
        end = self.portal.on_request(strike, death.when)
        try:
            yield pids
        finally:
            end()
