"""Optional arguments: one that was given and became nothing is something else than one that was left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from airflow_provider_bitrix24.rest.errors import InvalidInputError


class Given:
    """Which of some optional arguments were given, before templates and tasks gave them their values.

    :param names: their names
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    @classmethod
    def of(cls, **arguments: Any) -> Self:
        """Take those that are not ``None`` as given.

        :param arguments: the arguments by name
        """
        return cls(name for name, value in arguments.items() if value is not None)

    def check(self, holder: Any) -> None:
        """Refuse an argument that was given, but is ``None`` now: without it, more would fit than was meant.

        :param holder: has the arguments as attributes
        :raises InvalidInputError: there is one
        """
        for name in self._names:
            if getattr(holder, name) is None:
                raise InvalidInputError(
                    f"{name}: it was given, but is None now",
                    remedy="The task or template that should have passed it returned nothing: "
                    "check what it pushes to XCom.",
                )
