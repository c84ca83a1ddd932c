"""What the tests of the hook share."""

from __future__ import annotations

import threading
import traceback
from typing import Any

CONN_ID = "bitrix24_default"


class Supervisor:
    """Stands for the process that a task asks for Variables and connections; keeps them in memory.

    :ivar variables: what is kept
    :ivar masked: what the masker was told
    :ivar writable: off: writing fails, as the API server's refusal does
    :ivar failing_writes: how many of the next writes fail
    :ivar readable: off: the API server answers every question for a Variable with 500
    """

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.masked: list[str] = []
        self.writable = True
        self.failing_writes = 0
        self.readable = True
        self.on_write: Any = None
        self._lock = threading.Lock()

    def send(self, msg: Any) -> Any:
        """Answer a message of the task SDK."""
        with self._lock:
            return getattr(self, f"_{type(msg).__name__}")(msg)

    async def asend(self, msg: Any) -> Any:
        """Answer a message that was sent from an event loop."""
        return self.send(msg)

    def _GetVariable(self, msg: Any) -> Any:
        from airflow.sdk.exceptions import AirflowRuntimeError
        from airflow.sdk.execution_time.comms import VariableResult

        if not self.readable:
            raise AirflowRuntimeError(_refusal("API_SERVER_ERROR"))
        if msg.key in self.variables:
            return VariableResult(key=msg.key, value=self.variables[msg.key])
        return _refusal("VARIABLE_NOT_FOUND")

    def _PutVariable(self, msg: Any) -> Any:
        from airflow.sdk.exceptions import AirflowRuntimeError

        if not self.writable or self.failing_writes:  # as the decoder of a real task's messages does
            self.failing_writes = max(0, self.failing_writes - 1)
            raise AirflowRuntimeError(_refusal("API_SERVER_ERROR"))
        if self.on_write is not None:
            self.on_write()
        self.variables[msg.key] = msg.value
        return None

    def _GetConnection(self, msg: Any) -> Any:
        return _refusal("CONNECTION_NOT_FOUND")

    def _MaskSecret(self, msg: Any) -> Any:
        self.masked.append(str(msg.value))


def _refusal(kind: str) -> Any:
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    return ErrorResponse(error=ErrorType[kind], detail={"message": "no"})


def whole_story(error: BaseException) -> str:
    """Return all that can be told of an exception: its chain, its frames and what stood in their variables.

    Frames of the tests and of pytest are left out: they hold the secrets that are looked for.
    """
    told: list[str] = []
    queue: list[BaseException | None] = [error]
    seen: set[int] = set()
    while queue:
        found = queue.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        queue += [found.__cause__, found.__context__]
        report = traceback.TracebackException.from_exception(found, capture_locals=True)
        told += [repr(found), str(found), repr(found.args), repr(vars(found))]
        told += [
            f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"
            for frame in report.stack
            if "/tests/" not in frame.filename and "/_pytest/" not in frame.filename
        ]
    return "\n".join(told)


def secrets_in(text: str, *secrets: str) -> list[str]:
    """Return those of the secrets that stand in a text."""
    return [secret for secret in secrets if secret and secret in text]
