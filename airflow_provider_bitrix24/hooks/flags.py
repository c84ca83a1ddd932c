"""Arguments that are ``True`` or ``False``."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown


def check_flag(value: Any, name: str) -> bool:
    """Return an argument that is ``True`` or ``False``; no other value counts as one of them.

    :param value: the argument
    :param name: its name, for the message
    :raises InvalidInputError: it is neither
    """
    if isinstance(value, bool):
        return value
    raise InvalidInputError(f"{name}: {shown(value)} is neither True nor False")
