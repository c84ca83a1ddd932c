"""What a DAG file says literally is checked when it is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bitrix24.crm.watching import Watch
from airflow_provider_bitrix24.operators.arguments import is_literal


def check_literals(watch_class: type[Watch], arguments: Mapping[str, Any]) -> None:
    """Check the arguments that are literal; if all are, also whether they fit together.

    :param watch_class: what looks
    :param arguments: its arguments by name, ``None`` where one was not given
    :raises InvalidInputError: one of them is not valid
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    literals = {name: value for name, value in given.items() if is_literal(value)}
    if len(literals) == len(given):
        watch_class(**given)
        return
    for name, value in literals.items():
        if name in watch_class.parsers:
            watch_class.parsers[name](value, name)
