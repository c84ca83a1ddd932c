"""Characters that Airflow's database cannot keep: NUL, and half of a pair of surrogates.

XCom, trigger events and the task state store are JSON in PostgreSQL, which refuses both. So neither is
sent, and neither stands in what a portal answered.
"""

from __future__ import annotations

import re
from typing import Any

#: what stands for such a character in an answer
REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: as JSON spells them; a whole pair of surrogates is an ordinary character
_IN_JSON = re.compile(
    r"\\u0000"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)


def problem_of(text: str) -> str:
    """Return why a text cannot be kept, in words, ``""`` where it can.

    :param text: the text
    """
    found = _UNSTORABLE.search(text)
    if found is None:
        return ""
    what = "a NUL character" if found[0] == "\x00" else "half a character (a lone surrogate)"
    return f"the text holds {what}"


def may_be_unstorable(document: str) -> bool:
    """Tell whether a JSON document may hold such a character, so that most documents need no walk.

    :param document: the document's text
    """
    return "\\u" in document and _IN_JSON.search(document) is not None


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
