"""PHP's query-string encoding, as far as a batch command needs it, and what it would change.

Inside a batch every command is a query string decoded by PHP: every value becomes a string, and some
things cannot be said at all. :func:`carries` tells whether a call survives that unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

#: PHP ignores variables past ``max_input_vars`` (default 1000) and nesting past 64 levels
_MAX_VARIABLES = 900
_MAX_DEPTH = 60

#: what is the same when it is quoted, as most of a command is; looking is much faster than quoting
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~-]*")

# The portal replaces `$result[...]` and its like after decoding, so there is no way to escape them.
_REFERENCE = re.compile(r"\$(?:result|next|total|time|error)\s*\[", re.IGNORECASE)


def _spaced(word: str) -> str:
    """Return a pattern of a word; the filter reads past white space and backslashes between its letters."""
    return r"[\s\\]*".join(word)


# What a portal's security filter rewrites inside batches: markup, scripts, paths, functions of databases. All
# of it is looked for in lower case, and patterns only where a text holds a part of them: that is much faster.
_MARKUP = ("<", "\x00", "&#", "/*", "../", "..\\", "--", "-moz-binding")
_SCRIPT = "|".join(map(_spaced, ("javascript", "vbscript", "behavior", "behaviour")))
_PATTERNS = (
    ("=", r"\b(?:on\w+|formaction|seeksegmenttime|fscommand)\s*="),
    (":", r"""urn\s*:\s*schemas-microsoft|['"=:;]\s*data:"""),
    (": = %3", rf"(?:{_SCRIPT})[\s\\]*(?:[:=]|%3a|%3d)"),
    ("( %28", rf"{_spaced('expression')}[\s\\]*(?:\(|%28)"),
    ("(", r"\b(?:load_file|exec|execute|sleep|benchmark)\s*\("),
    ("p_", r"[^a-z][sx]p_\w+\s*[(\[]"),
)
#: what the filter takes for space between two words of SQL
_SPACE = r"(?:[\x00-\x20()'\"`*@+.~\\ed!\d{}-]|#[^\n]*\n)+"
_OBJECTS = "database|table|function|procedure|server|event|view|index"
# Of SQL the filter rewrites certain words one after the other. One of them alone is ordinary text, as in
# "received from ACME".
_PAIRS = (
    ("union", "union", "select"),
    ("select", "select", "from"),
    ("from", "from", "where|limit"),
    ("update", "update", "set"),
    ("insert", "insert", "value|set|select|into"),
    ("alter create drop", f"(?:alter|create|drop){_SPACE}(?:{_OBJECTS})", ""),
    ("into", f"into{_SPACE}(?:out|dump)file", ""),
    ("exec", "exec|execute", r"immediate|[sx]p_\w"),
)
#: parts of which a text holds one, what to look for then, and what after that
_FILTERED = (
    *((parts.split(), re.compile(pattern), re.compile("")) for parts, pattern in _PATTERNS),
    *(
        (parts.split(), re.compile(rf"(?<![a-z0-9_-])(?:{first})(?![a-z_])"), re.compile(second))
        for parts, first, second in _PAIRS
    ),
)


#: all of these; most texts hold none of them
_PARTS = tuple(dict.fromkeys(part for parts, _, _ in _FILTERED for part in parts))


def _resembles_an_attack(text: str) -> bool:
    text = text.casefold()
    if _holds_one(text, _MARKUP):
        return True
    if not _holds_one(text, _PARTS):
        return False
    for parts, first, second in _FILTERED:
        found = first.search(text) if _holds_one(text, parts) else None
        if found and second.search(text, found.end()):
            return True
    return False


def _holds_one(text: str, parts: Iterable[str]) -> bool:
    for part in parts:  # noqa: SIM110 - any() takes three times as long, for each text that is sent
        if part in text:
            return True
    return False


def encode(params: Mapping[str, Any]) -> str:
    """Return the parameters as a query string that PHP decodes to the same nesting.

    >>> encode({"fields": {"OWNER_ID": 999, "tags": ["a b", "c"]}})
    'fields[OWNER_ID]=999&fields[tags][0]=a+b&fields[tags][1]=c'
    """
    return "&".join(f"{name}={_quoted(str(value))}" for name, value in _leaves(params))


def _quoted(text: str) -> str:
    return text if _UNQUOTED.fullmatch(text) else quote_plus(text)


def _leaves(params: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in params.items():
        yield from _nested(_quoted(key), value)


def _nested(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _nested(f"{name}[{_quoted(key)}]", item)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _nested(f"{name}[{position}]", item)
    else:
        yield name, value


def _count(value: Any) -> int:
    """Return how many variables PHP makes of a value."""
    if isinstance(value, dict):
        return sum(map(_count, value.values()))
    return sum(map(_count, value)) if isinstance(value, list) else 1


def carries(params: Mapping[str, Any]) -> bool:
    """Tell whether a batch command can carry the parameters exactly, but for numbers becoming strings.

    Not so for ``None``, booleans, empty lists and mappings, text that looks like a reference to another
    command's result or like an attack, and names that PHP would read differently.

    :param params: parameters of a call, already plain JSON
    """
    if any("." in key or " " in key for key in params):
        return False  # PHP turns both into `_` in top-level names
    return _carries(params, 0) and _count(params) <= _MAX_VARIABLES


def _carries(value: Any, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, dict):
        return (bool(value) or depth == 0) and all(
            _carries_key(key, depth) and _carries(item, depth + 1) for key, item in value.items()
        )
    if isinstance(value, list):
        return bool(value) and all(_carries(item, depth + 1) for item in value)
    if isinstance(value, str):
        if value.isalnum():  # everything that is looked for has other characters in it
            return True
        return not _REFERENCE.search(value) and not _resembles_an_attack(value)
    return value is not None and not isinstance(value, bool)


def _carries_key(key: str, depth: int) -> bool:
    # a name of white space alone is none to PHP, and the portal reads `[` and `]` as nesting
    return not ("[" in key or "]" in key or "\x00" in key or not key or key.isspace())
