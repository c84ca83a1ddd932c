"""Values of any kind in messages."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.rest.redaction import redact_addresses

_LONGEST = 80


def shown(value: Any) -> str:
    """Return a value for a message: without what an address keeps secret, and cut short where it is long.

    :param value: the value
    """
    try:
        text = redact_addresses(repr(value))
    except Exception:  # anybody's object, or a number of more digits than Python prints
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
