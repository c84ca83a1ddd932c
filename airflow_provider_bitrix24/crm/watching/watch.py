"""Watches: what a sensor waits for. Each look is a plan."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem, parse_entity_type
from airflow_provider_bitrix24.rest.plans import Plan

#: looks in a row that find nothing and do not ask whether the thing looked at is still there
_UNCHECKED = 9

#: reads one argument, given its value and its name; raises ``InvalidInputError`` if it is not valid
Parser = Callable[[Any, str], Any]
#: the arguments that name an item
ITEM_PARSERS: Mapping[str, Parser] = {
    "item": CrmItem.parse,
    "entity_type": parse_entity_type,
    "entity_id": parse_id,
}


@dataclass(frozen=True)
class Sight:
    """What a look saw.

    :param seen: how things are, in words, without a customer's values
    :param found: what the sensor returns, if what it waits for is there; ``None`` otherwise
    :param missing: which part of what it waits for is not there, in words; ``""`` for all of it
    """

    seen: str
    found: dict[str, Any] | None = None
    missing: str = ""


class Watch(Protocol):
    """What a sensor waits for."""

    #: reads each argument by itself
    parsers: ClassVar[Mapping[str, Parser]]
    #: what is waited for, in words
    goal: str

    def address(self, origin: str) -> str:
        """Return where the portal shows what is looked at, ``""`` where it does not.

        :param origin: the portal's scheme, host and port
        """

    def look(self) -> Plan[Sight]:
        """Look once."""


class NowAndThen:
    """Tells when to ask whether the thing looked at still exists: at the first look, then at every tenth."""

    def __init__(self) -> None:
        self._unchecked: int | None = None

    def is_due(self) -> bool:
        """Count a look, and tell whether to ask at this one."""
        if self._unchecked:
            self._unchecked -= 1
            return False
        return True

    def answered(self) -> None:
        """Note that it exists; until that is told, each look asks."""
        # Many that begin together are not to ask again in the same round.
        first = self._unchecked is None
        self._unchecked = random.randint(0, _UNCHECKED) if first else _UNCHECKED  # noqa: S311 - no secret
