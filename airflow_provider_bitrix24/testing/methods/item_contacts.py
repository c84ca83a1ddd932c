"""``crm.deal.contact.items.*`` and the same for leads: the contacts of an item."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import php
from ..errors import ACCESS_DENIED, classic_error
from ..item_store import linked
from ..world import Call
from .registry import Method, classic


def get(kind: str, call: Call) -> list[dict[str, Any]]:
    """List the contacts, the primary one first."""
    item_id = _existing(kind, call)
    if not call.world.may_read(call.user, (kind, item_id)):
        raise classic_error(ACCESS_DENIED)
    row = call.world.crm.store(kind).rows[item_id]
    return [
        {
            "CONTACT_ID": contact_id,
            "SORT": 10 * (index + 1),
            "ROLE_ID": 0,
            "IS_PRIMARY": "N" if index else "Y",
        }
        for index, contact_id in enumerate(linked(row, "CONTACT_ID"))
    ]


def put(kind: str, call: Call) -> bool:
    """Replace the contacts."""
    item_id = _changeable(kind, call)
    entries = next((call.params[name] for name in ("items", "ITEMS") if name in call.params), None)
    if not php.is_array(entries):
        raise classic_error("The parameter items must be array.")
    ordered = sorted(
        php.values(entries),
        key=lambda entry: (php.lookup(entry, "IS_PRIMARY") != "Y", php.int_cast(php.lookup(entry, "SORT"))),
    )
    _write(kind, call, item_id, [php.int_cast(php.lookup(entry, "CONTACT_ID")) for entry in ordered])
    return True


def delete(kind: str, call: Call) -> bool:
    """Take all contacts away."""
    _write(kind, call, _changeable(kind, call), [])
    return True


def _write(kind: str, call: Call, item_id: int, contacts: list[int]) -> None:
    values = {"CONTACT_IDS": contacts}
    call.world.crm.update(kind, item_id, values, author=call.user.user_id, now=call.now)


def _existing(kind: str, call: Call) -> int:
    item_id = php.int_cast(call.params.get("id", call.params.get("ID")))
    if item_id <= 0:
        raise classic_error("The parameter ownerEntityID is invalid or not defined.")
    if not call.world.crm.exists(kind, item_id):
        raise classic_error("Not found.")
    return item_id


def _changeable(kind: str, call: Call) -> int:
    item_id = _existing(kind, call)
    if not call.world.may_update(call.user, (kind, item_id)):
        raise classic_error(ACCESS_DENIED)
    return item_id


def _methods(kind: str) -> tuple[Method, ...]:
    actions = {"get": get, "set": put, "delete": delete}
    return tuple(
        classic(f"crm.{kind}.contact.items.{name}", partial(action, kind)) for name, action in actions.items()
    )


METHODS: tuple[Method, ...] = (*_methods("deal"), *_methods("lead"))
