"""The fields of users: what they are called, what they hold, and which scope shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import php
from .fields import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

# "NAME=label"; a plus after the name: scope user_brief shows it, too; a minus: only scope user does.
_TABLE = """
    ID+=ID; XML_ID+=External code; ACTIVE+=Activity; NAME+=First name; LAST_NAME+=Last name
    SECOND_NAME+=Middle name; TITLE+=Form of address; EMAIL=E-mail; LAST_LOGIN-=Last login
    DATE_REGISTER+=Registration date; TIME_ZONE+=TIME_ZONE; IS_ONLINE+=IS_ONLINE
    TIMESTAMP_X+=TIMESTAMP_X; LAST_ACTIVITY_DATE+=LAST_ACTIVITY_DATE; PERSONAL_GENDER+=Gender
    PERSONAL_PROFESSION+=Profession; PERSONAL_WWW-=Homepage; PERSONAL_BIRTHDAY+=Birthday
    PERSONAL_PHOTO+=Photo; PERSONAL_ICQ-=ICQ; PERSONAL_PHONE=Phone; PERSONAL_FAX=Fax
    PERSONAL_MOBILE=Mobile; PERSONAL_PAGER=Pager; PERSONAL_STREET=Street; PERSONAL_CITY+=City
    PERSONAL_STATE+=Region; PERSONAL_ZIP=Postal code; PERSONAL_COUNTRY+=Country
    PERSONAL_MAILBOX=Mailbox; PERSONAL_NOTES=Notes; WORK_PHONE=Company phone; WORK_COMPANY=Company
    WORK_POSITION+=Position; WORK_DEPARTMENT=Department; WORK_WWW=Company website; WORK_FAX=WORK_FAX
    WORK_PAGER=WORK_PAGER; WORK_STREET=WORK_STREET; WORK_MAILBOX=WORK_MAILBOX; WORK_CITY+=City of work
    WORK_STATE+=WORK_STATE; WORK_ZIP=WORK_ZIP; WORK_COUNTRY+=WORK_COUNTRY; WORK_PROFILE=WORK_PROFILE
    WORK_LOGO=WORK_LOGO; WORK_NOTES=WORK_NOTES; UF_SKYPE_LINK=Skype chat link; UF_ZOOM=Zoom
    UF_EMPLOYMENT_DATE+=Employment date; UF_TIMEMAN+=Time management; UF_DEPARTMENT+=Departments
    UF_INTERESTS+=Interests; UF_SKILLS+=Skills; UF_WEB_SITES=Other websites; UF_XING=Xing
    UF_LINKEDIN=LinkedIn; UF_FACEBOOK=Facebook; UF_TWITTER=Twitter; UF_SKYPE=Skype; UF_DISTRICT=District
    UF_PHONE_INNER+=Internal phone; USER_TYPE+=USER_TYPE
"""
_TYPES = {
    "ID": "integer",
    "ACTIVE": "char",
    "IS_ONLINE": "char",
    "LAST_LOGIN": "datetime",
    "DATE_REGISTER": "datetime",
    "TIMESTAMP_X": "datetime",
    "LAST_ACTIVITY_DATE": "datetime",
}
# The documentation's own example has an empty object for these dates.
EMPTY_DATES = ("TIMESTAMP_X", "LAST_ACTIVITY_DATE")
LABELS: dict[str, str] = {}
FIELDS: dict[str, Field] = {}
_BRIEF: set[str] = set()
_FULL_ONLY: set[str] = set()

for _entry in _TABLE.replace("\n", ";").split(";"):
    if _entry.strip():
        _name, _, _label = _entry.strip().partition("=")
        _plain = _name.rstrip("+-")
        LABELS[_plain] = _label
        FIELDS[_plain] = Field(_plain, _TYPES.get(_plain, "string"))
        if _name.endswith("+"):
            _BRIEF.add(_plain)
        elif _name.endswith("-"):
            _FULL_ONLY.add(_plain)


def shown_by(scopes: tuple[str, ...]) -> list[str]:
    """Return the fields that the widest of a caller's scopes shows."""
    if "user" in scopes:
        return list(FIELDS)
    if "user_basic" in scopes:
        return [name for name in FIELDS if name not in _FULL_ONLY]
    return [name for name in FIELDS if name in _BRIEF]


def user_card(values: Mapping[str, Any]) -> dict[str, Any]:
    """Check the further fields of a user that a test creates."""
    for name in values:
        if name not in FIELDS or name in ("ID", "ACTIVE", "NAME", "TIME_ZONE"):
            raise ValueError(f"{name!r} is no further field of a user: {', '.join(FIELDS)}")
    card = dict(values)
    if "UF_DEPARTMENT" in card:
        card["UF_DEPARTMENT"] = [php.int_cast(value) for value in php.values(card["UF_DEPARTMENT"])]
    return card
