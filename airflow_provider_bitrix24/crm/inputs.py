"""Reading what a user passed: a text, a list, a mapping, each of which a template may have made of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from numbers import Rational, Real
from typing import Any, TypeGuard

from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.rest.texts import problem_of

#: what is behind a value that is ``None``, or the text ``'None'``
RETURNED_NOTHING = "The task or template that should pass it returned nothing: check what it pushes to XCom."
#: what a message says of a key that a mapping must not have
UNKNOWN_KEY = "has an unknown key"
#: how to mend a tuple that holds more than a row's parts
TOO_LONG = "Leave the other values out."
_AS_JSON = "In a template write {{ ... | tojson }}"


def holds_template(text: str) -> bool:
    """Tell whether a text holds a template; one that holds none is meant as it is written.

    :param text: the text
    """
    return "{{" in text or "{%" in text


def is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value is a list of any kind, such as the outputs of a mapped task; a text is none.

    :param value: the value
    """
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview))


def in_python(value: Any) -> Any:
    """Return NumPy's short floats and arrays as Python's floats and lists, any other value as it is.

    A short float keeps the digits that it shows: 0.1, and not the float64 that is nearest to it.

    :param value: the value
    """
    if isinstance(value, Real) and not isinstance(value, (float, Rational)):
        return float(str(value))
    return value.tolist() if getattr(value, "ndim", 0) == 1 and hasattr(value, "tolist") else value


def is_missing(value: Any) -> bool:
    """Tell whether a value is what NumPy and pandas have for none: NaN, NaT or NA.

    ``None`` is not, nor is a decimal, which is no number then.

    :param value: the value
    """
    if isinstance(value, Decimal):
        return False
    try:
        return bool(value != value)
    except TypeError:  # NA is neither equal to itself nor unequal
        return True
    except ValueError:  # an array compares its values
        return False


def check_text(value: Any, field: str) -> str:
    """Return a value that is a text with something in it.

    A number, as native rendering makes it of a text of digits, is its own text.

    :param value: the value
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none, or ``'None'``, which a template makes of nothing
    """
    if _is_number(value):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if not isinstance(value, str) or not value.strip():
        remedy = RETURNED_NOTHING if value is None else "Give a text that is not empty."
        raise InvalidInputError(f"{field}: {shown(value)} is not a text", remedy=remedy)
    if value.strip() == "None":
        raise InvalidInputError(f"{field}: the text is 'None'", remedy=RETURNED_NOTHING)
    if problem := problem_of(value):
        raise InvalidInputError(f"{field}: {problem}", remedy="Take it out of the text.")
    return value


def _is_number(value: Any) -> bool:
    if isinstance(value, (float, Decimal)):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def from_json(text: str, field: str, *, floats: Callable[[str], Any] = str) -> Any:
    """Return what a template wrote as JSON.

    :param text: the text
    :param field: where it stands, for the message
    :param floats: makes a number of its digits; as texts they lose none
    :raises InvalidInputError: it is not JSON
    """
    try:
        return json.loads(text, parse_float=floats)
    except (ValueError, RecursionError):
        problem = f"{field}: {shown(text)} is not JSON"
    raise InvalidInputError(problem, remedy=f"{_AS_JSON}.")


def listed(value: Any, field: str, what: str, remedy: str) -> list[Any]:
    """Return a list; one JSON text, as a template may give it, is read as such.

    :param value: the list
    :param field: where it stands, for the message
    :param what: what it is a list of, for the message
    :param remedy: how to give it
    :raises InvalidInputError: it is none
    """
    rows = value
    if isinstance(value, str):
        try:
            rows = from_json(value, field)
        except InvalidInputError as error:
            or_itself = "or pass the task's output itself; one alone stands in a list, too."
            raise error.but(remedy=f"{remedy} {_AS_JSON}, {or_itself}") from None
    if getattr(rows, "ndim", 1) == 2:  # of a DataFrame, a loop sees the names of its columns
        raise InvalidInputError(
            f"{field}: a table is not a list of {what}",
            remedy="Give its rows; pandas makes them with df.to_dict('records').",
        )
    if isinstance(rows, (str, Mapping, bytes)) or not hasattr(rows, "__iter__"):
        raise InvalidInputError(f"{field}: {shown(value)} is not a list of {what}", remedy=remedy)
    return list(rows)


def pick(mapping: Mapping[Any, Any], spellings: tuple[str, str], field: str) -> Any:
    """Return the value that stands under one of two spellings of a key.

    :param mapping: the mapping
    :param spellings: the two spellings: ours and the API's
    :param field: where the mapping stands, for the message
    :raises InvalidInputError: neither is there, or both are
    """
    found = [key for key in spellings if key in mapping]
    if len(found) == 1:
        return mapping[found[0]]
    raise InvalidInputError(
        f"{field}: {_keys_of(mapping)} has both {spellings[0]!r} and {spellings[1]!r}"
        if found
        else f"{field}: {_keys_of(mapping)} has no {spellings[0]!r}",
        remedy="Give each of its values once.",
    )


def _keys_of(mapping: Mapping[Any, Any]) -> str:
    """Return a mapping for a message, without its values: they may be a customer's."""
    return f"the mapping of {shown(list(mapping))}"


def refuse_others(mapping: Mapping[Any, Any], known: tuple[str, ...], field: str) -> None:
    """Refuse a mapping that holds anything but the known keys.

    :raises InvalidInputError: it does
    """
    others = [key for key in mapping if key not in known]
    if others:
        raise InvalidInputError(
            f"{field}: {_keys_of(mapping)} {UNKNOWN_KEY} {others[0]!r}",
            remedy=f"Known are {', '.join(known)}.",
        )


def not_a_row(value: Any, field: str, names: Sequence[str]) -> InvalidInputError:
    """Return the error of a row that is neither a mapping nor a tuple of the right length.

    It does not hold the row's values: they may be a customer's.

    :param value: the row
    :param field: where it stands, for the message
    :param names: what a tuple holds, in order
    """
    kind = "None" if value is None else f"a value of the type {type(value).__name__}"
    if is_sequence(value):
        kind = f"a {'tuple' if isinstance(value, tuple) else 'list'} of {len(value)} values"
    too_long = is_sequence(value) and len(value) > len(names)
    return InvalidInputError(
        f"{field} is {kind}; give ({', '.join(names)})",
        remedy=TOO_LONG if too_long else "Or give a mapping with these names.",
    )


def refuse_lost(arguments: Mapping[str, Any]) -> None:
    """Refuse optional arguments that were given, but are ``None`` now: without them, more would fit.

    :param arguments: the arguments that were given, with the values they have now
    :raises InvalidInputError: one of them is ``None``
    """
    for name, value in arguments.items():
        if value is None:
            raise InvalidInputError(f"{name}: it was given, but is None now", remedy=RETURNED_NOTHING)
