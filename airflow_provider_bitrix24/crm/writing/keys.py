"""Keys of upserts: the fields that tell an item from all others, as the caller's own system does.

Nothing in a portal keeps a key unique, and its database may take two texts for one that differ by case or by
spaces at the end. So a key counts as equal only if it is the same text; what is nearly so is told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.schema import CrmField, CrmSchema
from airflow_provider_bitrix24.crm.inputs import check_text, is_sequence, listed
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.shown import shown

#: a key's values as texts, in the order of its columns
Parts = tuple[str, ...]

#: phones and the like by which ``crm.duplicate.findbycomm`` looks items up, of which types
COMMUNICATIONS = ("PHONE", "EMAIL")
_WITH_COMMUNICATIONS = ("lead", "contact", "company")
#: types of fields whose values are written in one way only
_TYPES = (
    "string",
    "url",
    "integer",
    "crm_status",
    "crm_category",
    *(kind for kind in ft.IDS if kind != "crm"),  # which is written as D_1 or as 1
)
#: keys that some types have and others do not
_NO_KEY_OF_ALL = ("xml_id", "xmlid", "origin_id", "originid")
_USUAL = (
    "Smart processes and invoices have xml_id; leads, deals, contacts and companies have originator_id and "
    "origin_id."
)
_REMEDY = "Give a field's name, such as 'xml_id', or a list such as ['originator_id', 'origin_id']."
#: what follows a phone's number: an extension, which the portal does not compare
_EXTENSION = re.compile(r"[,;#*x]|ext|доб", re.IGNORECASE)
_NOT_DIGITS = re.compile(r"[^0-9]")


@dataclass(frozen=True)
class Key:
    """The fields by which items are looked up.

    :param columns: their columns' names, such as ``origin_id``
    :param api_names: the API's names, such as ``originId``; ``PHONE`` or ``EMAIL`` of a communication
    :param types: their types, as the metadata names them
    """

    columns: tuple[str, ...]
    api_names: tuple[str, ...]
    types: tuple[str, ...]

    @classmethod
    def parse(cls, value: Any, schema: CrmSchema, field: str = "key") -> Key:
        """Return the key of an entity type that a user named.

        :param value: a field's name in any spelling, or a list of them; ``phone`` or ``email`` of leads,
            contacts and companies
        :param schema: the type's fields
        :param field: where it stands, for the message
        :raises InvalidInputError: one of these is no field, or none by which items can be looked up
        """
        names = _names(value, field)
        if len(names) == 1 and _communication(names[0][1], schema):
            kind = names[0][1].strip().upper()
            return cls((kind.lower(),), (kind,), ("crm_multifield",))
        found = [_field(name, schema, place) for place, name in names]
        for (place, name), described in zip(names, found, strict=True):
            if found.count(described) > 1:
                raise InvalidInputError(f"{place}: {shown(name)} is there twice", remedy="Name it once.")
        return cls(
            tuple(described.name for described in found),
            tuple(described.api_name for described in found),
            tuple(described.type for described in found),
        )

    @property
    def is_communication(self) -> bool:
        """Whether it is a phone or an e-mail address, of which an item may have several."""
        return self.api_names[0] in COMMUNICATIONS

    @property
    def _is_phone(self) -> bool:
        return self.api_names == ("PHONE",)

    def of(self, wanted: Mapping[str, Any], place: str) -> Parts:
        """Return a row's key; of several phones or addresses the first one is the key.

        :param wanted: the row's values by the API's names, as the writers parsed them
        :param place: where the row stands, for the message
        :raises InvalidInputError: a part of the key is empty, or none of its field's type
        """
        parts = []
        for column, name, kind in zip(self.columns, self.api_names, self.types, strict=True):
            value = _first(wanted.get(name)) if self.is_communication else wanted.get(name)
            try:
                parts.append(_as_text(value, kind))
            except ft.NotOfTypeError as problem:
                raise InvalidInputError(f"{place}.{column}: {problem}, so it is not a key") from None
        for column, part in zip(self.columns, self.folded(tuple(parts)), strict=True):
            if not part:
                what = "holds no digits" if self._is_phone and parts[0] else "is empty"
                raise InvalidInputError(
                    f"{place}: the row has no key, because {column} {what}",
                    remedy="Fill it where the rows come from, or leave the row out.",
                )
        return tuple(parts)

    def in_item(self, item: Mapping[str, Any]) -> Parts:
        """Return an item's key; a part that is empty is an empty text.

        :param item: the item, as ``crm.item.list`` answers it
        :raises UnexpectedResultError: the answer does not show the key
        """
        parts = []
        for column, name, kind in zip(self.columns, self.api_names, self.types, strict=True):
            if name not in item:
                raise self._not_shown(item, f"without {column}")
            try:
                parts.append(_as_text(item[name], kind))
            except ft.NotOfTypeError as problem:
                raise self._not_shown(item, f"with {problem} in {column}") from None
        return tuple(parts)

    @staticmethod
    def _not_shown(item: Mapping[str, Any], how: str) -> UnexpectedResultError:
        return UnexpectedResultError(
            f"the portal shows item {number_of(item.get('id'))} {how}",
            method="crm.item.list",
            remedy="Check that the connection's user may see the field.",
        )

    def folded(self, parts: Parts) -> Parts:
        """Return a key without what the portal may not compare: case, spaces at the end, a phone's format.

        Two rows whose keys are the same then are about the same item.

        :param parts: the key
        """
        if self._is_phone:
            return (digits(parts[0]),)
        return tuple([part.casefold().rstrip() for part in parts])


@dataclass(frozen=True)
class Found:
    """The items that a look-up of a key found.

    :param items: those whose key is exactly that, of many the first ones, in the order of their ids, as
        ``crm.item.list`` answers them
    :param near: ids of others that the portal may take for the same: the key differs by case or by spaces at
        the end; a phone that the portal found and the item does not show; an item that the user may not read
    """

    items: tuple[Mapping[str, Any], ...] = ()
    near: tuple[int, ...] = ()


#: what a look-up tells of each key: what it found, or why that is not known
FoundByKey = dict[Parts, Found | Bitrix24Error]


def digits(phone: str) -> str:
    """Return a phone's digits, without an extension.

    The trunk prefix of eleven digits that begin with 8 is the 7 of the same number with its country code.

    :param phone: as people write it
    """
    number = _EXTENSION.split(phone, maxsplit=1)[0].strip()
    found = _NOT_DIGITS.sub("", number)
    is_national = len(found) == len("89001234567") and found[0] == "8" and not number.startswith("+")
    return f"7{found[1:]}" if is_national else found


# --- names ---


def _names(value: Any, field: str) -> list[tuple[str, str]]:
    """Return the names of a key, and where each stands."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [(field, check_text(value, field))]
    names = listed(value, field, "fields' names", _REMEDY) if isinstance(value, str) else value
    if not is_sequence(names) or not names:
        raise InvalidInputError(f"{field}: {shown(value)} is not a key", remedy=_REMEDY)
    places = [f"{field}[{position}]" for position in range(len(names))] if len(names) > 1 else [field]
    for place, name in zip(places, names, strict=True):
        if not isinstance(name, str):
            raise InvalidInputError(f"{place}: {shown(name)} is not a field's name", remedy=_REMEDY)
    return list(zip(places, names, strict=True))


def _communication(name: str, schema: CrmSchema) -> bool:
    return schema.dataset in _WITH_COMMUNICATIONS and name.strip().upper() in COMMUNICATIONS


def _field(name: str, schema: CrmSchema, place: str) -> CrmField:
    if _communication(name, schema):
        raise InvalidInputError(
            f"{place}: {shown(name)} is a key by itself", remedy="Leave the other fields out of the key."
        )
    found = schema.find(name.strip())
    if found is None and name.strip().casefold() not in {column.name.casefold() for column in schema.columns}:
        error = schema.unknown(name, place)
        raise error.but(remedy=f"{error.remedy} {_USUAL}") if name.casefold() in _NO_KEY_OF_ALL else error
    problem, remedy = _why_not(found, schema)
    if problem or found is None:
        raise InvalidInputError(f"{place}: {shown(name)} is not a key, because {problem}", remedy=remedy)
    return found


def _why_not(found: CrmField | None, schema: CrmSchema) -> tuple[str, str]:
    """Return why items cannot be looked up by a field, and what to do; nothing where they can."""
    if found is None:  # a currency, links of a contact
        return "items cannot be looked up by it", _REMEDY
    if found.name in schema.key:
        return "the portal gives it", "Update items whose ids are known by their ids."
    if found.read_only:
        return "the portal does not let it be written", "Name a field that holds your own system's key."
    if found.multiple:
        return "it holds several values", "Name a field that holds one."
    if found.type not in _TYPES:
        communications = f"phone and email of {', '.join(_WITH_COMMUNICATIONS)}"
        return f"its type is {found.type}", f"Types of keys are {', '.join(_TYPES)}; also {communications}."
    return "", ""


# --- values ---


def _first(entries: Any) -> Any:
    """Return the first phone or address of a row, written as a text or with its kind."""
    entry = entries[0] if is_sequence(entries) and entries else entries or None
    return entry.get("value") if isinstance(entry, Mapping) else entry


def _as_text(value: Any, kind: str) -> str:
    """Return a value of a type as text, which is empty where there is none.

    :raises NotOfTypeError: it is none of its type
    """
    found = ft.text(value) if kind == "crm_multifield" else ft.read_as(kind, 0)(value)
    if found is None:
        return ""
    return found.strip() if kind == "crm_multifield" else str(found)
