"""What a call came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import RestError

Object = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a call came to."""

    result: Any = None
    total: int | None = None
    next: int | None = None
    error: RestError | None = None
    time: Object | None = None

    def envelope(self) -> Object:
        """Return the body of the answer."""
        if self.error is not None:
            return self.error.body()
        body: Object = {"result": self.result}
        if self.next is not None:
            body["next"] = self.next
        if self.total is not None:
            body["total"] = self.total
        if self.time is not None:
            body["time"] = self.time
        return body
