"""Classic methods of leads, deals, contacts, companies and quotes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .. import php
from ..corrections import corrected, without_hidden
from ..date_habits import moved
from ..errors import ACCESS_DENIED, classic_error
from ..fields import MULTI_TYPES
from ..files import show_link
from ..imports import system_values
from ..listing import Condition, Query
from ..metadata import describe_classic
from ..world import AUTOMATION, PROCESSES, ROBOTS, Call, Listed
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
#: Conditions that show the templates of recurring deals, too.
_TEMPLATES_WANTED = frozenset({"IS_RECURRING", "=IS_RECURRING", "ID", "=ID", "@ID"})
#: Of these, classic methods know only the items of the first category.
_CATEGORISED = ("contact", "company")
#: These can be added as imported.
_IMPORTED = ("lead", "contact", "company")


def _in_first_category(row: Row) -> bool:
    return row.get("CATEGORY_ID") in (None, "0")


def _known(call: Call, kind: str, item_id: int) -> bool:
    row = call.world.crm.store(kind).rows.get(item_id)
    return row is not None and (kind not in _CATEGORISED or _in_first_category(row))


def _is_no_template(row: Row) -> bool:
    return row.get("IS_RECURRING") != "Y"


def _staying(kind: str, filters: dict[str, Any]) -> Condition | None:
    """Return which rows a list does not leave out, ``None`` if it leaves out none."""
    if kind in _CATEGORISED:
        return _in_first_category
    return _is_no_template if kind == "deal" and _TEMPLATES_WANTED.isdisjoint(filters) else None


def _all_stay(call: Call, store: ItemStore, stays: Condition) -> bool:
    """Tell whether no row at all is left out, so that a list need not look at its rows."""
    revision = call.world.crm.revision
    known = store.cache.get(stays)
    if known is None or known[0] != revision:
        known = store.cache[stays] = revision, all(map(stays, store.rows.values()))
    return bool(known[1])


def _existing(call: Call, kind: str) -> int:
    item_id = classic_id(call)
    if not _known(call, kind, item_id):
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
    crm, values = call.world.crm, _taken(call, kind, fields, None)
    if kind not in _IMPORTED or not php.truthy(classic_array(call, "params").get("IMPORT")):
        call.started.extend(AUTOMATION)
        return crm.create(kind, values, author=call.user.user_id, now=call.now)
    try:
        given = system_values(call, crm.store(kind), fields)
    except ValueError as error:
        raise classic_error(f"Field '{error}' has an invalid value.") from None
    if kind == "lead":
        call.started.append(ROBOTS)
    return crm.create(kind, values, author=call.user.user_id, now=call.now, given=given)


def _taken(call: Call, kind: str, fields: dict[str, Any], row: Row | None) -> dict[str, Any]:
    """Return the values that the portal takes of those that a caller sent.

    :param row: the item as it is, ``None`` for a new one
    """
    values = without_hidden(call.user, kind, fields)
    if row is not None:
        values.pop("CATEGORY_ID", None)
    if kind in _CATEGORISED and row is not None:
        values |= {name: _new_only(row, name, values[name]) for name in MULTI_TYPES if name in values}
    if not call.world.switches.corrections:
        return values
    return corrected(call.world, call.world.crm.store(kind), row, values)


def _new_only(row: Row, name: str, entries: Any) -> list[Any]:
    """Leave out phones and the like that a contact or company has already."""
    known = {(entry["VALUE"], entry["VALUE_TYPE"]) for entry in row.get(name) or ()}
    return [
        entry
        for entry in (php.values(entries) if php.is_array(entries) else ())
        if php.lookup(entry, "ID")
        or (php.text(php.lookup(entry, "VALUE")), php.text(php.lookup(entry, "VALUE_TYPE")) or "WORK")
        not in known
    ]


def get(kind: str, call: Call) -> Row:
    """Return an item with all its fields."""
    item_id = classic_id(call)
    if not _known(call, kind, item_id):
        raise classic_error("Not found")
    if not call.world.may_read(call.user, (kind, item_id)):
        raise classic_error(ACCESS_DENIED)
    store = call.world.crm.store(kind)
    row = store.rows[item_id]
    shown = [
        field
        for field in store.readable()
        if (not field.is_multi or row.get(field.name)) and not _hidden(call, kind, field)
    ]
    return render(call, store, [row], shown)[0]


def update(kind: str, call: Call) -> bool:
    """Change an item."""
    item_id = _changeable(call, kind)
    fields = classic_array(call, "fields", required=True)
    crm = call.world.crm
    values = _taken(call, kind, fields, crm.store(kind).rows[item_id])
    changed = crm.update(kind, item_id, values, author=call.user.user_id, now=call.now)
    call.started.extend(AUTOMATION if changed else (PROCESSES,))
    return True


def delete(kind: str, call: Call) -> bool:
    """Delete an item, its bindings, and the records that belong to nothing else."""
    call.world.delete_item((kind, _changeable(call, kind)))
    return True


def list_items(kind: str, call: Call) -> Listed:
    """List items."""
    world, store = call.world, call.world.crm.store(kind)
    query = Query(store, world.zone, call.now, date_shift=call.date_shift(on_users_clock=False))
    filters = classic_array(call, "filter")
    query.filter(filters.items()).sort(classic_array(call, "order").items())
    if not call.user.reads_everything:
        query.only(lambda item_id: world.may_read(call.user, (kind, item_id)))
    stays = _staying(kind, filters)
    if stays is not None and not _all_stay(call, store, stays):
        query.conditions.append(stays)
    shown = _selection(store, [php.text(name) for name in classic_array(call, "select").values()])
    shown = [field for field in shown if not _hidden(call, kind, field)]
    page = query.page(call.start)
    return Listed(render(call, store, page.rows, shown), page.total, page.next)


def _hidden(call: Call, kind: str, field: Field) -> bool:
    return (kind, field.name) in call.user.hidden_fields


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
    return describe_classic(kind, call.world.crm.store(kind), call.world.pipelines)


# ---------------------------------------------------------------- reading


def render(call: Call, store: ItemStore, rows: list[Row], shown: list[Field]) -> list[Row]:
    """Write rows as answers show them: text or null, files as links."""
    shift = call.shown_shift()
    plain: list[Field] = []
    special: list[Field] = []
    for field in shown:
        as_stored = field.type != "file" and not field.multiple and not (shift and field.type == "datetime")
        (plain if as_stored else special).append(field)
    stored = [(field.name, field.default) for field in plain]
    answers: list[Row] = []
    for row in rows:
        answer = php.Plain({name: row.get(name, default) for name, default in stored})
        answer.update((field.name, _shown(call, store.kind, row, field, shift)) for field in special)
        answers.append(answer)
    return answers


def _shown(call: Call, kind: str, row: Row, field: Field, shift: float) -> Any:
    """Write a value; a multiple field without any is ``False``."""
    stored = row.get(field.name, field.default)
    if field.type == "file" and field.multiple:
        stored = [_file(call, kind, row, field, number) for number in stored or ()]
    elif field.type == "file" and stored is not None:
        return _file(call, kind, row, field, stored)
    elif field.type == "datetime" and shift:
        stored = moved(stored, shift)
    return stored or False if field.multiple and field.is_user_field else stored


def _file(call: Call, kind: str, row: Row, field: Field, number: int) -> dict[str, Any]:
    """Write both links with the application's token; a webhook's are for somebody who is signed in."""
    identity = call.identity
    auth = identity.secret if identity.via == "application" else ""
    link = show_link(kind, row["ID"], field.name, number, auth=auth)
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
