"""What is used of a logger: Airflow's differ from release to release."""

from __future__ import annotations

from typing import Any, Protocol


class Logger(Protocol):
    """The part of a logger that is used here."""

    def info(self, message: Any, /, *args: Any) -> Any:
        """Log what is of interest."""

    def warning(self, message: Any, /, *args: Any) -> Any:
        """Log what may be wrong."""
