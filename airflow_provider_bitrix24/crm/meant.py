"""What may have been meant by a name that is none, in the words of a remedy."""

from __future__ import annotations

from collections.abc import Sequence


def meant(names: Sequence[str]) -> str:
    """Return a sentence on what may have been meant, an empty text where nothing is like it.

    :param names: the names
    """
    if len(names) < 2:
        return f"Write {names[0]!r}, if you meant that." if names else ""
    return f"Write {' or '.join(map(repr, names))}, if you meant one of them."
