"""``crm.item.productrow.*``, and the classic ``crm.deal.productrows.*`` for deals, leads and quotes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .. import php
from ..errors import RestError, classic_error, denied, not_found, owner_not_found
from ..listing import Query, split_key
from ..product_rows import FIELDS, MONETARY, NAMES, PERCENTAGE, has_product_rows, writable
from ..world import AUTOMATION, Call, Listed
from .params import controller_array, controller_int
from .registry import Method, classic, controller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..item_store import Row
    from ..owner_types import OwnerType
    from ..timeline import Pair

# The only ones besides the owner's by which rows can be found.
_FILTERED = ("ID", "PRODUCT_ID")
_MISSING = "Required argument '{}' is missing"


# ---------------------------------------------------------------- reading


def list_rows(call: Call) -> Listed:
    """List the rows of one item, or, for administrators, of several."""
    filters = dict(php.pairs(call.params.get("filter")))
    owner = call.world.types.by_code(php.text(_needed(filters, "=ownerType")))
    item_ids = _owners(call, owner, _needed(filters, "=ownerId"))
    rows = call.world.product_rows
    query = Query(rows.store, call.world.zone, call.now, overrun_first=False)
    query.window.narrow("@", rows.ids_of("" if owner is None else owner.kind, item_ids))
    for key, value in filters.items():
        if any(sign in key for sign in "<>") and php.is_array(value):
            text = f"Value for filter key '{key}' should be either string or number"
            raise RestError("INVALID_ARG_VALUE", text)
        operator, name = split_key(key)
        if NAMES.get(name) in _FILTERED and (operator == "@" or not php.is_array(value)):
            query.filter([(operator + NAMES[name], value)])
    order = [(NAMES.get(name, name), direction) for name, direction in php.pairs(call.params.get("order"))]
    known = [(name, direction) for name, direction in order if name in ("ID", "SORT")]
    query.sort(known or [("SORT", "ASC")])
    page = query.page(call.start)
    found = {"productRows": [{**_shown(row), "storeId": row["STORE_ID"]} for row in page.rows]}
    return Listed(found, None if (call.start or 0) < 0 else page.total, page.next)


def _needed(filters: Mapping[str, Any], key: str) -> Any:
    value = filters.get(key)
    if not php.truthy(value) and not php.is_array(value):
        raise RestError("REQUIRED_ARG_MISSING", _MISSING.format(key))
    return value


def _owners(call: Call, owner: OwnerType | None, wanted: Any) -> list[int] | None:
    """Return the items whose rows are wanted, ``None`` for all of the type.

    Rights are checked once: an array counts as 1 there, whatever is in it.
    """
    if not php.is_array(wanted) and php.int_cast(wanted) <= 0:
        raise RestError("REQUIRED_ARG_MISSING", _MISSING.format("=ownerId"))
    if owner is None or not call.world.may_read(call.user, (owner.kind, php.int_cast(wanted))):
        raise denied()
    if php.is_array(wanted) and call.world.switches.ignored_owner_arrays:
        return None
    return list(dict.fromkeys(map(php.int_cast, php.values(wanted))))


def get_row(call: Call) -> dict[str, Any]:
    """Return a row."""
    row, pair = _row(call)
    if not call.world.may_read(call.user, pair):
        raise denied()
    return {"productRow": {**_shown(row), "storeId": row["STORE_ID"]}}


def fields(call: Call) -> dict[str, Any]:
    """Describe the fields."""
    return {"fields": {name: FIELDS[stored].describe() for name, stored in NAMES.items()}}


def _shown(row: Row) -> Row:
    """Write a row: numbers are numbers."""
    shown = {name: row[stored] for name, stored in NAMES.items() if stored != "STORE_ID"}
    return {**shown, "id": int(row["ID"]), "ownerId": int(row["OWNER_ID"])}


# ---------------------------------------------------------------- writing


def set_rows(call: Call) -> dict[str, Any]:
    """Replace all rows of an item."""
    code, item_id = _text(call, "ownerType"), controller_int(call, "ownerId")
    sent = [_stored_names(row) for row in controller_array(call, "productRows").values()]
    pair = _owner(call, code, item_id)
    call.world.product_rows.replace(pair, sent)
    _save(call, pair)
    return {"productRows": [_shown(row) for row in call.world.product_rows.of(pair)]}


def add_row(call: Call) -> dict[str, Any]:
    """Add a row to the item that its fields name."""
    sent = _stored_names(controller_array(call, "fields"))
    pair = _owner(call, php.text(sent.get("OWNER_TYPE")), php.int_cast(sent.get("OWNER_ID")))
    row = call.world.product_rows.add(pair, sent)
    _save(call, pair)
    return {"productRow": _shown(row)}


def update_row(call: Call) -> dict[str, Any] | None:
    """Change a row."""
    row, pair = _row(call)
    fields = controller_array(call, "fields")
    _check_update(call, pair)
    sent = _stored_names(fields)
    if not writable(sent):
        for name in fields:
            raise RestError("INVALID_ARG_VALUE", f"Field '{name}' not available for update")
        return None
    call.world.product_rows.change(row, sent)
    _save(call, pair)
    return {"productRow": _shown(row)}


def delete_row(call: Call) -> None:
    """Delete a row."""
    row, pair = _row(call)
    _check_update(call, pair)
    call.world.product_rows.remove(pair, int(row["ID"]))
    _save(call, pair)


def _text(call: Call, name: str) -> str:
    value = call.params.get(name)
    if value is None:
        raise RestError("100", f"Could not find value for parameter {{{name}}}")
    return php.text(value)


def _stored_names(sent: Any) -> dict[str, Any]:
    return {NAMES.get(name, name): value for name, value in php.pairs(sent)}


def _owner(call: Call, code: str, item_id: int) -> Pair:
    """Return an item that the caller may change."""
    owner = call.world.types.by_code(code)
    if owner is None or not has_product_rows(owner):
        name = owner.name if owner is not None else ""
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {name} is not supported")
    if not call.world.crm.exists(owner.kind, item_id):
        raise owner_not_found()
    _check_update(call, (owner.kind, item_id))
    return owner.kind, item_id


def _check_update(call: Call, pair: Pair) -> None:
    if not call.world.may_update(call.user, pair):
        raise denied()


def _row(call: Call) -> tuple[Row, Pair]:
    row = call.world.product_rows.store.rows.get(controller_int(call, "id"))
    if row is None:
        raise not_found("Item")
    owner, item_id = call.world.product_rows.owner(row)
    if owner is None:
        raise owner_not_found()
    return row, (owner.kind, item_id)


def _save(call: Call, pair: Pair) -> None:
    call.world.product_rows.save_owner(pair, call.user.user_id, call.world.moment())
    call.started.extend(AUTOMATION)


# ---------------------------------------------------------------- classic


def classic_get(kind: str, call: Call) -> list[Row]:
    """Return the rows of an item; some of the numbers are text."""
    pair = _classic_owner(kind, call)
    if not call.world.may_read(call.user, pair):
        raise classic_error("Access denied")
    return [_classic_row(row) for row in call.world.product_rows.of(pair)]


def _classic_row(row: Row) -> Row:
    return {
        **{name: row[name] for name in FIELDS},
        "PRICE_ACCOUNT": f"{row['PRICE_ACCOUNT']:.2f}",
        "ORIGINAL_PRODUCT_NAME": row["PRODUCT_NAME"],
        "PRODUCT_DESCRIPTION": None,
        "RESERVE_ID": None,
        "DATE_RESERVE_END": None,
        "RESERVE_QUANTITY": None,
    }


def classic_set(kind: str, call: Call) -> bool:
    """Replace all rows of an item, which changes the item only if its sum changes."""
    pair = _classic_owner(kind, call)
    if not call.world.may_update(call.user, pair):
        raise classic_error("Access denied")
    rows = [dict(php.pairs(row)) for row in php.values(call.params.get("rows", []))]
    for row in rows:
        _check_discount(row)
    call.world.product_rows.replace(pair, rows)
    author, moment = call.user.user_id, call.world.moment()
    if call.world.product_rows.save_owner(pair, author, moment, only_if_changed=True):
        call.started.extend(AUTOMATION)
    return True


def _check_discount(row: Mapping[str, Any]) -> None:
    needed = {
        PERCENTAGE: ("DISCOUNT_RATE", "Discount Rate (DISCOUNT_RATE) is required if Percentage"),
        MONETARY: ("DISCOUNT_SUM", "Discount Sum (DISCOUNT_SUM) is required if Monetary"),
    }
    name, text = needed.get(php.int_cast(row.get("DISCOUNT_TYPE_ID")), ("", ""))
    if name and row.get(name) is None:
        raise RestError("ERROR_CORE", f"{text} Discount Type (DISCOUNT_TYPE_ID) is defined.<br>")


def _classic_owner(kind: str, call: Call) -> Pair:
    item_id = php.int_cast(call.params.get("id", call.params.get("ID")))
    if item_id <= 0:
        raise classic_error("The parameter id is invalid or not defined.")
    if not call.world.crm.exists(kind, item_id):
        raise classic_error("Not found")
    return kind, item_id


def _classic_methods(kind: str) -> tuple[Method, ...]:
    actions = {"get": classic_get, "set": classic_set}
    return tuple(
        classic(f"crm.{kind}.productrows.{name}", partial(action, kind)) for name, action in actions.items()
    )


METHODS: tuple[Method, ...] = (
    controller("crm.item.productrow.list", list_rows),
    controller("crm.item.productrow.get", get_row),
    controller("crm.item.productrow.fields", fields),
    controller("crm.item.productrow.set", set_rows),
    controller("crm.item.productrow.add", add_row),
    controller("crm.item.productrow.update", update_row),
    controller("crm.item.productrow.delete", delete_row),
    *_classic_methods("deal"),
    *_classic_methods("lead"),
    *_classic_methods("quote"),
)
