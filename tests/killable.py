"""A warm process, and the workers that it forks, which a test may kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_WORKER = Path(__file__).with_name("killable_worker.py")
KILLED = -signal.SIGKILL


class Workers:
    """A warm process and the workers that it forks, one at a time.

    :param modules: what each worker needs besides what all do; the warm process imports it once
    """

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, order: dict[str, Any]) -> int:
        """Begin a try, and return its worker's pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def ended(self) -> int:
        """Wait for the worker's end, and return its exit code."""
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the warm process has ended"
        return int(line)

    def close(self) -> None:
        """End the warm process."""
        self._process.communicate()
