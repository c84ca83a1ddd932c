"""How many statements a text of SQL holds, in any dialect and of any length."""

from __future__ import annotations

import re

_COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)"
_QUOTED = r'"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|(\$(?:[^\W\d]\w*)?\$).*?(?:\1|\Z)'
#: a text with its quotes; whether a backslash escapes one is up to the dialect
_TEXTS = (r"'[^']*(?:'|\Z)", r"'[^'\\]*(?:\\.[^'\\]*)*(?:'|\Z)")
_SKIPPED = [re.compile(rf"{_QUOTED}|{_COMMENT}|{text}", re.DOTALL) for text in _TEXTS]


def count_statements(sql: str) -> int:
    """Return the number of statements in a text.

    Where dialects read it in different ways, it is the least of their numbers: no query is taken for several.

    :param sql: the text
    """
    return min(_count(skipped.sub(_instead, sql)) for skipped in _SKIPPED)


def _instead(found: re.Match[str]) -> str:
    return " " if found[0].startswith(("--", "/*")) else "x"


def _count(sql: str) -> int:
    return sum(1 for part in sql.split(";") if part.strip())
