"""``crm.timeline.bindings.*``: what timeline records are bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import listing, php
from ..errors import PhpTypeError, RestError, classic_error
from ..world import Call, Listed
from .params import spellings
from .registry import classic

if TYPE_CHECKING:
    from ..timeline import Pair


def _invalid(name: str) -> RestError:
    return classic_error(f"{name} is not defined or invalid.")


def _fields(call: Call) -> Any:
    """Return ``fields``; the method's signature demands an array, anything else ends the request."""
    for key in spellings("fields"):
        value = call.params.get(key)
        if value is not None:
            if not php.is_array(value):
                raise PhpTypeError("fields must be an array")
            return value
    return {}


def _binding(call: Call) -> tuple[int, Pair]:
    """Check the parameters in the portal's order: record, item's number, item's type."""
    fields = _fields(call)
    record_id = php.int_cast(php.lookup(fields, "OWNER_ID"))
    if record_id <= 0:
        raise _invalid("OWNER_ID")
    item_id = php.int_cast(php.lookup(fields, "ENTITY_ID"))
    if item_id <= 0:
        raise _invalid("ENTITY_ID")
    type_name = php.lookup(fields, "ENTITY_TYPE")
    if php.is_array(type_name):
        raise PhpTypeError("ENTITY_TYPE must be a string")
    owner = call.world.types.by_name(php.text(type_name))
    if owner is None or not owner.entity:
        raise _invalid("ENTITY_TYPE")
    return record_id, (owner.kind, item_id)


def bind(call: Call) -> bool:
    """Bind; without the right to change the item the answer is just ``false``."""
    record_id, pair = _binding(call)
    if not call.world.may_update(call.user, pair):
        return False
    call.world.timeline.bind(record_id, pair)
    return True


def unbind(call: Call) -> bool:
    """Unbind; the record survives even without any binding."""
    record_id, pair = _binding(call)
    if not call.world.may_update(call.user, pair):
        return False
    if not call.world.timeline.unbind(record_id, pair):
        raise classic_error("Not found.")
    return True


def list_bindings(call: Call) -> Listed:
    """List a record's bindings; only the exact key ``OWNER_ID`` is looked at, rights are not."""
    filters = next((call.params[key] for key in spellings("filter") if key in call.params), None)
    record_id = php.int_cast(php.lookup(filters, "OWNER_ID"))
    if record_id <= 0:
        raise _invalid("OWNER_ID")
    rows = [
        {"OWNER_ID": str(record_id), "ENTITY_ID": str(item_id), "ENTITY_TYPE": _type_name(call, kind)}
        for kind, item_id in call.world.timeline.bindings(record_id)
    ]
    page = listing.cut(rows, call.start, overrun_first=True)
    return Listed(page.rows, page.total, page.next)


def _type_name(call: Call, kind: str) -> str:
    """Return the type's name; a smart process that is gone cannot be named any more."""
    return kind if call.world.types.by_name(kind) else ""


def fields(_: Call) -> dict[str, Any]:
    """Describe the fields."""
    types = {"OWNER_ID": "integer", "ENTITY_ID": "integer", "ENTITY_TYPE": "string"}
    return {
        name: {
            "type": kind,
            "isRequired": True,
            "isReadOnly": False,
            "isImmutable": True,
            "isMultiple": False,
            "isDynamic": False,
            "title": name,
        }
        for name, kind in types.items()
    }


METHODS = (
    classic("crm.timeline.bindings.bind", bind),
    classic("crm.timeline.bindings.unbind", unbind),
    classic("crm.timeline.bindings.list", list_bindings),
    classic("crm.timeline.bindings.fields", fields),
)
