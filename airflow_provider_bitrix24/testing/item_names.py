"""The names fields have in ``crm.item.*``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from .fields import Field

if TYPE_CHECKING:
    from .item_store import ItemStore

# Those that are called otherwise there, not just written otherwise.
_OTHER = {
    "DATE_CREATE": "createdTime",
    "DATE_MODIFY": "updatedTime",
    "CREATED_BY_ID": "createdBy",
    "MODIFY_BY_ID": "updatedBy",
    "MOVED_BY_ID": "movedBy",
    "STATUS_ID": "stageId",
    "STATUS_SEMANTIC_ID": "stageSemanticId",
    "COMPANY_TYPE": "typeId",
    "OBSERVER_IDS": "observers",
}
#: The table's own names of those; filters and orders may use them.
_COLUMNS = {"statusId": "STATUS_ID", "statusSemanticId": "STATUS_SEMANTIC_ID"}
_MIXED = re.compile(r"[A-Z][0-9]|[0-9][A-Z]")
_CAPITAL = re.compile(r"[A-Z]")
_USER_FIELD = "UF_CRM_"
#: Fields that show the first of an item's phones and the like, of any type or of one.
_FIRST = {
    f"{kind}{type_ and '_'}{type_}": Field(
        f"{kind}{type_ and '_'}{type_}",
        "string",
        read_only=True,
        item_only=True,
        undescribed=True,
        first_of=(kind, type_),
    )
    for kind, types in {
        "PHONE": ("", "WORK", "MOBILE", "MAILING"),
        "EMAIL": ("", "WORK", "HOME", "MAILING"),
    }.items()
    for type_ in types
}


@lru_cache(maxsize=4096)
def item_name(name: str) -> str:
    """Return the camelCase name of a field, such as ``assignedById`` or ``ufCrm3_1747309727``."""
    if name.startswith(_USER_FIELD):
        return _user_field_name(name.removeprefix(_USER_FIELD))
    return _OTHER.get(name) or _camel(name)


def upper_name(name: str) -> str:
    """Return ``upperName``: of a standard field the name that all types share, not the classic one.

    :param name: the classic one
    """
    return _upper(_OTHER[name]) if name in _OTHER else name


def _camel(name: str) -> str:
    first, *others = name.lower().split("_")
    return first + "".join(part.capitalize() for part in others)


def _user_field_name(rest: str) -> str:
    """Numbers keep the underscore before them, unless they come first; mixtures stay as they are."""
    parts = rest.split("_")
    if any(_MIXED.search(part) for part in parts) or (len(parts) == 1 and rest.isdigit()):
        return f"ufCrm_{rest}"
    written = "ufCrm"
    for index, part in enumerate(parts):
        written += f"_{part}" if part.isdigit() and index else part.capitalize()
    return written


def item_fields(store: ItemStore, *, original: bool = False) -> dict[str, Field]:
    """Return a type's fields by the names of ``crm.item.*``; phones and the like are all in ``fm``.

    A user field whose name would be another one's as well keeps its own.

    :param original: leave the names of user fields as they are
    """
    named: dict[str, Field] = {}
    for field in store.fields.values():
        if not field.classic_only:
            name = field.name if original and field.is_user_field else item_name(field.name)
            named[field.name if name in named else name] = field
    if "PHONE" in store.fields:
        named |= {item_name(name): field for name, field in _FIRST.items()}
    return named


def any_spelling(fields: dict[str, Field]) -> dict[str, Field]:
    """Return fields by every name a caller may use: ``assignedById`` may be ``ASSIGNED_BY_ID``, too.

    Users' fields have their original names only where the caller asks for them.

    :param fields: the fields by their names in ``crm.item.*``
    """
    upper = {_upper(name): field for name, field in fields.items() if not field.is_user_field}
    names = {field.name: field for field in fields.values()}
    columns = {name: names[stored] for name, stored in _COLUMNS.items() if stored in names}
    return {**columns, **upper, **fields}


@lru_cache(maxsize=4096)
def _upper(name: str) -> str:
    return _CAPITAL.sub(r"_\g<0>", name).upper()


def storage_names(store: ItemStore) -> dict[str, str]:
    """Return the names a type's fields are stored by, by the names of ``crm.item.*``."""
    return {name: field.name for name, field in item_fields(store).items() if field.first_of is None}
