"""The fields of leads, deals, contacts, companies and quotes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# What an item of a smart process can be a child of (contacts and companies are its clients), and what can be
# a child of one.
PARENT_KINDS = ("lead", "deal", "quote")
CHILD_KINDS = ("lead", "deal", "contact", "company", "quote")
MULTI_TYPES = ("PHONE", "EMAIL", "WEB", "IM")
_INTEGER_TYPES = frozenset({"integer", "user", "crm_company", "crm_contact", "crm_lead", "crm_quote"})


@dataclass(frozen=True)
class Field:
    """A field of a CRM item; ``default`` is what an item shows that was never given a value."""

    name: str
    type: str
    default: Any = None
    read_only: bool = False
    immutable: bool = False
    write_only: bool = False
    multiple: bool = False

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
            "isRequired": False,
            "isReadOnly": self.read_only,
            "isImmutable": self.immutable,
            "isMultiple": self.multiple,
            "isDynamic": self.is_user_field,
            "title": self.name.replace("_", " ").capitalize(),
        }


# "NAME type default flags"; "-" is null, "" is the empty string; r read-only, i immutable, w only written.
_SYSTEM = """
    ASSIGNED_BY_ID user 1; OPENED char Y; COMMENTS string -; ORIGINATOR_ID string -; ORIGIN_ID string -
    SOURCE_ID crm_status -; SOURCE_DESCRIPTION string -; DATE_CREATE datetime - r; DATE_MODIFY datetime - r
    CREATED_BY_ID user 1 r; MODIFY_BY_ID user 1 r; LAST_ACTIVITY_TIME datetime - r; LAST_ACTIVITY_BY user 1 r
    UTM_SOURCE string -; UTM_MEDIUM string -; UTM_CAMPAIGN string -
"""
_MONEY = "OPPORTUNITY double 0.00; CURRENCY_ID crm_currency USD; IS_MANUAL_OPPORTUNITY char N"
_PERSON = "HONORIFIC crm_status -; NAME string -; SECOND_NAME string -; LAST_NAME string -; POST string -"
_MULTI = "; ".join(f"{name} crm_multifield -" for name in MULTI_TYPES)

_TABLES = {
    "deal": f"""
        ID integer - r; TITLE string -; TYPE_ID crm_status SALE; CATEGORY_ID integer 0 i
        STAGE_ID crm_status NEW; STAGE_SEMANTIC_ID string P r; IS_NEW char Y r; IS_RECURRING char N r
        PROBABILITY integer -; {_MONEY}; TAX_VALUE double 0.00; COMPANY_ID crm_company 0
        CONTACT_ID crm_contact -; CONTACT_IDS crm_contact - w; LEAD_ID crm_lead - r; QUOTE_ID crm_quote - r
        BEGINDATE date -; CLOSEDATE date -; CLOSED char N r; ADDITIONAL_INFO string -
        LOCATION_ID string -; MOVED_BY_ID user 1 r; MOVED_TIME datetime - r; {_SYSTEM}
        UF_CRM_DOCUMENT file -
    """,
    "lead": f"""
        ID integer - r; TITLE string -; {_PERSON}; COMPANY_TITLE string -; STATUS_ID crm_status NEW
        STATUS_SEMANTIC_ID string P r; STATUS_DESCRIPTION string -; {_MONEY}; COMPANY_ID crm_company -
        CONTACT_ID crm_contact -; CONTACT_IDS crm_contact - w; IS_RETURN_CUSTOMER char N r
        HAS_PHONE char N r; HAS_EMAIL char N r; BIRTHDATE date -
        DATE_CLOSED datetime - r; MOVED_BY_ID user 1 r; MOVED_TIME datetime - r; {_MULTI}; {_SYSTEM}
    """,
    "contact": f"""
        ID integer - r; {_PERSON}; PHOTO file -; BIRTHDATE date -; TYPE_ID crm_status CLIENT
        COMPANY_ID crm_company -; COMPANY_IDS crm_company - w; LEAD_ID crm_lead - r; EXPORT char Y
        HAS_PHONE char N r; HAS_EMAIL char N r; {_MULTI}; {_SYSTEM}
    """,
    "company": f"""
        ID integer - r; TITLE string -; COMPANY_TYPE crm_status CUSTOMER; LOGO file -; INDUSTRY crm_status -
        EMPLOYEES crm_status -; REVENUE double 0.00; CURRENCY_ID crm_currency USD; IS_MY_COMPANY char N i
        LEAD_ID crm_lead - r; HAS_PHONE char N r; HAS_EMAIL char N r; {_MULTI}; {_SYSTEM}
    """,
    "quote": f"""
        ID integer - r; TITLE string -; STATUS_ID crm_status DRAFT; {_MONEY}; COMPANY_ID crm_company 0
        CONTACT_ID crm_contact -; CONTACT_IDS crm_contact - w; DEAL_ID integer -; BEGINDATE date -
        CLOSEDATE date -; CLOSED char N r; QUOTE_NUMBER string -; {_SYSTEM}
    """,
    # smart processes and new invoices; only crm.item.* handles them
    "dynamic": f"""
        ID integer - r; XML_ID string -; TITLE string -; CATEGORY_ID integer - i; STAGE_ID crm_status -
        PREVIOUS_STAGE_ID crm_status - r; {_MONEY}; TAX_VALUE double 0.00; COMPANY_ID crm_company -
        CONTACT_ID crm_contact -; CONTACT_IDS crm_contact - w; MYCOMPANY_ID crm_company -; BEGINDATE date -
        CLOSEDATE date -; MOVED_BY_ID user 1 r; MOVED_TIME datetime - r; {_SYSTEM}
    """,
}


def parse_table(table: str) -> dict[str, Field]:
    """Read a table such as those above."""
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
            )
    return fields


STANDARD_FIELDS: Mapping[str, Mapping[str, Field]] = {
    kind: parse_table(table) for kind, table in _TABLES.items()
}


def standard_fields(kind: str) -> dict[str, Field] | None:
    """Return the fields a type comes with, ``None`` for a type of which nothing is known."""
    if kind == "smart_invoice" or kind.startswith("dynamic_"):
        kind = "dynamic"
    found = STANDARD_FIELDS.get(kind)
    return None if found is None else dict(found)


def parent_field(type_id: int) -> Field:
    """Describe the link to an item of another type."""
    return Field(f"PARENT_ID_{type_id}", "integer")


def user_field(name: str, kind: str = "string", *, multiple: bool = False) -> Field:
    """Describe a user field.

    :param name: ``UF_CRM_...``
    :param kind: type: string, integer, double, boolean, date, datetime, file, enumeration, ...
    """
    if not name.startswith("UF_"):
        raise ValueError(f"{name!r} is no name of a user field: UF_CRM_... expected")
    return replace(Field(name, kind), multiple=multiple)
