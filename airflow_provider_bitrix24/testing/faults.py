"""Faults: how the portal is told to misbehave."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from . import php

FaultKind = Literal[
    "delay",
    "status",
    "truncate",
    "drop_before",
    "drop_after",
    "error",
    "expire_token",
    "raw",
    "false",
    "result",
]
BodyStyle = Literal["json", "html", "empty"]
KINDS = frozenset(get_args(FaultKind))
# These can also hit a single command inside a batch.
COMMAND_KINDS = frozenset({"error", "false", "result"})
OAUTH_METHOD = "oauth.token"


@dataclass
class Fault:
    """A misbehaviour of the portal.

    :param kind: ``delay`` (``seconds``; before the call, or after it with ``executed``), ``status`` (an
        error of the server), ``truncate`` (half of the answer), ``drop_before`` and ``drop_after`` (no
        answer at all), ``error`` (an error of the API), ``expire_token``, ``raw`` (any answer),
        ``false`` (``result: false``), ``result`` (a wrong ``result``)
    :param method: method of the HTTP request, ``None``: every request; ``oauth.token`` is the token
        address. ``error``, ``false`` and ``result`` with a method or params also hit single commands
        of a batch
    :param times: how many times it strikes, ``None``: until cleared
    :param after_calls: how many matching calls pass unharmed first
    :param probability: strike only with this probability, decided by a generator started with ``seed``
    :param params: the call's parameters must contain these (compared as text)
    :param match: a function that is given the parameters and says whether to strike
    :param executed: run the call first, so that the caller cannot know that it ran
    :param clean: for ``truncate``: keep the HTTP message whole, so that only the JSON is broken
    :param reset: for drops: reset the connection instead of closing it
    """

    kind: FaultKind
    method: str | None = None
    times: int | None = 1
    after_calls: int = 0
    probability: float | None = None
    seed: int | None = None
    seconds: float = 0.0
    status: int | None = None
    body: BodyStyle = "json"
    code: str = ""
    description: str = ""
    raw: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    result: Any = None
    params: Mapping[str, Any] | None = None
    match: Callable[[dict[str, Any]], bool] | None = None
    executed: bool = False
    clean: bool = False
    reset: bool = False
    struck: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Fault(kind={self.kind!r}): one of {', '.join(sorted(KINDS))} expected")
        self._random = random.Random(self.seed)  # noqa: S311 - not a secret

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.times is not None and self.struck >= self.times

    def fits(self, method: str, params: dict[str, Any]) -> bool:
        """Tell whether the call is one that this fault is about."""
        if self.method is None:
            right_method = method != OAUTH_METHOD
        else:
            right_method = self.method.lower() == method.lower()
        return (
            right_method
            and (self.params is None or _contains(params, self.params))
            and (self.match is None or self.match(params))
        )

    def strikes(self) -> bool:
        """Decide about a fitting call, and count it."""
        if self.after_calls > 0:
            self.after_calls -= 1
            return False
        if self.probability is not None and self._random.random() >= self.probability:
            return False
        self.struck += 1
        return True


class FaultBox:
    """The faults in force, in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force and return it."""
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    def active(self) -> list[Fault]:
        """Return the faults that can still strike."""
        return [fault for fault in list(self._faults) if not fault.spent]

    def delays(self, method: str, params: dict[str, Any]) -> tuple[float, float]:
        """Return the seconds to wait before and after the call."""
        before = after = 0.0
        for fault in list(self._faults):
            if fault.kind == "delay" and not fault.spent and fault.fits(method, params) and fault.strikes():
                if fault.executed:
                    after += fault.seconds
                else:
                    before += fault.seconds
        return before, after

    def for_request(self, method: str, params: dict[str, Any]) -> Fault | None:
        """Return the fault that hits this HTTP request, if any."""
        return self._take(method, params, KINDS - {"delay"}, named_only=False)

    def for_command(self, method: str, params: dict[str, Any]) -> Fault | None:
        """Return the fault that hits this command of a batch, if any."""
        return self._take(method, params, COMMAND_KINDS, named_only=True)

    def _take(
        self, method: str, params: dict[str, Any], kinds: frozenset[str], *, named_only: bool
    ) -> Fault | None:
        for fault in list(self._faults):
            if fault.spent or fault.kind not in kinds:
                continue
            if named_only and fault.method is None and fault.params is None and fault.match is None:
                continue
            if fault.fits(method, params) and fault.strikes():
                return fault
        return None


def _contains(actual: Any, expected: Any) -> bool:
    """Compare as text, because inside a batch every value is a string."""
    if isinstance(expected, Mapping):
        return php.is_array(actual) and all(
            _contains(php.lookup(actual, str(key)), value) for key, value in expected.items()
        )
    if isinstance(expected, (list, tuple)):
        found = php.values(actual) if php.is_array(actual) else []
        return len(found) == len(expected) and all(map(_contains, found, expected))
    return actual is not None and php.text(actual) == php.text(expected)
