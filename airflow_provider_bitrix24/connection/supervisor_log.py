"""Keeping secrets out of a log line of Airflow's own.

``airflow dags test`` and ``dag.test()`` run tasks beside a supervisor in the same process, and what a task
asks of it is logged at DEBUG as it is: the secrets to be masked, the Variables to be written.
"""

from __future__ import annotations

from typing import Any


class _Discreet:
    """A logger that drops its DEBUG lines."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def debug(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class _DiscreetSupervisor:
    """An in-process supervisor that does not log what it is asked."""

    def __init__(self, supervisor: Any) -> None:
        self._supervisor = supervisor

    def _handle_request(self, message: Any, log: Any, *args: Any) -> Any:
        return self._supervisor._handle_request(message, _Discreet(log), *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._supervisor, name)


def mute_debug() -> None:
    """Keep the messages to an in-process supervisor out of the log. Safe to call again.

    In a real run the supervisor is a process of its own, and there is nothing to do.
    """
    from airflow.sdk.execution_time import task_runner

    comms: Any = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if hasattr(comms, "supervisor") and not isinstance(comms.log, _Discreet):
        comms.log = _Discreet(comms.log)
        comms.supervisor = _DiscreetSupervisor(comms.supervisor)
