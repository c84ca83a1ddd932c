"""Reading parameters the way classic methods and controllers do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import php
from ..errors import RestError, classic_error, owner_not_found

if TYPE_CHECKING:
    from ..timeline import Pair
    from ..world import Call


def spellings(name: str) -> tuple[str, ...]:
    """Return the keys under which classic methods look for an array parameter."""
    capital = name.capitalize()
    return name, name.upper(), capital, f"ar{capital}"


def classic_array(call: Call, name: str, *, required: bool = False) -> dict[str, Any]:
    """Return an array parameter of a classic method; a missing one is empty, or an error if required."""
    value = next((call.params[key] for key in spellings(name) if call.params.get(key) is not None), None)
    if value is None and not required:
        return {}
    if not php.is_array(value):
        raise classic_error(f"Parameter '{name}' must be array.")
    return dict(php.pairs(value))


def classic_id(call: Call) -> int:
    """Return the ``id`` of a classic method."""
    number = php.int_cast(call.params.get("id", call.params.get("ID")))
    if number <= 0:
        raise classic_error("ID is not defined or invalid.")
    return number


def controller_array(call: Call, name: str) -> dict[str, Any]:
    """Return a required array parameter of a controller method."""
    value = _required(call, name)
    if not php.is_array(value):
        raise _mismatch(value, name, "array")
    return dict(php.pairs(value))


def controller_int(call: Call, name: str) -> int:
    """Return a required whole number."""
    value = _required(call, name)
    if not php.is_numeric(value):
        raise _mismatch(value, name, "int")
    return php.int_cast(value)


def controller_item(call: Call, type_name: str, id_name: str) -> Pair:
    """Return the item that two required parameters name."""
    type_id, item_id = controller_int(call, type_name), controller_int(call, id_name)
    owner = call.world.types.by_id(type_id)
    if owner is None or item_id <= 0:
        raise owner_not_found()
    return owner.kind, item_id


def controller_optional_int(call: Call, name: str) -> int:
    """Return a whole number, 0 if it is missing."""
    return 0 if call.params.get(name) is None else controller_int(call, name)


def _required(call: Call, name: str) -> Any:
    value = call.params.get(name)
    if value is None:
        raise RestError("100", f"Could not find value for parameter {{{name}}}")
    return value


def _mismatch(value: Any, name: str, expected: str) -> RestError:
    shown = php.text(value)
    return RestError(
        "100",
        f"Invalid value {{{shown}}} to match with parameter {{{name}}}. Should be value of type {expected}.",
    )
