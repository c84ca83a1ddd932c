"""The PHP rules that decide what parameters mean and what answers look like.

Parameters reach PHP code directly on a Bitrix24 portal, so casts, truthiness and the decoding of query
strings are PHP's. A PHP array is kept here as a ``list`` or a ``dict`` with string keys; both count as
arrays, and a dict whose keys are ``"0", "1", ...`` is the same thing as a list.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

INT_MAX = 2**63 - 1
INT_MIN = -(2**63)
MAX_INPUT_VARS = 1000
MAX_NESTING = 64

_SPACE = " \t\n\r\v\f"
_NUMBER = re.compile(r"[ \t\n\r\v\f]*([+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+)))([eE][+-]?[0-9]+)?")
_INT_KEY = re.compile(r"(?:0|-?[1-9][0-9]{0,18})\Z")


# ---------------------------------------------------------------- casts


def int_cast(value: Any) -> int:
    """Cast like ``(int)$value``.

    :param value: anything JSON or a query string can carry
    """
    if value is None or isinstance(value, bool):
        return int(bool(value))
    if isinstance(value, int):
        return value if INT_MIN <= value <= INT_MAX else _float_to_int(float(value))
    if isinstance(value, float):
        return _float_to_int(value)
    if isinstance(value, str):
        return _string_to_int(value)
    return 1 if value else 0


def _float_to_int(value: float) -> int:
    """PHP wraps floats outside of the integer range around; infinities and NaN are 0."""
    if not math.isfinite(value):
        return 0
    return (int(value) - INT_MIN) % 2**64 + INT_MIN


def _string_to_int(text: str) -> int:
    """Only the leading number counts; what does not fit saturates."""
    found = _NUMBER.match(text)
    if found is None:
        return 0
    number, fraction, bare_fraction, exponent = found.groups()
    if fraction is None and bare_fraction is None and exponent is None:
        # Python refuses to convert very long digit strings, and nothing that long fits anyway.
        whole = int(number) if len(number) < 40 else _long_digits(number)
        return max(INT_MIN, min(INT_MAX, whole))
    real = float(number + (exponent or ""))
    if real >= INT_MAX:
        return INT_MAX
    if real <= INT_MIN:
        return INT_MIN
    return int(real)


def _long_digits(number: str) -> int:
    sign = -1 if number.startswith("-") else 1
    digits = number.lstrip("+-").lstrip("0")
    return sign * (int(digits or "0") if len(digits) < 40 else INT_MAX + 1)


def float_cast(value: Any) -> float:
    """Cast like ``(float)$value``."""
    if isinstance(value, str):
        found = _NUMBER.match(value)
        return float(found.group(0)) if found else 0.0
    if isinstance(value, (list, dict)):
        return 1.0 if value else 0.0
    return float(value or 0)


def is_numeric(value: Any) -> bool:
    """Tell whether ``is_numeric($value)`` holds."""
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        found = _NUMBER.match(value)
        return found is not None and not value[found.end() :].strip(_SPACE)
    return isinstance(value, (int, float))


def truthy(value: Any) -> bool:
    """Tell whether PHP takes the value for true: the string ``"false"`` is true, ``"0"`` is not."""
    return bool(value) and value != "0"


def text(value: Any) -> str:
    """Cast like ``(string)$value`` (an array becomes ``"Array"``)."""
    if isinstance(value, str):
        return value
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "Array" if is_array(value) else str(value)


# ---------------------------------------------------------------- arrays


def is_array(value: Any) -> bool:
    """Tell whether the value is a PHP array."""
    return isinstance(value, (list, dict))


def pairs(value: Any) -> Iterable[tuple[str, Any]]:
    """Iterate over an array's keys (as strings) and values; anything else has none."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list):
        return ((str(index), item) for index, item in enumerate(value))
    return ()


def values(value: Any) -> list[Any]:
    """Return an array's values; a scalar counts as an array of one."""
    if is_array(value):
        return [item for _, item in pairs(value)]
    return [value]


def lookup(value: Any, key: str) -> Any:
    """Return ``$value[$key] ?? null``."""
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and _INT_KEY.match(key) and 0 <= int(key) < len(value):
        return value[int(key)]
    return None


# ---------------------------------------------------------------- query strings


class _Node(dict[str, Any]):
    """A PHP array under construction; remembers where ``[]`` appends."""

    next_index = 0

    def store(self, key: str | None, value: Any) -> None:
        if key is None:
            key = str(self.next_index)
        if _INT_KEY.match(key):
            self.next_index = max(self.next_index, int(key) + 1)
        self[key] = value

    def child(self, key: str | None) -> _Node:
        existing = self.get(key) if key is not None else None
        if isinstance(existing, _Node):
            return existing
        node = _Node()
        self.store(key, node)
        return node


def parse_query(query: str, max_vars: int = MAX_INPUT_VARS) -> dict[str, Any]:
    """Decode a query string or a form body like PHP's ``parse_str``.

    :param query: still percent-encoded
    :param max_vars: the server's ``max_input_vars``; variables beyond it are lost without an error
    """
    return build_array(_decoded_pairs(query, max_vars))


def _decoded_pairs(query: str, max_vars: int) -> Iterable[tuple[str, str]]:
    count = 0
    for part in query.split("&"):
        if not part:
            continue
        count += 1
        if count > max_vars:
            return
        name, _, value = part.partition("=")
        yield unquote_plus(name, errors="replace"), unquote_plus(value, errors="replace")


def build_array(variables: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Build PHP's nested array from decoded pairs such as ``("fields[PHONE][0][VALUE]", "1")``."""
    root = _Node()
    for name, value in variables:
        path = _split_name(name)
        if not path or len(path) > MAX_NESTING:
            continue
        node = root
        for key in path[:-1]:
            node = node.child(key)
        node.store(path[-1], value)
    return root


def _split_name(name: str) -> list[str | None]:
    """Split ``a[b][]`` into ``["a", "b", None]``; an empty list means PHP ignores the variable."""
    name = name.split("\0", 1)[0].lstrip(" ")
    base, bracket, rest = name.partition("[")
    base = base.replace(" ", "_").replace(".", "_")
    if not base:
        return []
    path: list[str | None] = [base]
    while bracket:
        key, closed, tail = rest.partition("]")
        if not closed:
            # An index that is never closed: part of the name at the first level, lost further in.
            return [f"{base}_{rest}"] if len(path) == 1 else path
        path.append(None if key == "" or (len(key) == 1 and key in _SPACE) else key)
        bracket, rest = tail[:1], tail[1:]
        if bracket != "[":
            break  # text behind the last bracket is ignored
    return path


# ---------------------------------------------------------------- JSON


class Object(dict[str, Any]):
    """A PHP object: empty, it is ``{}``, where an empty array is ``[]``."""


_HEX_ESCAPES = str.maketrans(
    {
        "/": "\\/",
        "<": "\\u003C",
        ">": "\\u003E",
        "&": "\\u0026",
        "'": "\\u0027",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)
_ESCAPED_QUOTE = re.compile(r'\\([\\"])')
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    r"""Encode an answer the way the portal does: PHP array rules, ``\\/`` and ``\\u00XX`` escapes."""
    dumped = _dump(_as_json(value))
    if '\\"' in dumped:
        dumped = _ESCAPED_QUOTE.sub(lambda m: "\\u0022" if m[1] == '"' else m[0], dumped)
    return dumped.translate(_HEX_ESCAPES).encode("utf-8", "replace")


class Plain(dict[str, Any]):
    """A map whose values JSON takes as they are: no whole floats, no maps that PHP writes as lists."""


def _as_json(value: Any) -> Any:
    """Turn empty dicts and dicts with the keys 0..n-1 into lists, and whole floats into integers."""
    if type(value) is Plain and value:
        return value
    if isinstance(value, dict):
        if is_list_like(value) and not isinstance(value, Object):
            return [_as_json(item) for item in value.values()]
        return {key: item if type(item) is str else _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [item if type(item) is str else _as_json(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def is_list_like(value: dict[str, Any]) -> bool:
    """Tell whether PHP would encode this array as a JSON list."""
    if "0" not in value:
        return not value
    return all(key == str(index) for index, key in enumerate(value))


def _refuse(constant: str) -> Any:
    """``NaN`` and ``Infinity`` are no JSON."""
    raise ValueError(constant)


def decode_json(body: bytes) -> dict[str, Any] | None:
    """Decode a JSON body; ``None`` if it is malformed or neither object nor array (PHP then ignores it)."""
    try:
        decoded = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if isinstance(decoded, list):
        return dict(pairs(decoded))
    return decoded if isinstance(decoded, dict) else None
