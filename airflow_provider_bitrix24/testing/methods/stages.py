"""``crm.status.list``, ``crm.category.list``, ``crm.stagehistory.list``: stages and what comes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import RestError, denied, not_found
from ..fields import parse_table
from ..item_query import refine
from ..item_store import ItemStore
from ..listing import Query
from ..world import Call, Listed
from .params import classic_array, controller_int
from .registry import classic, controller

if TYPE_CHECKING:
    from ..item_store import Row
    from ..owner_types import OwnerType

_STATUS_FIELDS = parse_table("""
    ID integer -; ENTITY_ID string -; STATUS_ID string -; NAME string -; NAME_INIT string -; SORT integer -
    SYSTEM char -; CATEGORY_ID integer -; COLOR string -; SEMANTICS string -
""")
_SOURCES = {"CALL": "Call", "EMAIL": "E-mail", "WEB": "Website", "TRADE_SHOW": "Exhibition", "OTHER": "Other"}


# ---------------------------------------------------------------- statuses


def list_statuses(call: Call) -> Listed:
    """List the entries of directories, among them all stages; everything at once."""
    store = _statuses(call)
    query = Query(store, call.world.zone, call.now)
    query.filter(classic_array(call, "filter").items()).sort(classic_array(call, "order").items())
    rows = query.everything()
    return Listed(rows, len(rows))


def _statuses(call: Call) -> ItemStore:
    store = ItemStore("status", _STATUS_FIELDS, typed=True)
    for number, (code, name) in enumerate(_SOURCES.items(), 1):
        store.insert(number, _status("SOURCE", code, name, 10 * number, system=True))
    for pipeline in call.world.pipelines:
        for stage in pipeline.stages:
            row = _status(pipeline.status_entity, stage.stage_id, stage.name, stage.sort, system=stage.system)
            row |= {
                "CATEGORY_ID": str(pipeline.category_id) if pipeline.prefix else None,
                "COLOR": stage.color,
                "SEMANTICS": None if stage.semantic == "P" else stage.semantic,
                "EXTRA": {"SEMANTICS": stage.semantic_word, "COLOR": stage.color},
            }
            store.insert(stage.number, row)
    return store


def _status(entity: str, code: str, name: str, sort: int, *, system: bool) -> Row:
    return {
        "ID": "",
        "ENTITY_ID": entity,
        "STATUS_ID": code,
        "NAME": name,
        "NAME_INIT": name if system else "",
        "SORT": str(sort),
        "SYSTEM": "Y" if system else "N",
        "CATEGORY_ID": None,
        "COLOR": None,
        "SEMANTICS": None,
    }


# ---------------------------------------------------------------- pipelines


def list_categories(call: Call) -> Listed:
    """List the pipelines of a type."""
    owner = _type(call)
    known = call.world.pipelines.of(owner.kind)
    if owner.kind in ("lead", "quote") or not known:
        text = f"Entity type {owner.name} is not supported"
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", text)
    rows = []
    for pipeline in sorted(known.values(), key=lambda pipeline: pipeline.sort):
        row: Row = {
            "id": pipeline.category_id,
            "name": pipeline.name,
            "sort": pipeline.sort,
            "entityTypeId": owner.type_id,
            "isDefault": "Y" if pipeline.is_default else "N",
        }
        if not pipeline.is_default:
            row |= {"originId": "", "originatorId": ""}
        rows.append(row)
    return Listed({"categories": rows}, len(rows))


def _type(call: Call) -> OwnerType:
    owner = call.world.types.by_id(controller_int(call, "entityTypeId"))
    if owner is None:
        raise not_found("Smart process")
    return owner


# ---------------------------------------------------------------- history


def list_history(call: Call) -> Listed:
    """List the steps that items took from stage to stage."""
    owner = _type(call)
    if not call.world.pipelines.of(owner.kind) or owner.kind == "quote":
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {owner.name} is not supported")
    if not call.user.reads_anything:
        raise denied()
    store = call.world.history.store(owner.kind)
    query = Query(store, call.world.zone, call.now, overrun_first=False)
    refine(query, store.fields, call.params.get("filter"), call.params.get("order"))
    if not call.user.admin:
        query.conditions.append(
            lambda row: call.world.may_read(call.user, (owner.kind, int(row["OWNER_ID"])))
        )
    page = query.page(call.start)
    rows = {"items": [_step(store, row) for row in page.rows]}
    return Listed(rows, None if (call.start or 0) < 0 else page.total, page.next)


def _step(store: ItemStore, row: Row) -> dict[str, Any]:
    return {name: int(row[name]) if field.is_integer else row[name] for name, field in store.fields.items()}


METHODS = (
    classic("crm.status.list", list_statuses),
    controller("crm.category.list", list_categories),
    controller("crm.stagehistory.list", list_history),
)
