"""CRM items: a type and an id, however they are spelt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import from_json, is_sequence, listed, pick, refuse_others
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

#: types by the names that the timeline methods take, with the short codes used in ``D_10``
ENTITY_TYPES: dict[str, str] = {
    "lead": "L",
    "deal": "D",
    "contact": "C",
    "company": "CO",
    "quote": "Q",
    "invoice": "I",
    "smart_invoice": "SI",
    "order": "O",
    "order_payment": "OP",
    "order_shipment": "OS",
    "shipment_document": "",
    "smart_document": "DO",
    "smart_b2e_doc": "SBD",
    "activity": "",
}
_TYPE_IDS = {
    "lead": 1,
    "deal": 2,
    "contact": 3,
    "company": 4,
    "invoice": 5,
    "quote": 7,
    "order": 14,
    "order_shipment": 16,
    "order_payment": 17,
    "smart_invoice": 31,
    "smart_document": 36,
}
_TYPES_BY_ID = {number: name for name, number in _TYPE_IDS.items()}
_BY_SHORT_CODE = {short: name for name, short in ENTITY_TYPES.items() if short}

_DYNAMIC = re.compile(r"dynamic_([1-9][0-9]{0,8})")
_SMART_PROCESS_CODE = re.compile(r"T([0-9a-f]{1,8})", re.IGNORECASE)
_SHORT = re.compile(r"([A-Za-z]+[0-9a-fA-F]*)_([0-9]+)")

#: names of an item's two parts in a row: ours and the API's
TYPE_KEYS = ("entity_type", "ENTITY_TYPE")
ID_KEYS = ("entity_id", "ENTITY_ID")
#: what results of this package say beside the names of things; a result can be passed on as it is
RESULT_KEYS = ("STATUS", "ERROR", "ERROR_DESCRIPTION")


def parse_entity_type(value: Any, field: str) -> str:
    """Return the name of a CRM type as the API writes it: ``deal``, ``dynamic_1042``.

    :param value: a name in any case, with or without spaces around it
    :param field: where it stands, for the message
    :raises InvalidInputError: it names no type
    """
    if isinstance(value, str):
        name = value.strip().lower()
        if name in ENTITY_TYPES or _is_dynamic(name):
            return name
    raise InvalidInputError(
        f"{field}: {shown(value)} is not a type of CRM item",
        remedy="Give its name: deal, lead, contact, company, quote, smart_invoice, order, dynamic_1042 ...",
    )


def _is_dynamic(name: str) -> bool:
    """Tell whether the name is a smart process's; only certain numbers are given to them."""
    match = _DYNAMIC.fullmatch(name)
    if match is None:
        return False
    number = int(match[1])
    return 128 <= number <= 191 or (number >= 1030 and number % 2 == 0)


@dataclass(frozen=True, order=True)
class CrmItem:
    """An item of the CRM.

    :param entity_type: its type's name, such as ``deal``
    :param entity_id: its id
    """

    entity_type: str
    entity_id: int

    @classmethod
    def parse(cls, value: Any, field: str = "item") -> CrmItem:
        """Return an item from any of its spellings.

        :param value: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or the same with the
            API's keys, ``"D_10"`` or ``"deal_10"``, or an item
        :param field: where it stands, for the message
        :raises InvalidInputError: it is none of these
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls._from_text(value, field)
        if isinstance(value, Mapping):
            refuse_others(value, (*TYPE_KEYS, *ID_KEYS), field)
            return cls.in_row(value, field)
        if is_sequence(value) and len(value) == 2:
            return cls.of(*value, prefix=f"{field}.")
        raise InvalidInputError(
            f"{field}: {shown(value)} is not a CRM item",
            remedy="Give it as ('deal', 10), {'entity_type': 'deal', 'entity_id': 10} or 'D_10'.",
        )

    @classmethod
    def of(cls, entity_type: Any, entity_id: Any, *, prefix: str = "") -> CrmItem:
        """Return an item from its two parts.

        :param entity_type: its type
        :param entity_id: its id
        :param prefix: goes before the fields' names in messages
        :raises InvalidInputError: one of the parts is not valid
        """
        return cls(
            parse_entity_type(entity_type, f"{prefix}entity_type"),
            parse_id(entity_id, f"{prefix}entity_id"),
        )

    @classmethod
    def given(cls, item: Any, entity_type: Any, entity_id: Any) -> CrmItem:
        """Return an item that is given whole, or by its two parts.

        :param item: the item; ``None`` where the parts are given
        :param entity_type: its type, instead of ``item``
        :param entity_id: its id, instead of ``item``
        :raises InvalidInputError: it is none
        """
        return cls.of(entity_type, entity_id) if item is None else cls.parse(item)

    @classmethod
    def in_row(cls, row: Mapping[Any, Any], field: str) -> CrmItem:
        """Return the item that a row names by its two parts.

        :param row: a mapping with ``entity_type`` and ``entity_id``, or the API's names of them
        :param field: where the row stands, for the message
        :raises InvalidInputError: one of the parts is missing or not valid
        """
        return cls.of(pick(row, TYPE_KEYS, field), pick(row, ID_KEYS, field), prefix=f"{field}.")

    @classmethod
    def _from_text(cls, value: str, field: str) -> CrmItem:
        if value.lstrip().startswith(("{", "[")):
            return cls.parse(from_json(value, field), field)
        name, _, number = value.strip().rpartition("_")
        short = type_of_short_code(name)
        if short and _SHORT.fullmatch(value.strip()):
            return cls(short, parse_id(number, field))
        if name.lower() in ENTITY_TYPES or _is_dynamic(name.lower()):
            return cls(name.lower(), parse_id(number, field))
        raise InvalidInputError(
            f"{field}: {shown(value)} is not a CRM item", remedy="Give it as 'D_10' or ('deal', 10)."
        )

    @property
    def pair(self) -> tuple[str, int]:
        """The item as type and id."""
        return self.entity_type, self.entity_id

    @property
    def type_id(self) -> int:
        """The number of its type, by which the methods for activities and ``crm.item.*`` go.

        :raises InvalidInputError: no number of the type is known
        """
        number = _TYPE_IDS.get(self.entity_type)
        if number is None and (match := _DYNAMIC.fullmatch(self.entity_type)):
            number = int(match[1])
        if number is None:
            raise InvalidInputError(
                f"{self}: no number of the type {self.entity_type!r} is known",
                remedy=f"Known are {', '.join(_TYPE_IDS)} and dynamic_<number>.",
            )
        return number

    @classmethod
    def of_type_id(cls, type_id: int, entity_id: int) -> CrmItem:
        """Return an item of a type that is given by its number, as the API answers it.

        :param type_id: the type's number; one that is not known becomes ``dynamic_<number>``
        :param entity_id: the item's id
        """
        return cls(_TYPES_BY_ID.get(type_id, f"dynamic_{type_id}"), entity_id)

    def row(self) -> dict[str, Any]:
        """Return the item under the API's keys."""
        return {"ENTITY_TYPE": self.entity_type, "ENTITY_ID": self.entity_id}

    def __str__(self) -> str:
        return f"{self.entity_type} {self.entity_id}"


def type_of_short_code(code: str) -> str:
    """Return the type that a short code such as ``D`` or ``T80`` stands for, ``""`` where it is none.

    :param code: the short code
    """
    if code.upper() in _BY_SHORT_CODE:
        return _BY_SHORT_CODE[code.upper()]
    match = _SMART_PROCESS_CODE.fullmatch(code)
    name = f"dynamic_{int(match[1], 16)}" if match else ""
    return name if _is_dynamic(name) else ""


def parse_items(value: Any, field: str = "items") -> list[CrmItem]:
    """Return a list of items, at least one; one JSON text, as a template may give it, is read as such.

    :param value: the items
    :param field: where they stand, for the message
    :raises InvalidInputError: there is none, or something in it is not an item; nothing has been sent then
    """
    rows = listed(value, field, "CRM items", "Give a list of items such as ('deal', 10).")
    if not rows:
        raise InvalidInputError(f"{field}: the list is empty", remedy="Give at least one item.")
    return [CrmItem.parse(row, f"{field}[{position}]") for position, row in enumerate(rows)]
