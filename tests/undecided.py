"""A value that cannot be compared."""

from __future__ import annotations

from typing import Any


class Undecided:
    """Like pandas' NA: a comparison with it is neither true nor false."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")
