"""What ``crm.item.fields`` and the classic ``.fields`` tell of a type's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fields import Field
from .item_names import item_fields, item_name, upper_name

if TYPE_CHECKING:
    from .item_store import ItemStore
    from .pipelines import Pipelines

#: Types that classic methods call otherwise.
_ITEM_TYPES = {"char": "boolean"}
_TEXTS = frozenset({"COMMENTS", "SOURCE_DESCRIPTION", "STATUS_DESCRIPTION", "CONTENT", "TERMS"})
_DIRECTORIES = {
    "SOURCE_ID": "SOURCE",
    "HONORIFIC": "HONORIFIC",
    "INDUSTRY": "INDUSTRY",
    "EMPLOYEES": "EMPLOYEES",
    "COMPANY_TYPE": "COMPANY_TYPE",
}
_STAGES = frozenset({"STAGE_ID", "STATUS_ID", "PREVIOUS_STAGE_ID"})
#: A list replaces the single link.
_DEPRECATED = {"CONTACT_ID": "CONTACT_IDS", "COMPANY_ID": "COMPANY_IDS"}
#: Described beside these lists, but neither answered nor taken.
_UNREACHABLE = {"CONTACT_IDS": "CONTACTS", "COMPANY_IDS": "COMPANIES"}


def describe_items(kind: str, store: ItemStore, pipelines: Pipelines, *, original: bool) -> dict[str, Any]:
    """Return the answer of ``crm.item.fields``.

    :param original: leave the names of user fields as they are
    """
    described = {
        name: _item_entry(kind, field, pipelines)
        for name, field in item_fields(store, original=original).items()
        if not field.undescribed
    }
    beside = [Field("FM", "crm_multifield", multiple=True)] if "PHONE" in store.fields else []
    described |= {
        field.name.lower(): _item_entry(kind, field, pipelines)
        for field in (*beside, *unreachable_fields(store))
    }
    for single, several in _DEPRECATED.items():
        if several in store.fields and single in store.fields:
            described[item_name(single)]["isDeprecated"] = True
    return described


def unreachable_fields(store: ItemStore) -> list[Field]:
    """Return the fields that ``crm.item.fields`` describes, and no method answers or takes."""
    known = store.fields
    return [
        Field(other, known[name].type, multiple=True) for name, other in _UNREACHABLE.items() if name in known
    ]


def _item_entry(kind: str, field: Field, pipelines: Pipelines) -> dict[str, Any]:
    entry = {**field.describe(), **_more(kind, field, pipelines)}
    if not field.is_user_field:
        entry["type"] = "text" if field.name in _TEXTS else _ITEM_TYPES.get(field.type, field.type)
        if field.name == "CATEGORY_ID":
            entry["isImmutable"] = False
    elif field.definition.title:
        entry["title"] = field.definition.title
    return {**entry, "upperName": upper_name(field.name)}


def describe_classic(kind: str, store: ItemStore, pipelines: Pipelines) -> dict[str, Any]:
    """Return the answer of ``crm.{kind}.fields``: the title of a user field is its code there."""
    return {
        name: _classic_entry(kind, field, pipelines)
        for name, field in store.fields.items()
        if not field.item_only
    }


def _classic_entry(kind: str, field: Field, pipelines: Pipelines) -> dict[str, Any]:
    entry = {**field.describe(), **_more(kind, field, pipelines)}
    if field.is_user_field:
        label = field.definition.title or field.name
        entry |= {"title": field.name, "listLabel": label, "formLabel": label, "filterLabel": label}
    return entry


def _more(kind: str, field: Field, pipelines: Pipelines) -> dict[str, Any]:
    """Return directory, settings and options, where a field has any."""
    more: dict[str, Any] = {}
    if field.type == "crm_status":
        more["statusType"] = directory_of(kind, field, pipelines)
    if field.is_user_field:
        more["settings"] = field.definition.settings
    elif field.type == "crm_entity":
        more["settings"] = {"parentEntityTypeId": int(field.name.rpartition("_")[2])}
    if field.type == "enumeration":
        more["items"] = [{"ID": str(o.number), "VALUE": o.value} for o in field.definition.options]
    return more


def directory_of(kind: str, field: Field, pipelines: Pipelines) -> str:
    """Return ``ENTITY_ID`` of the directory that a field's codes come from."""
    if field.is_user_field:
        return str(field.definition.settings.get("ENTITY_TYPE", ""))
    if field.name in _STAGES:
        pipeline = pipelines.default(kind)
        return pipeline.status_entity if pipeline is not None else ""
    return _DIRECTORIES.get(field.name, f"{kind.upper()}_TYPE")
