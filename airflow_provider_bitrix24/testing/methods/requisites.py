"""``crm.requisite.*`` and ``crm.requisite.bankdetail.*``, as far as an extraction needs them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .. import php
from ..errors import ACCESS_DENIED, classic_error
from ..listing import Query
from ..world import Call, Listed
from .params import classic_array, classic_id
from .registry import Method, classic

if TYPE_CHECKING:
    from ..item_store import Row

_TITLES = {"requisite": "Requisite", "bankdetail": "RequisiteBankDetail"}


def list_rows(kind: str, call: Call) -> Listed:
    """List what belongs to companies and contacts that the caller may read; -1 skips no counting."""
    requisites = call.world.requisites
    store = requisites.store(kind)
    query = Query(store, call.world.zone, call.now)
    query.filter(classic_array(call, "filter").items()).sort(classic_array(call, "order").items())
    query.conditions.append(lambda row: _readable(kind, call, row))
    wanted = [php.text(name) for name in classic_array(call, "select").values()]
    names = [name for name in store.fields if name in wanted or "*" in wanted] or list(store.fields)
    page = query.page(max(call.start or 0, 0))
    rows = [{name: store.value(row, name) for name in names} for row in page.rows]
    return Listed(rows, page.total, page.next)


def _readable(kind: str, call: Call, row: Row) -> bool:
    pair = call.world.requisites.owner(kind, row)
    return pair is not None and call.world.may_read(call.user, pair)


def get(kind: str, call: Call) -> Row:
    """Return a row."""
    store, row = call.world.requisites.store(kind), _existing(kind, call)
    if not _readable(kind, call, row):
        raise classic_error(ACCESS_DENIED)
    return {name: store.value(row, name) for name in store.fields}


def update(kind: str, call: Call) -> bool:
    """Change a row."""
    row = _existing(kind, call)
    sent = classic_array(call, "fields", required=True)
    pair = call.world.requisites.owner(kind, row)
    if pair is None or not call.world.may_update(call.user, pair):
        raise classic_error(ACCESS_DENIED)
    call.world.requisites.change(kind, int(row["ID"]), sent, call.user.user_id, call.world.moment())
    return True


def fields(kind: str, call: Call) -> dict[str, Any]:
    """Describe the fields."""
    return {name: field.describe() for name, field in call.world.requisites.store(kind).fields.items()}


def _existing(kind: str, call: Call) -> Row:
    number = classic_id(call)
    row = call.world.requisites.store(kind).rows.get(number)
    if row is None:
        raise classic_error(f"The {_TITLES[kind]} with ID '{number}' is not found")
    return row


def _methods(kind: str, prefix: str) -> tuple[Method, ...]:
    actions = {"list": list_rows, "get": get, "update": update, "fields": fields}
    return tuple(classic(f"{prefix}.{name}", partial(action, kind)) for name, action in actions.items())


METHODS: tuple[Method, ...] = (
    *_methods("requisite", "crm.requisite"),
    *_methods("bankdetail", "crm.requisite.bankdetail"),
)
