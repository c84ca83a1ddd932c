"""Optional arguments: one that was given and became nothing is something else than one that was left out."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.rest.errors import InvalidInputError


class Given:
    """Which of some optional arguments were given, before templates and tasks gave them their values.

    :param arguments: the arguments by name; ``None`` where one was left out
    """

    def __init__(self, **arguments: Any) -> None:
        self._names = [name for name, value in arguments.items() if value is not None]

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
