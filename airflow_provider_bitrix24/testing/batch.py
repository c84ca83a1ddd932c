"""Batches: taking commands apart, and references to earlier results."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import php
from .errors import RestError

if TYPE_CHECKING:
    from .outcome import Outcome

MAX_COMMANDS = 50
FORBIDDEN = frozenset({"batch", "upload", "download"})

# A reference reaches to the next white space; only its leading brackets are looked at.
_REFERENCE = re.compile(r"\$(result|error|total|next|time)((?:\[[^\]\s]*\])+)\S*", re.IGNORECASE)
_INDEX = re.compile(r"\[([^\]]*)\]")


@dataclass
class BatchResult:
    """The five maps of the answer, by the commands' keys."""

    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)
    total: dict[str, Any] = field(default_factory=dict)
    next: dict[str, Any] = field(default_factory=dict)
    time: dict[str, Any] = field(default_factory=dict)

    def store(self, key: str, outcome: Outcome) -> None:
        """Enter what a command came to."""
        if outcome.error is not None:
            self.error[key] = outcome.error.body()
            return
        self.result[key] = outcome.result
        self.time[key] = outcome.time
        if outcome.total is not None:
            self.total[key] = outcome.total
        if outcome.next is not None:
            self.next[key] = outcome.next

    def body(self) -> dict[str, Any]:
        """Return what the batch answers as its result."""
        return {
            "result": self.result,
            "result_error": self.error,
            "result_total": self.total,
            "result_next": self.next,
            "result_time": self.time,
        }


@dataclass(frozen=True)
class Plan:
    """A batch as requested.

    :param commands: keys and commands; ``None`` stands for something that is not a string: it is skipped,
        but takes a place
    :param surplus: what is beyond the 50th place
    """

    halt: bool
    commands: list[tuple[str, str | None]]
    surplus: list[tuple[str, str | None]]


def plan(params: dict[str, Any]) -> Plan:
    """Read ``cmd`` and ``halt``, in any case."""
    by_name = {name.lower(): value for name, value in params.items()}
    commands = [
        (key, command if isinstance(command, str) else None) for key, command in php.pairs(by_name.get("cmd"))
    ]
    return Plan(
        halt=php.truthy(by_name.get("halt")),
        commands=commands[:MAX_COMMANDS],
        surplus=commands[MAX_COMMANDS:],
    )


def too_many() -> RestError:
    """Return the error of a command beyond the 50th."""
    return RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")


def not_allowed() -> RestError:
    """Return the error of a method that cannot be used in a batch."""
    return RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")


def split_command(command: str) -> tuple[str, dict[str, Any]]:
    """Split a command like a URL: what follows a ``#`` is lost, values are strings."""
    path, _, query = command.partition("#")[0].partition("?")
    return path, php.parse_query(query)


def substitute(value: Any, so_far: BatchResult) -> Any:
    """Replace references to earlier results in decoded parameters. There is no way to escape one."""
    if isinstance(value, dict):
        return {key: substitute(item, so_far) for key, item in value.items()}
    if not isinstance(value, str) or "$" not in value:
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _resolve(whole, so_far)
    return _REFERENCE.sub(lambda found: _pasted(found, so_far), value)


def _pasted(found: re.Match[str], so_far: BatchResult) -> str:
    """Only text and numbers can be pasted into a longer string; else the reference stays as it is."""
    target = _resolve(found, so_far)
    if isinstance(target, (str, int, float)) and not isinstance(target, bool):
        return php.text(target)
    return found[0]


def _resolve(found: re.Match[str], so_far: BatchResult) -> Any:
    """Follow the path as far as it exists; names of maps are case-sensitive, a wrong one gives null."""
    target: Any = getattr(so_far, found[1], None)
    for key in _INDEX.findall(found[2]):
        deeper = php.lookup(target, key)
        if deeper is None:
            break
        target = deeper
    # A copy: the maps of results go on growing.
    return dict(target) if isinstance(target, dict) else target
