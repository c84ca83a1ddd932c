"""The types of CRM items: names, short codes, numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True)
class OwnerType:
    """One type of CRM item.

    :param type_id: ``entityTypeId``
    :param name: ``ENTITY_TYPE``, upper case
    :param short: short code, empty if there is none
    :param entity: whether timeline records can be bound to it
    :param title: what a smart process is called
    :param number: a smart process' own number, which is not its ``entityTypeId``
    :param created: when a smart process was made
    """

    type_id: int
    name: str
    short: str = ""
    entity: bool = True
    title: str = ""
    number: int = 0
    created: float = 0.0

    @property
    def code(self) -> str:
        """The short code; that of a smart process is ``T`` with its number in hexadecimal digits."""
        return f"T{self.type_id:x}" if self.number else self.short

    @property
    def kind(self) -> str:
        """The name as the API writes it in answers."""
        return self.name.lower()


_STATIC = (
    OwnerType(1, "LEAD", "L"),
    OwnerType(2, "DEAL", "D"),
    OwnerType(3, "CONTACT", "C"),
    OwnerType(4, "COMPANY", "CO"),
    OwnerType(5, "INVOICE", "I"),
    OwnerType(6, "ACTIVITY"),
    OwnerType(7, "QUOTE", "Q"),
    OwnerType(8, "REQUISITE", "RQ", entity=False),
    OwnerType(14, "ORDER", "O"),
    OwnerType(16, "ORDER_SHIPMENT", "OS"),
    OwnerType(17, "ORDER_PAYMENT", "OP"),
    OwnerType(31, "SMART_INVOICE", "SI"),
    OwnerType(33, "SHIPMENT_DOCUMENT"),
    OwnerType(36, "SMART_DOCUMENT", "DO"),
    OwnerType(39, "SMART_B2E_DOC", "SBD"),
)
_BY_NAME = {owner.name: owner for owner in _STATIC} | {owner.short: owner for owner in _STATIC if owner.short}
_BY_ID = {owner.type_id: owner for owner in _STATIC}
_DYNAMIC = re.compile(r"DYNAMIC_([1-9][0-9]{0,9})\Z")


class OwnerTypes:
    """The types that exist on one portal: the fixed ones and its smart processes."""

    def __init__(self) -> None:
        self._dynamic: dict[int, OwnerType] = {}
        self._numbers = count(2, 2)

    def add_dynamic(self, type_id: int, title: str = "", now: float = 0.0) -> OwnerType:
        """Create a smart process, or return it.

        :param type_id: 128 to 191, or an even number from 1030
        :param now: the portal's time
        """
        if not (128 <= type_id <= 191 or (type_id >= 1030 and type_id % 2 == 0)):
            raise ValueError(f"{type_id} is no number of a smart process: 128-191 or an even one from 1030")
        known = self._dynamic.get(type_id)
        if known is None:
            title = title or f"Smart process {type_id}"
            number = next(self._numbers)
            known = OwnerType(type_id, f"DYNAMIC_{type_id}", title=title, number=number, created=now)
            self._dynamic[type_id] = known
        return known

    def remove_dynamic(self, type_id: int) -> None:
        """Delete a smart process."""
        self._dynamic.pop(type_id, None)

    def dynamic(self) -> list[OwnerType]:
        """Return the smart processes, in the order they were made."""
        return list(self._dynamic.values())

    def by_code(self, code: str) -> OwnerType | None:
        """Resolve a short code such as ``D`` or ``T80``."""
        wanted = code.upper()
        known = (*_STATIC, *self._dynamic.values())
        return next((owner for owner in known if owner.code and owner.code.upper() == wanted), None)

    def by_name(self, name: str) -> OwnerType | None:
        """Resolve a name or short code in any case; ``DYNAMIC_n`` only if that smart process exists."""
        key = name.strip().upper()
        found = _DYNAMIC.match(key)
        return self._dynamic.get(int(found[1])) if found else _BY_NAME.get(key)

    def by_id(self, type_id: int) -> OwnerType | None:
        """Resolve a number."""
        return _BY_ID.get(type_id) or self._dynamic.get(type_id)

    def require(self, kind: str) -> OwnerType:
        """Resolve a name given by a test; an unknown one is an error there."""
        owner = self.by_name(kind)
        if owner is None:
            raise ValueError(f"{kind!r} is no type of CRM item (smart processes: add_smart_process first)")
        return owner
