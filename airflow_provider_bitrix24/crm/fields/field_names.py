"""Which names a type's fields have, as the metadata and what is known beside it tell.

What nobody knows for sure counts as a field: a check must not stop a call that is right.
"""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CAPITAL = re.compile(r"(?<=.)(?=[A-Z])")
#: phones and the like are fields of some types without standing in the metadata
_MULTI = frozenset({"PHONE", "EMAIL", "WEB", "IM", "LINK", "FM"})
#: what classic methods take beside their metadata, by where it stands
_BESIDE = {
    "fields": re.compile(r"TRACE|PARENT_ID_\d+"),
    # the metadata does not tell columns that are hidden
    "filter": re.compile(
        r"PARENT_ID_\d+|\w+_ACCOUNT|ACCOUNT_CURRENCY_ID|EXCH_RATE|FACE_ID|IS_(?:WORK|WON|LOSE)|EVENT_\w+"
        r"|FULL_NAME|BIRTHDAY_SORT"
    ),
    "select": re.compile(r"PARENT_ID_\d+"),
    # lists can be sorted by columns of other tables
    "order": re.compile(
        r"(?:PARENT_ID|UTM|ASSIGNED_BY|CREATED_BY|MODIFY_BY|MOVED_BY|COMPANY|CONTACT|EVENT|PRODUCT|STATUS|STAGE)"
        r"_\w+|IS_\w+|HAS_\w+|\w+_ACCOUNT|ACCOUNT_CURRENCY_ID|EXCH_RATE|SEARCH_CONTENT|FACE_ID"
        r"|FULL_NAME|BIRTHDAY_SORT|(?:ASSIGNED|CREATED|MODIFY)_BY|WEBFORM_ID|CATEGORY_ID|ASSOCIATED_COMPANY_TITLE"
    ),
}
#: what ``crm.item.*`` takes beside its metadata: columns, the first phone or address, links
_BESIDE_ITEMS = re.compile(
    r"PARENT_ID_?\d+|UTM_[A-Z]+|(?:PHONE|EMAIL)(?:_[A-Z]+)?|SKYPE|ICQ|IMOL|ENTITY_TYPE_ID|SEARCH_CONTENT"
    r"|LAST_(?:COMMUNICATION|ACTIVITY)\w*|CONTACTS|(?:CONTACT|COMPANY|OBSERVER)_IDS|OBSERVERS"
    r"|PRODUCT_ROWS?|PRODUCTS|DATE_CREATE|DATE_MODIFY|(?:CREATED|MODIFY|UPDATED|MOVED)_BY(?:_ID)?"
    r"|(?:CREATED|UPDATED|MOVED)_TIME|STATUS_ID|STAGE_ID|(?:STATUS|STAGE)_SEMANTIC_ID|COMPANY_TYPE|TYPE_ID"
)


@dataclass(frozen=True)
class FieldNames(ABC):
    """The fields of a type.

    :param names: their names, as the metadata spells them
    :param subject: whose they are, in words
    :param moments: columns that hold a date with a time
    """

    names: frozenset[str]
    subject: str
    moments: frozenset[str] = field(default=frozenset(), kw_only=True)

    @abstractmethod
    def knows(self, name: str, place: str) -> bool:
        """Tell whether a name may be a field's.

        :param name: the name, without an operator
        :param place: where it stands: ``fields``, ``select``, ``filter`` or ``order``
        """

    def is_moment(self, name: str) -> bool:
        """Tell whether a field holds a date with a time, as far as the metadata tells.

        :param name: its name, without an operator
        """
        return as_column(name) in self.moments

    def near(self, name: str) -> list[str]:
        """Return names that may have been meant.

        :param name: a name that is no field's
        """
        by_letters = {letters(known): known for known in sorted(self.names)}
        found = difflib.get_close_matches(letters(name), by_letters, n=3)
        return [by_letters[spelled] for spelled in found]


class ClassicNames(FieldNames):
    """Fields of methods such as ``crm.deal.list``, which are written in upper case."""

    @classmethod
    def of(cls, described: Mapping[Any, Any], subject: str) -> ClassicNames:
        """Return the names that descriptions tell.

        :param described: descriptions by name, as ``crm.deal.fields`` gives them
        :param subject: whose they are, in words
        """
        return cls(frozenset(map(str, described)), subject, moments=_moments(described))

    def knows(self, name: str, place: str) -> bool:
        """Tell whether a name may be a field's; columns may be selected and ordered by in lower case, too."""
        column = name.upper() if place in ("select", "order") else name
        has_phones = self.subject not in ("a deal", "a quote")
        return (
            column in self.names
            or (has_phones and column in _MULTI)
            or _BESIDE[place].fullmatch(column) is not None
        )


@dataclass(frozen=True)
class ItemNames(FieldNames):
    """Fields of ``crm.item.*``, which may be written ``assignedById`` or ``ASSIGNED_BY_ID``.

    :param columns: names of the standard fields, as the table's columns are called
    :param original: other names of users' fields that the call may use
    """

    columns: frozenset[str]
    original: frozenset[str]

    @classmethod
    def of(cls, described: Mapping[Any, Any], subject: str, *, original: bool) -> ItemNames:
        """Return the names that descriptions tell.

        :param described: descriptions by name, as ``crm.item.fields`` gives them
        :param subject: whose they are, in words
        :param original: whether users' fields may go by the names that they were created with
        """
        columns, own = set(), set()
        for key, description in described.items():
            name = str(key)
            upper = str((description.get("upperName") if isinstance(description, Mapping) else "") or name)
            if upper.startswith("UF_") or name.startswith("uf"):
                own.add(upper)
            else:
                columns |= {upper, as_column(name)}
        names = frozenset(map(str, described))
        moments = _moments(described)
        return cls(names, subject, frozenset(columns), frozenset(own if original else ()), moments=moments)

    def knows(self, name: str, place: str) -> bool:
        """Tell whether a name may be a field's; each of the two spellings will do."""
        column = as_column(name)
        return name in self.names or name in self.original or column in self.columns or is_beside_items(name)


def is_beside_items(name: str) -> bool:
    """Tell whether ``crm.item.*`` takes a name that its metadata does not tell.

    :param name: the name, without an operator
    """
    column = as_column(name)
    return column in _MULTI or _BESIDE_ITEMS.fullmatch(column) is not None


def as_column(name: str) -> str:
    """Return a name as the table's column is called: ``assignedById`` is ``ASSIGNED_BY_ID``.

    :param name: the name
    """
    return name if name.upper() == name else _CAPITAL.sub("_", name).upper()


def _moments(described: Mapping[Any, Any]) -> frozenset[str]:
    return frozenset(
        as_column(str(name))
        for name, description in described.items()
        if isinstance(description, Mapping) and description.get("type") == "datetime"
    )


def letters(name: str) -> str:
    """Return a name without what differs between its spellings.

    :param name: the name
    """
    return name.replace("_", "").casefold()
