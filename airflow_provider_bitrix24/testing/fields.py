"""A field of a CRM item."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from .user_fields import UserField

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What an item of a smart process can be a child of (contacts and companies are its clients), and what can be
# a child of one.
PARENT_KINDS = ("lead", "deal", "quote")
CHILD_KINDS = ("lead", "deal", "contact", "company", "quote", "smart_invoice")
MULTI_TYPES = ("PHONE", "EMAIL", "WEB", "IM", "LINK")
_INTEGER_TYPES = frozenset(
    {
        "integer",
        "user",
        "employee",
        "enumeration",
        "iblock_element",
        "iblock_section",
        "resourcebooking",
        "crm_category",
        "crm_company",
        "crm_contact",
        "crm_deal",
        "crm_entity",
        "crm_lead",
        "crm_quote",
        "crm_webform",
    }
)


@dataclass(frozen=True)
class Field:
    """A field of a CRM item.

    :param default: what an item shows that was never given a value
    :param write_only: a list of linked items: classic methods take it, but never show it
    :param item_only: whether only ``crm.item.*`` knows it
    :param classic_only: whether only classic methods know it
    :param undescribed: whether ``crm.item.*`` answers it, but ``crm.item.fields`` leaves it out
    :param first_of: kind of phones and the like, and their type ("" is any): the field shows the first one
    :param required: whether methods refuse items that lack it
    :param definition: of a user field: how it was created
    """

    name: str
    type: str
    default: Any = None
    read_only: bool = False
    immutable: bool = False
    write_only: bool = False
    multiple: bool = False
    item_only: bool = False
    classic_only: bool = False
    undescribed: bool = False
    first_of: tuple[str, str] | None = None
    required: bool = False
    definition: UserField = field(default_factory=UserField)

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers."""
        return self.type in _INTEGER_TYPES

    @property
    def is_multi(self) -> bool:
        """Whether it is a list of phone numbers, addresses and the like."""
        return self.type == "crm_multifield"

    @property
    def is_user_field(self) -> bool:
        """Whether it was added to the portal."""
        return self.name.startswith("UF_")

    def describe(self) -> dict[str, Any]:
        """Return its entry in the answer of ``.fields``."""
        return {
            "type": self.type,
            "isRequired": self.required or self.definition.mandatory,
            "isReadOnly": self.read_only,
            "isImmutable": self.immutable,
            "isMultiple": self.multiple,
            "isDynamic": self.is_user_field,
            "title": self.name.replace("_", " ").capitalize(),
        }


def parse_table(table: str) -> dict[str, Field]:
    """Read a table of fields: entries ``NAME type default flags``, one a line or parted by semicolons.

    The default ``-`` is null. Flags: r read-only, i immutable, w a list of links that is only written, o
    known to ``crm.item.*`` only, c to classic methods only, h answered by ``crm.item.*`` but not described.
    """
    return dict(_parsed(table))


@cache
def _parsed(table: str) -> Mapping[str, Field]:
    fields = {}
    for entry in table.replace("\n", ";").split(";"):
        if entry.strip():
            name, kind, default, *flags = entry.split()
            fields[name] = Field(
                name,
                kind,
                None if default == "-" else default,
                read_only="r" in flags,
                immutable="i" in flags,
                write_only="w" in flags,
                multiple=kind == "crm_multifield" or "w" in flags,
                item_only="o" in flags,
                classic_only="c" in flags,
                undescribed="h" in flags,
            )
    return fields


def parent_field(type_id: int) -> Field:
    """Describe the link to an item of another type."""
    return Field(f"PARENT_ID_{type_id}", "crm_entity")


def user_field(name: str, definition: UserField) -> Field:
    """Describe a user field.

    :param name: ``UF_CRM_...``
    """
    if not name.startswith("UF_"):
        raise ValueError(f"{name!r} is no name of a user field: UF_CRM_... expected")
    return Field(name, definition.kind, multiple=definition.multiple, definition=definition)


def numbered(known: Mapping[str, Field], numbers: Iterator[int]) -> dict[str, Field]:
    """Return fields, the users' among them with the numbers that ``userfield.list`` shows."""
    return {
        name: replace(entry, definition=UserField(next(numbers), entry.type))
        if entry.is_user_field
        else entry
        for name, entry in known.items()
    }
