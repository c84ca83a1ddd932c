"""What the portal makes of values that it does not take as they are, while it answers that all went well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import php
from .items import same, stage_field
from .metadata import directory_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .fields import Field
    from .item_store import ItemStore, Row
    from .users import User
    from .world import World

#: Emptied, these keep what they had; a new item gets their usual values.
NEVER_EMPTY = frozenset({"TITLE", "ASSIGNED_BY_ID", "CURRENCY_ID", "STAGE_ID", "STATUS_ID"})
#: Types of items, by the types of the fields that link to them.
_LINKED = {f"crm_{kind}": kind for kind in ("lead", "deal", "contact", "company", "quote")}


def corrected(world: World, store: ItemStore, row: Row | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as the portal takes them; what stays as it is, is left out.

    A link to an item that there is not becomes empty; in a list of links it is left out. A stage that the
    pipeline does not have is ignored, and so is an unknown code in a field that has a usual one, such as the
    type of a deal. Unknown users, other unknown codes and links in user fields are stored as they come.

    :param row: the item as it is, ``None`` for a new one
    :param values: values by the names they are stored by
    """
    taken = {}
    for name, value in values.items():
        field = store.fields.get(name)
        if field is None or (name in NEVER_EMPTY and _is_empty(value)):
            continue
        if name == "CATEGORY_ID" and not _is_pipeline(world, store, value):
            continue
        if field.type == "crm_status" and not _is_known(world, store, row, values, field, value):
            continue
        taken[name] = _existing(world, field, value)
    return taken


def _is_empty(value: Any) -> bool:
    return not php.truthy(value)


def _is_pipeline(world: World, store: ItemStore, value: Any) -> bool:
    known = world.pipelines.of(store.kind)
    return value not in (None, "") and (not known or php.int_cast(value) in known)


def _is_known(
    world: World, store: ItemStore, row: Row | None, values: Mapping[str, Any], field: Field, code: Any
) -> bool:
    """Tell whether a field takes a code: any one, unless it has a stage or a usual value."""
    if field.name == stage_field(store):
        return php.text(code) in world.crm.stage_ids(store, row, values)
    if field.is_user_field or field.default is None or _is_empty(code):
        return True
    entity = directory_of(store.kind, field, world.pipelines)
    known = {status.status_id for status in world.directories.statuses if status.entity_id == entity}
    return not known or php.text(code) in known


def _existing(world: World, field: Field, value: Any) -> Any:
    """Return links without those to items that there are not."""
    kind = _linked_kind(world, field)
    if kind is None:
        return value
    if field.multiple:
        return [number for number in map(php.int_cast, php.values(value)) if world.crm.exists(kind, number)]
    return value if world.crm.exists(kind, php.int_cast(value)) else 0


def _linked_kind(world: World, field: Field) -> str | None:
    """Return the type of the items that a field links to; user fields are not looked at."""
    if field.is_user_field:
        return None
    if field.type != "crm_entity":
        return _LINKED.get(field.type)
    owner = world.types.by_id(int(field.name.rpartition("_")[2]))
    return owner.kind if owner is not None else ""


def keep_lists(store: ItemStore, before: Row, after: Row, names: Iterable[str]) -> set[str]:
    """Let multiple user fields keep their values where nothing would be left, and return their names.

    ``crm.item.update`` does not save that, and yet it answers that the field is null.

    :param names: what is written
    """
    lists = [field.name for field in map(store.fields.get, names) if field and _is_list(field)]
    emptied = {name for name in lists if not after.get(name)}
    for name in emptied:
        if name in before:
            after[name] = before[name]
    return emptied


def _is_list(field: Field) -> bool:
    return field.is_user_field and field.multiple


def without_hidden(user: User, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the user fields that a user does not see."""
    return {name: value for name, value in values.items() if (kind, name) not in user.hidden_fields}


def missing(store: ItemStore, before: Row | None, after: Row, *, user_fields: bool) -> list[Field]:
    """Return the required fields that are empty, of those that changed.

    All of them count if the item is new, or if it goes to another stage of its pipeline.

    :param user_fields: whether the portal looks at users' fields, too
    """
    stage = stage_field(store)
    everything = before is None or (
        stage is not None
        and store.value(before, stage) != store.value(after, stage)
        and same(store.fields.get("CATEGORY_ID"), before, after, "CATEGORY_ID")
    )
    return [
        field
        for field in store.fields.values()
        if (field.required or (user_fields and field.definition.mandatory))
        and (everything or before is None or not same(field, before, after, field.name))
        and _lacks(field, after)
    ]


def _lacks(field: Field, row: Row) -> bool:
    value = row.get(field.name, field.default)
    return not value or (value == "0" and field.type.startswith("crm_"))
