"""``crm.category.list`` and ``crm.stagehistory.list``: pipelines, and how items go through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dates, php
from ..errors import RestError, not_found
from ..item_query import refine
from ..listing import Query, split_key
from ..world import Call, Listed
from .params import controller_int
from .registry import controller

if TYPE_CHECKING:
    from ..item_store import ItemStore, Row
    from ..owner_types import OwnerType


# ---------------------------------------------------------------- pipelines


def list_categories(call: Call) -> Listed:
    """List the pipelines of a type, or the categories of contacts and companies."""
    owner = _type(call)
    if owner.kind in ("contact", "company"):
        numbers = enumerate(_numbers_of_categories(call, owner), 1)
        rows = [
            _category(owner, number, f"Category {number}", 100 * place, not number)
            for place, number in numbers
        ]
        return Listed({"categories": rows}, len(rows))
    known = call.world.pipelines.of(owner.kind)
    if owner.kind in ("lead", "quote") or not known:
        text = f"Entity type {owner.name} is not supported"
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", text)
    rows = [
        _category(owner, one.category_id, one.name, one.sort, one.is_default)
        for one in sorted(known.values(), key=lambda pipeline: pipeline.sort)
    ]
    return Listed({"categories": rows}, len(rows))


def _category(owner: OwnerType, number: int, name: str, sort: int, is_default: bool) -> Row:
    """Write a category; the default one says nothing of an origin."""
    row: Row = {
        "id": number,
        "name": name,
        "sort": sort,
        "entityTypeId": owner.type_id,
        "isDefault": "Y" if is_default else "N",
    }
    return row if is_default else {**row, "originId": "", "originatorId": ""}


def _numbers_of_categories(call: Call, owner: OwnerType) -> list[int]:
    """Return 0 and the categories that there are items in."""
    store = call.world.crm.store(owner.kind)
    return sorted({0, *(call.world.crm.category(store, row) for row in store.rows.values())})


def _type(call: Call) -> OwnerType:
    owner = call.world.types.by_id(controller_int(call, "entityTypeId"))
    if owner is None:
        raise not_found("Smart process")
    return owner


# ---------------------------------------------------------------- history


def list_history(call: Call) -> Listed:
    """List the steps that items took from stage to stage; only of items the user may read."""
    owner = call.world.types.by_id(controller_int(call, "entityTypeId"))
    if owner is None or not _has_history(owner):
        name = owner.name if owner is not None else ""
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {name} is not supported")
    store = call.world.history.store(owner.kind)
    filters = call.params.get("filter")
    _check_dates(call, filters)
    order = {name: value for name, value in php.pairs(call.params.get("order")) if name in store.fields}
    query = refine(Query(store, call.world.zone, call.now, overrun_first=False), store.fields, filters, order)
    if not call.user.reads_everything:
        query.conditions.append(
            lambda row: call.world.may_read(call.user, (owner.kind, int(row["OWNER_ID"])))
        )
    selected = {php.text(name) for name in php.values(call.params.get("select"))} & store.fields.keys()
    shown = [name for name in store.fields if not selected or name in selected | {"ID"}]
    page = query.page(call.start)
    rows = {"items": [_step(store, row, shown) for row in page.rows]}
    return Listed(rows, None if (call.start or 0) < 0 else page.total, page.next)


def _has_history(owner: OwnerType) -> bool:
    """Contacts, companies and quotes have none; old invoices have one that stays empty here."""
    return owner.kind in ("lead", "deal", "invoice", "smart_invoice") or owner.kind.startswith("dynamic_")


def _check_dates(call: Call, filters: Any) -> None:
    """Refuse conditions on the time that cannot be read, in groups of conditions as well."""
    for key, value in php.pairs(filters):
        if php.is_array(value):
            _check_dates(call, value)
            continue
        moment = dates.parse(php.text(value), call.world.zone, call.now)
        if moment is None and split_key(key)[1] == "CREATED_TIME":
            raise RestError("WRONG_DATETIME_FORMAT", "Wrong date and time format")


def _step(store: ItemStore, row: Row, shown: list[str]) -> dict[str, Any]:
    return {name: int(row[name]) if store.fields[name].is_integer else row[name] for name in shown}


METHODS = (
    controller("crm.category.list", list_categories),
    controller("crm.stagehistory.list", list_history),
)
