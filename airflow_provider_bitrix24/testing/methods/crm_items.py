"""Classic methods of leads, deals, contacts, companies and quotes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .. import php
from ..errors import ACCESS_DENIED, classic_error
from ..files import show_link
from ..listing import Query
from ..world import Call, Listed
from .params import classic_array, classic_id
from .registry import Method, classic

if TYPE_CHECKING:
    from ..fields import Field
    from ..item_store import ItemStore, Row

_NOT_FOUND = {
    "lead": "Lead is not found",
    "contact": "Contact is not found",
    "company": "Company is not found",
}


def _existing(call: Call, kind: str) -> int:
    item_id = classic_id(call)
    if not call.world.crm.exists(kind, item_id):
        raise classic_error(_NOT_FOUND.get(kind, "Not found"))
    return item_id


def _changeable(call: Call, kind: str) -> int:
    item_id = _existing(call, kind)
    if not call.world.may_update(call.user, (kind, item_id)):
        raise classic_error(ACCESS_DENIED)
    return item_id


def add(kind: str, call: Call) -> int:
    """Add an item."""
    fields = classic_array(call, "fields", required=True)
    if not call.user.writes_anything:
        raise classic_error(ACCESS_DENIED)
    return call.world.crm.create(kind, fields, author=call.user.user_id, now=call.now)


def get(kind: str, call: Call) -> Row:
    """Return an item with all its fields."""
    item_id = classic_id(call)
    if not call.world.crm.exists(kind, item_id):
        raise classic_error("Not found")
    if not call.world.may_read(call.user, (kind, item_id)):
        raise classic_error(ACCESS_DENIED)
    store = call.world.crm.store(kind)
    row = store.rows[item_id]
    shown = [field for field in store.readable() if not field.is_multi or row.get(field.name)]
    return render(call, store, row, shown)


def update(kind: str, call: Call) -> bool:
    """Change an item."""
    item_id = _changeable(call, kind)
    fields = classic_array(call, "fields", required=True)
    call.world.crm.update(kind, item_id, fields, author=call.user.user_id, now=call.now)
    return True


def delete(kind: str, call: Call) -> bool:
    """Delete an item, its bindings, and the records that belong to nothing else."""
    call.world.delete_item((kind, _changeable(call, kind)))
    return True


def list_items(kind: str, call: Call) -> Listed:
    """List items."""
    world, store = call.world, call.world.crm.store(kind)
    query = Query(store, world.zone, call.now, date_shift=call.date_shift(on_users_clock=False))
    query.filter(classic_array(call, "filter").items()).sort(classic_array(call, "order").items())
    if not call.user.admin and call.user.may_read is not True:
        query.only(lambda item_id: world.may_read(call.user, (kind, item_id)))
    shown = _selection(store, [php.text(name) for name in classic_array(call, "select").values()])
    page = query.page(call.start)
    return Listed([render(call, store, row, shown) for row in page.rows], page.total, page.next)


def _selection(store: ItemStore, selected: list[str]) -> list[Field]:
    """By default everything but multi-fields, which come only when named; unknown names are dropped."""
    names = set(selected)
    if names <= {""}:
        names = {"*", "UF_*"}
    shown = [
        field
        for field in store.readable()
        if field.name in names or (not field.is_multi and ("UF_*" if field.is_user_field else "*") in names)
    ]
    return shown or _selection(store, [])


def describe(kind: str, call: Call) -> dict[str, Any]:
    """Describe the fields."""
    return {name: field.describe() for name, field in call.world.crm.store(kind).fields.items()}


# ---------------------------------------------------------------- reading


def render(call: Call, store: ItemStore, row: Row, shown: list[Field]) -> Row:
    """Write a row as answers show it: text or null, files as links."""
    return {
        field.name: _files(store.kind, row, field)
        if field.type == "file"
        else row.get(field.name, field.default)
        for field in shown
    }


def _files(kind: str, row: Row, field: Field) -> Any:
    """Write the links of a file field; a multiple one without files is ``False``."""
    stored = row.get(field.name)
    if field.multiple:
        return [_file(kind, row, field, number) for number in stored or ()] or False
    return None if stored is None else _file(kind, row, field, stored)


def _file(kind: str, row: Row, field: Field, number: int) -> dict[str, Any]:
    """Write both links; each needs somebody who is signed in, for its ``auth`` is empty."""
    link = show_link(kind, row["ID"], field.name, number, auth="")
    return {"id": number, "showUrl": link, "downloadUrl": f"{link}&download=y"}


def _methods(kind: str) -> tuple[Method, ...]:
    actions = {
        "add": add,
        "get": get,
        "update": update,
        "delete": delete,
        "list": list_items,
        "fields": describe,
    }
    return tuple(classic(f"crm.{kind}.{name}", partial(action, kind)) for name, action in actions.items())


METHODS: tuple[Method, ...] = tuple(
    method for kind in ("lead", "deal", "contact", "company", "quote") for method in _methods(kind)
)
