"""The fields that leads, deals, contacts, companies, quotes, invoices and smart processes come with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import MULTI_TYPES, Field, parse_table

if TYPE_CHECKING:
    from collections.abc import Mapping

_UTM = ("SOURCE", "MEDIUM", "CAMPAIGN", "CONTENT", "TERM")
_SYSTEM = """
    ASSIGNED_BY_ID user 1; OPENED char Y; DATE_CREATE datetime - r; DATE_MODIFY datetime - r
    CREATED_BY_ID user 1 r; MODIFY_BY_ID user 1 r; LAST_ACTIVITY_TIME datetime - r; LAST_ACTIVITY_BY user 1 r
    LAST_COMMUNICATION_TIME string - r; LAST_COMMUNICATION_CALL_TIME datetime - r o
    LAST_COMMUNICATION_EMAIL_TIME datetime - r o; LAST_COMMUNICATION_IMOL_TIME datetime - r o
    LAST_COMMUNICATION_WEBFORM_TIME datetime - r o; WEBFORM_ID crm_webform - i o
"""
_CLASSIC = f"{_SYSTEM}; COMMENTS string -; " + "; ".join(f"UTM_{name} string -" for name in _UTM)
_SOURCE = "SOURCE_ID crm_status -; SOURCE_DESCRIPTION string -"
_ORIGIN = "ORIGINATOR_ID string -; ORIGIN_ID string -"
_VERSION = "ORIGIN_VERSION string -"
_MONEY = "OPPORTUNITY double 0.00; CURRENCY_ID crm_currency USD; IS_MANUAL_OPPORTUNITY char N"
_PERSON = (
    "HONORIFIC crm_status -; NAME string -; SECOND_NAME string -; LAST_NAME string -; POST string -; "
    "BIRTHDATE date -"
)
_MULTI = "; ".join(f"{name} crm_multifield - c" for name in MULTI_TYPES)
_REACHED = f"{_MULTI}; HAS_PHONE char N r; HAS_EMAIL char N r; HAS_IMOL char N r"
_ADDRESS = "; ".join(
    f"ADDRESS{part} string - c"
    for part in (
        "",
        "_2",
        "_CITY",
        "_POSTAL_CODE",
        "_REGION",
        "_PROVINCE",
        "_COUNTRY",
        "_COUNTRY_CODE",
        "_LOC_ADDR_ID",
    )
)
_CLIENT = "CONTACT_ID crm_contact -; CONTACT_IDS crm_contact - w"
_OBSERVERS = "OBSERVER_IDS user - w o"
_MOVED = "MOVED_BY_ID user 1 r; MOVED_TIME datetime - r"
_DATES = "BEGINDATE date -; CLOSEDATE date -"

# Only crm.item.* handles these. Their UTM fields are answered, but not described.
_DYNAMIC = f"""
    ID integer - r; XML_ID string -; TITLE string -; CATEGORY_ID crm_category - i; STAGE_ID crm_status -
    PREVIOUS_STAGE_ID crm_status - r; {_MONEY}; TAX_VALUE double 0.00; IS_RECURRING char N; COMMENTS string -
    COMPANY_ID crm_company -; {_CLIENT}; {_OBSERVERS}; MYCOMPANY_ID crm_company -; {_DATES}; {_MOVED}
    {_SOURCE}; {_SYSTEM}; {"; ".join(f"UTM_{name} string - h" for name in _UTM)}
"""

_TABLES = {
    "deal": f"""
        ID integer - r; TITLE string -; TYPE_ID crm_status SALE; CATEGORY_ID crm_category 0 i
        STAGE_ID crm_status NEW; STAGE_SEMANTIC_ID string P r; PREVIOUS_STAGE_ID crm_status - r o
        IS_NEW char Y r; IS_RECURRING char N r; IS_RETURN_CUSTOMER char N r; IS_REPEATED_APPROACH char N r
        PROBABILITY integer -; {_MONEY}; TAX_VALUE double 0.00; COMPANY_ID crm_company 0; {_CLIENT}
        MYCOMPANY_ID crm_company - o; {_OBSERVERS}; LEAD_ID crm_lead - r; QUOTE_ID crm_quote - r; {_DATES}
        CLOSED char N r; ADDITIONAL_INFO string -; LOCATION_ID location -; {_MOVED}; {_SOURCE}; {_ORIGIN}
        {_CLASSIC}; UF_CRM_DOCUMENT file -
    """,
    "lead": f"""
        ID integer - r; TITLE string -; {_PERSON}; COMPANY_TITLE string -; STATUS_ID crm_status NEW
        STATUS_SEMANTIC_ID string P r; STATUS_DESCRIPTION string -; {_MONEY}; COMPANY_ID crm_company -
        {_CLIENT}; {_OBSERVERS}; IS_RETURN_CUSTOMER char N r; DATE_CLOSED datetime - r; {_MOVED}; {_REACHED}
        {_ADDRESS}; {_SOURCE}; {_ORIGIN}; {_CLASSIC}
    """,
    "contact": f"""
        ID integer - r; {_PERSON}; PHOTO file -; TYPE_ID crm_status CLIENT; CATEGORY_ID crm_category 0 i o
        COMPANY_ID crm_company -; COMPANY_IDS crm_company - w; {_OBSERVERS}; LEAD_ID crm_lead - r
        EXPORT char Y; {_REACHED}; {_ADDRESS}; {_SOURCE}; {_ORIGIN}; {_VERSION}; {_CLASSIC}
    """,
    "company": f"""
        ID integer - r; TITLE string -; COMPANY_TYPE crm_status CUSTOMER; CATEGORY_ID crm_category 0 i o
        LOGO file -; INDUSTRY crm_status -; EMPLOYEES crm_status -; REVENUE double 0.00
        CURRENCY_ID crm_currency USD; IS_MY_COMPANY char N i; BANKING_DETAILS string -; {_OBSERVERS}
        CONTACT_IDS crm_contact - w o; LEAD_ID crm_lead - r; {_REACHED}; {_ADDRESS}; {_SOURCE}; {_ORIGIN}
        {_VERSION}; {_CLASSIC}
    """,
    "quote": f"""
        ID integer - r; TITLE string -; STATUS_ID crm_status DRAFT; {_MONEY}; TAX_VALUE double 0.00
        COMPANY_ID crm_company 0; {_CLIENT}; MYCOMPANY_ID crm_company -; LEAD_ID crm_lead -
        DEAL_ID crm_deal -; {_DATES}; ACTUAL_DATE date - o; CLOSED char N r; QUOTE_NUMBER string -
        CONTENT string -; TERMS string -; LOCATION_ID location -; PERSON_TYPE_ID integer - r; {_CLASSIC}
    """,
    "dynamic": _DYNAMIC,
    "smart_invoice": f"""
        {_DYNAMIC}; ACCOUNT_NUMBER string -; LOCATION_ID location -
        PARENT_ID_2 crm_entity -; PARENT_ID_7 crm_entity -
    """,
}

STANDARD_FIELDS: Mapping[str, Mapping[str, Field]] = {
    kind: parse_table(table) for kind, table in _TABLES.items()
}


def standard_fields(kind: str) -> dict[str, Field] | None:
    """Return the fields a type comes with, ``None`` for a type of which nothing is known."""
    found = STANDARD_FIELDS.get("dynamic" if kind.startswith("dynamic_") else kind)
    return None if found is None else dict(found)
