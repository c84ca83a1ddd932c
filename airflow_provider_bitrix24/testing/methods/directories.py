"""Reference data of the CRM: statuses, currencies, types of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dates, php
from ..errors import ACCESS_DENIED, RestError, classic_error, denied
from ..fields import parse_table
from ..item_query import refine
from ..item_store import ItemStore
from ..listing import Query
from ..world import Call, Listed
from .params import classic_array, controller_int
from .registry import Method, classic, controller

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..item_store import Row
    from ..owner_types import OwnerType
    from ..pipelines import Pipeline, Stage

_STATUS_FIELDS = parse_table("""
    ID integer -; ENTITY_ID string -; STATUS_ID string -; NAME string -; NAME_INIT string -; SORT integer -
    SYSTEM char -; CATEGORY_ID integer -; COLOR string -; SEMANTICS string -
""")


# ---------------------------------------------------------------- statuses


def list_statuses(call: Call) -> Listed:
    """List the entries of directories, among them all stages; everything at once."""
    filters = classic_array(call, "filter")
    for name, value in filters.items():
        if php.is_array(value):
            raise classic_error(f"Filter by {name} must be a string.")
    query = Query(_statuses(call), call.world.zone, call.now)
    query.filter(filters.items()).sort(classic_array(call, "order").items())
    rows = query.everything()
    return Listed(rows, len(rows))


def _statuses(call: Call) -> ItemStore:
    store = ItemStore("status", _STATUS_FIELDS, typed=True)
    for status in call.world.directories.statuses:
        row = _status(status.entity_id, status.status_id, status.name, status.sort, system=status.system)
        store.insert(status.number, row)
    for pipeline in call.world.pipelines:
        for stage in pipeline.stages:
            store.insert(stage.number, _stage(pipeline, stage))
    return store


def _stage(pipeline: Pipeline, stage: Stage) -> Row:
    return {
        **_status(pipeline.status_entity, stage.stage_id, stage.name, stage.sort, system=stage.system),
        "CATEGORY_ID": str(pipeline.category_id) if pipeline.prefix else None,
        "COLOR": stage.color,
        "SEMANTICS": None if stage.semantic == "P" else stage.semantic,
        "EXTRA": {"SEMANTICS": stage.semantic_word, "COLOR": stage.color},
    }


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


def entity_types(call: Call) -> list[dict[str, Any]]:
    """List the directories, those with stages included."""
    plain = [{"ID": name, "NAME": title} for name, title in call.world.directories.names.items()]
    return plain + [_entity_type(call, pipeline) for pipeline in call.world.pipelines]


def _entity_type(call: Call, pipeline: Pipeline) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ID": pipeline.status_entity,
        "NAME": f"{pipeline.name} stages",
        "SEMANTIC_INFO": _semantics(pipeline) if pipeline.kind in ("lead", "deal", "quote") else [],
        "ENTITY_TYPE_ID": pipeline.type_id,
    }
    if pipeline.kind in ("lead", "quote"):
        return shown
    shown |= {"FIELD_ATTRIBUTE_SCOPE": "", "CATEGORY_ID": pipeline.category_id}
    if pipeline.prefix:
        scope = f"category_{pipeline.category_id}"
        shown |= {"PREFIX": pipeline.prefix.rstrip(":"), "FIELD_ATTRIBUTE_SCOPE": scope}
    if pipeline.kind == "deal":
        more = {"PARENT_ID": "DEAL_STAGE", "CATEGORY_ID": str(pipeline.category_id)}
        return shown | more if pipeline.prefix else shown
    shown["IS_ENABLED"] = True
    owner = call.world.types.by_id(pipeline.type_id)
    if owner is not None and owner.number:
        shown |= {
            "NAME": f"{owner.title} ({pipeline.name})",
            "CATEGORY_NAME": pipeline.name,
            "CATEGORY_SORT": pipeline.sort,
            "IS_DEFAULT_CATEGORY": pipeline.is_default,
        }
    return shown


def _semantics(pipeline: Pipeline) -> dict[str, Any]:
    first = {stage.semantic: stage.stage_id for stage in reversed(pipeline.stages)}
    return {
        "START_FIELD": pipeline.stages[0].stage_id,
        "FINAL_SUCCESS_FIELD": first.get("S", ""),
        "FINAL_UNSUCCESS_FIELD": first.get("F", ""),
        "FINAL_SORT": 0,
    }


# ---------------------------------------------------------------- currencies


def list_currencies(call: Call) -> Listed:
    """List currencies, all at once; the total is always 0."""
    if not call.user.admin:
        raise classic_error(ACCESS_DENIED)
    updated = dates.stamp(call.world.opened, call.world.zone)
    rows: list[Row] = [
        {
            "CURRENCY": currency.code,
            "AMOUNT_CNT": str(currency.amount_cnt),
            "AMOUNT": currency.amount,
            "SORT": str(currency.sort),
            "BASE": "Y" if currency.base else "N",
            "FULL_NAME": currency.name,
            "LID": "en",
            "FORMAT_STRING": "#",
            "DEC_POINT": ".",
            "THOUSANDS_SEP": None,
            "DECIMALS": "2",
            "DATE_UPDATE": updated,
        }
        for currency in call.world.directories.currencies.values()
    ]
    for name, direction in reversed(classic_array(call, "order").items()):
        if name.upper() in rows[0]:
            rows.sort(key=_sorted_by(name.upper()), reverse=php.text(direction).upper() == "DESC")
    return Listed(rows, 0)


def _sorted_by(column: str) -> Callable[[Row], tuple[float, str]]:
    return lambda row: (php.float_cast(row[column]), php.text(row[column]))


# ---------------------------------------------------------------- types

_OWNER_TYPES = {
    1: "Lead",
    2: "Deal",
    3: "Contact",
    4: "Company",
    5: "Invoice (old version)",
    31: "Invoice",
    7: "Estimate",
    8: "Requisites",
}
_TYPE_FIELDS = parse_table("""
    ID integer -; TITLE string -; CODE string -; CREATED_BY integer -; ENTITY_TYPE_ID integer -
    CUSTOM_SECTION_ID integer -; IS_CATEGORIES_ENABLED char -; IS_STAGES_ENABLED char -
    IS_BEGIN_CLOSE_DATES_ENABLED char -; IS_CLIENT_ENABLED char -; IS_USE_IN_USERFIELD_ENABLED char -
    IS_LINK_WITH_PRODUCTS_ENABLED char -; IS_MYCOMPANY_ENABLED char -; IS_DOCUMENTS_ENABLED char -
    IS_SOURCE_ENABLED char -; IS_OBSERVERS_ENABLED char -; IS_RECYCLEBIN_ENABLED char -
    IS_AUTOMATION_ENABLED char -; IS_BIZ_PROC_ENABLED char -; IS_SET_OPEN_PERMISSIONS char -
    IS_PAYMENTS_ENABLED char -; IS_COUNTERS_ENABLED char -; CREATED_TIME datetime -
    UPDATED_TIME datetime -; UPDATED_BY integer -
""")
_TYPE_NAMES = {
    "".join([name.lower().split("_")[0], *(part.capitalize() for part in name.split("_")[1:])]): field
    for name, field in _TYPE_FIELDS.items()
}
_OFF = frozenset(
    f"IS_{name}" for name in ("DOCUMENTS_ENABLED", "BIZ_PROC_ENABLED", "SET_OPEN_PERMISSIONS")
) | {"IS_PAYMENTS_ENABLED", "IS_COUNTERS_ENABLED"}


def owner_types(call: Call) -> list[dict[str, Any]]:
    """List the types of items, smart processes included; for any user."""
    types = call.world.types
    known = [(types.by_id(type_id), name) for type_id, name in _OWNER_TYPES.items()]
    known += [(owner, owner.title) for owner in types.dynamic()]
    return [
        {"ID": owner.type_id, "NAME": name, "SYMBOL_CODE": owner.name, "SYMBOL_CODE_SHORT": owner.code}
        for owner, name in known
        if owner is not None
    ]


def list_types(call: Call) -> Listed:
    """List smart processes, for administrators."""
    if not call.user.admin:
        raise denied()
    store = ItemStore("type", _TYPE_FIELDS, typed=True)
    for owner in call.world.types.dynamic():
        store.insert(owner.number, _type_row(call, owner))
    query = Query(store, call.world.zone, call.now, overrun_first=False)
    refine(query, _TYPE_NAMES, call.params.get("filter"), call.params.get("order"))
    page = query.page(call.start)
    rows = {"types": [_type(row) for row in page.rows]}
    return Listed(rows, None if (call.start or 0) < 0 else page.total, page.next)


def get_type(call: Call) -> dict[str, Any]:
    """Return a smart process by its own number, which is not its ``entityTypeId``."""
    number = controller_int(call, "id")
    return _one_type(call, next((one for one in call.world.types.dynamic() if one.number == number), None))


def get_type_by_entity_type(call: Call) -> dict[str, Any]:
    """Return a smart process by its ``entityTypeId``."""
    owner = call.world.types.by_id(controller_int(call, "entityTypeId"))
    return _one_type(call, owner if owner is not None and owner.number else None)


def _one_type(call: Call, owner: OwnerType | None) -> dict[str, Any]:
    if not call.user.reads_anything:
        raise denied()
    if owner is None:
        raise RestError("0", "SPA not found")
    return {"type": _type({**_type_row(call, owner), "ID": str(owner.number)})}


def _type_row(call: Call, owner: OwnerType) -> Row:
    created = dates.stamp(owner.created, call.world.zone)
    flags = {name: "N" if name in _OFF else "Y" for name in _TYPE_FIELDS if name.startswith("IS_")}
    return {
        **flags,
        "TITLE": owner.title,
        "CODE": "",
        "ENTITY_TYPE_ID": str(owner.type_id),
        "CUSTOM_SECTION_ID": None,
        "CREATED_BY": "1",
        "UPDATED_BY": "1",
        "CREATED_TIME": created,
        "UPDATED_TIME": created,
    }


def _type(row: Row) -> dict[str, Any]:
    return {
        name: int(row[field.name]) if field.is_integer and row[field.name] is not None else row[field.name]
        for name, field in _TYPE_NAMES.items()
    }


METHODS = (
    classic("crm.status.list", list_statuses),
    Method("crm.status.entity.types", entity_types, ("crm",)),
    classic("crm.currency.list", list_currencies),
    Method("crm.enum.ownertype", owner_types, ("crm",)),
    controller("crm.type.list", list_types),
    controller("crm.type.get", get_type),
    controller("crm.type.getByEntityTypeId", get_type_by_entity_type),
)
