"""The extra fields of an Airflow connection, typed as the form gives them or as texts of a URI."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from typing import Any

from airflow_provider_bitrix24.connection.form import CONN_FIELDS
from airflow_provider_bitrix24.crm.meant import meant
from airflow_provider_bitrix24.rest.errors import InvalidConnectionError
from airflow_provider_bitrix24.rest.redaction import redact_addresses


def invalid(problem: str, remedy: str) -> InvalidConnectionError:
    """Return the error that says what is wrong with a field of a connection.

    :param problem: the field's name, a colon, and what is wrong; no secret
    :param remedy: what to do about it
    """
    return InvalidConnectionError(problem, remedy=remedy)


def refuse_mask(text: str, name: str) -> None:
    """Refuse the asterisks that Airflow shows in place of a secret, which exports and copies carry along.

    :param text: what a field holds
    :param name: the field's name, as the message begins
    :raises InvalidConnectionError: it is nothing but asterisks
    """
    if text and not text.strip("*"):
        raise invalid(f"{name}: it holds the mask, not the secret", "Enter it anew.")


class Extras:
    """Reads the extra fields one by one; an empty text and ``null`` are no value.

    :param raw: the connection's extra, a JSON object
    :raises InvalidConnectionError: it is not one, or holds an unknown field
    """

    def __init__(self, raw: str | None) -> None:
        self._values = _loaded(raw)
        for name in self._values:
            if name not in CONN_FIELDS:
                near = difflib.get_close_matches(name, CONN_FIELDS, n=1)
                hint = meant(near) or f"Known are {', '.join(CONN_FIELDS)}."
                raise invalid(f"extra: {redact_addresses(name)[:40]!r} is unknown", hint)

    def text(self, name: str) -> str:
        """Return a field as text, ``""`` where it has no value."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, (str, int, float)):
            text = str(value).strip()
            refuse_mask(text, name)
            return text
        raise invalid(f"{name}: a {type(value).__name__} is given", "Give a text.")

    def texts(self, name: str) -> list[str]:
        """Return a field that is a list, or a text of parts separated by commas."""
        value = self._values.get(name)
        parts = value if isinstance(value, list) else self.text(name).split(",")
        return [str(part).strip() for part in parts if str(part).strip()]

    def number(self, name: str, *, least: float, most: float, whole: bool = False) -> float | None:
        """Return a field that is a number within bounds, ``None`` where it has no value."""
        text = self.text(name)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        # What is not a number compares false with everything.
        if least <= number <= most and not (whole and number % 1):
            return number
        kind = "a whole number" if whole else "a number"
        raise invalid(
            f"{name}: {text[:40]!r} is not {kind} from {least:g} to {most:g}",
            "Correct it or leave it empty.",
        )

    def flag(self, name: str) -> bool:
        """Return a field that is true or false, false where it has no value."""
        text = self.text(name).lower()
        if text in ("true", "1", "yes", "false", "0", "no", ""):
            return text in ("true", "1", "yes")
        raise invalid(f"{name}: {text[:40]!r} is neither true nor false", "Write true or false.")

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return a field that is one of some choices."""
        text = self.text(name).lower() or default
        if text in choices:
            return text
        near = difflib.get_close_matches(text, choices, n=1)
        raise invalid(
            f"{name}: {text[:40]!r} is none of {', '.join(choices)}",
            meant(near) or f"Leave it empty for {default!r}.",
        )


def _loaded(raw: Any) -> Mapping[str, Any]:
    try:
        values = json.loads(raw) if raw and raw.strip() else {}
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise invalid("extra: it is not a JSON object", 'Write it as {"plan": "enterprise"}.')
    return values
