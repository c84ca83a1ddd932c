"""Characters that Airflow's database cannot keep: NUL, and half of a pair of surrogates.

XCom, trigger events and the task state store are JSON in PostgreSQL, which refuses both. So neither is
sent, and neither stands in what a portal answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

#: what stands for such a character in an answer
REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NUL_IN_JSON = "\\u0000"


def _half_in_json(start: str) -> re.Pattern[str]:
    """Return what finds half a pair of surrogates as JSON spells it; a whole pair is an ordinary character.

    The start stands first in the pattern and is plain text, so that ``re`` skips what lies between. PHP
    escapes each Cyrillic letter, and an expression tried at each of them takes longer than the parser does.

    :param start: how each spelling starts
    """
    first, second = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F]"
    return re.compile(rf"{start}(?:[89abAB][0-9a-fA-F]{{2}}(?!{second})|[c-fC-F](?<!{first}{second}))")


_HALVES_IN_JSON = (_half_in_json(r"\\ud"), _half_in_json(r"\\uD"))


def problem_of(text: str) -> str:
    """Return why a text cannot be kept, in words, ``""`` where it can.

    :param text: the text
    """
    found = _UNSTORABLE.search(text)
    if found is None:
        return ""
    what = "a NUL character" if found[0] == "\x00" else "half a character (a lone surrogate)"
    return f"the text holds {what}"


def all_storable(texts: Iterable[str]) -> bool:
    """Tell whether none of many texts holds such a character; quickly, because hardly any does.

    :param texts: the texts
    """
    joined = "".join(texts)
    if "\0" in joined:
        return False
    try:
        joined.encode()
    except UnicodeEncodeError:
        return False
    return True


def may_be_unstorable(document: str) -> bool:
    """Tell whether a JSON document may hold such a character, so that most documents need no walk.

    :param document: the document's text, decoded from UTF-8, which holds no halves; JSON allows no NUL in it
    """
    if "\\u" not in document:
        return False
    return _NUL_IN_JSON in document or any(half.search(document) for half in _HALVES_IN_JSON)


def storable(value: Any) -> Any:
    """Return plain JSON with every such character replaced, in names as well.

    :param value: the value
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    return value
