"""Keeps what is written out of errors: a portal may repeat values of rows, and an error goes into logs."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from airflow_provider_bitrix24.rest.errors import Bitrix24Error
from airflow_provider_bitrix24.rest.plans import Plan, Work

_HIDDEN = "***"
#: shorter texts say little, and stand in any sentence
_TELLING = 4
#: how codes are spelled that are the API's own
_CODE = re.compile(r"[A-Z0-9_]*")

T = TypeVar("T")


def in_private(plan: Plan[T], written: Iterable[Any]) -> Plan[T]:
    """Carry out a plan, and hide from it which values the portal repeats in errors.

    An answer to many calls may repeat what any of them wrote. Words that the plan adds stay as they are.

    :param plan: the plan
    :param written: what it writes
    """
    values = _Values(written)
    answer: Any = None
    while True:
        try:
            wanted = plan.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result
        answer = yield wanted
        if isinstance(wanted, Work):
            answer = [
                outcome
                if outcome.error is None
                else replace(outcome, reply=None, error=values.hidden(outcome.error))
                for outcome in answer
            ]


class _Values:
    """Values that stand in no error.

    :param written: the values, in lists and mappings
    """

    def __init__(self, written: Iterable[Any]) -> None:
        self._written = written
        self._seen: dict[str, str] = {}

    def hidden(self, error: Bitrix24Error) -> Bitrix24Error:
        """Return an error whose texts hold none of the values."""
        code = error.code if _CODE.fullmatch(error.code) else self._without(error.code)
        description = self._without(error.description)
        if (code, description) == (error.code, error.description):
            return error
        return error.but(code=code, description=description)

    def _without(self, text: str) -> str:
        if text not in self._seen:  # all calls of a request may have one error
            left = text
            for value in sorted((found for found in self._texts if found in text), key=len, reverse=True):
                left = left.replace(value, _HIDDEN)
            self._seen[text] = left
        return self._seen[text]

    @cached_property
    def _texts(self) -> set[str]:
        """The values as texts, also as they stand in HTML and JSON."""
        plain = {text for text in _texts_of(self._written) if len(text) >= _TELLING}
        escaped = {html.escape(text) for text in plain}
        return plain | escaped | {json.dumps(text)[1:-1] for text in plain}


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts_of(value.values())
    elif isinstance(value, Iterable):
        for part in value:
            yield from _texts_of(part)
    elif value is not None:
        yield str(value)
