"""What is known of API methods: whether they may be repeated, and what they return.

An unknown method counts as a write that must not be repeated.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: digits of the largest id; Python refuses to read texts of some thousands
_LONGEST = 19


def number_of(value: Any) -> int | None:
    """Return an id that the portal answered, as a number or as a text of its digits; else ``None``."""
    text = "" if isinstance(value, bool) or not isinstance(value, (int, str)) else str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None


class Repeatability(enum.Enum):
    """How a method may be treated when it is unclear whether it was carried out."""

    READ = "read"
    #: carrying it out twice leaves the same as once
    REPEATABLE = "repeatable write"
    ONE_SHOT = "one-shot write"


def _is_true(result: Any) -> bool:
    return result is True


def _is_id(result: Any) -> bool:
    number = number_of(result)
    return number is not None and number > 0


def _is_list(result: Any) -> bool:
    return isinstance(result, list)


def _is_mapping(result: Any) -> bool:
    return isinstance(result, dict) and bool(result)


def _is_null(result: Any) -> bool:
    return result is None or result is True


def _is_item(result: Any) -> bool:
    return _is_mapping(result) and _is_mapping(result.get("item"))


def _is_log_message(result: Any) -> bool:
    return _is_mapping(result) and _is_mapping(result.get("logMessage"))


def _is_product_rows(result: Any) -> bool:
    return isinstance(result, dict) and isinstance(result.get("productRows"), list)


def _is_items(result: Any) -> bool:
    """Tell whether no row is empty; PHP writes a row without fields as an empty list."""
    rows = result.get("items") if isinstance(result, dict) else result
    return not isinstance(rows, list) or [] not in rows


def _is_duplicates(result: Any) -> bool:
    """Tell whether these are ids by type; PHP writes none of them as an empty list."""
    return result == [] or _is_mapping(result)


def _is_anything(result: Any) -> bool:
    return True


@dataclass(frozen=True)
class Method:
    """The facts of a method.

    :param kind: whether it may be repeated
    :param returns: whether a result is of the kind the method returns
    :param shape: what it returns, in words
    :param false_is_denial: ``false`` is this method's way of saying that rights are missing
    :param gone_is_done: "not found" after an unclear first attempt means that the attempt succeeded
    :param gone_code: the one code that means so, where "not found" may also be something else's
    :param remedy: what to do where the method returns something else
    """

    kind: Repeatability
    returns: Callable[[Any], bool] = _is_anything
    shape: str = "anything"
    false_is_denial: bool = False
    gone_is_done: bool = False
    gone_code: str = ""
    remedy: str = ""


_READ = Method(Repeatability.READ)
_READ_LIST = Method(Repeatability.READ, _is_list, "a list")
_READ_ITEM = Method(Repeatability.READ, _is_mapping, "an object")
_ADD = Method(Repeatability.ONE_SHOT, _is_id, "an id")
_UPDATE = Method(Repeatability.REPEATABLE, _is_true, "true")
_DELETE = Method(Repeatability.ONE_SHOT, _is_true, "true")
_ONE_SHOT = Method(Repeatability.ONE_SHOT)
_NOTIFY = Method(
    Repeatability.ONE_SHOT, _is_id, "an id", remedy="If it answers 'false', check that the user exists."
)

_EXACT: dict[str, Method] = {
    "crm.timeline.bindings.bind": Method(Repeatability.REPEATABLE, _is_true, "true", false_is_denial=True),
    "crm.timeline.bindings.unbind": Method(
        Repeatability.REPEATABLE, _is_true, "true", false_is_denial=True, gone_is_done=True
    ),
    "crm.timeline.bindings.list": _READ_LIST,
    "crm.timeline.comment.add": _ADD,
    "crm.timeline.comment.get": _READ_ITEM,
    "crm.timeline.comment.list": _READ_LIST,
    # of a comment that is bound to several items it makes a copy, and deleting means another item each time
    "crm.timeline.comment.update": _ADD,
    "crm.timeline.comment.delete": Method(Repeatability.ONE_SHOT, _is_null, "null", gone_is_done=True),
    "crm.timeline.logmessage.add": Method(Repeatability.ONE_SHOT, _is_log_message, "a log message"),
    "crm.activity.binding.add": Method(Repeatability.REPEATABLE, _is_true, "true"),
    # a binding of an activity that does not exist was never there
    "crm.activity.binding.delete": Method(
        Repeatability.REPEATABLE, _is_true, "true", gone_is_done=True, gone_code="BINDING_NOT_FOUND"
    ),
    "crm.activity.binding.list": _READ_LIST,
    "crm.activity.list": _READ_LIST,
    "crm.item.get": _READ_ITEM,
    "crm.item.list": Method(
        Repeatability.READ,
        _is_items,
        "rows with fields",
        remedy="Name the fields in 'select' in camelCase, such as 'assignedById', and leave out "
        "'useOriginalUfNames': with it, 'select' drops all fields but the users' own.",
    ),
    "crm.item.add": Method(Repeatability.ONE_SHOT, _is_item, "an item"),
    "crm.item.update": Method(Repeatability.REPEATABLE, _is_item, "an item"),
    "crm.item.delete": Method(Repeatability.ONE_SHOT, gone_is_done=True),
    "crm.duplicate.findbycomm": Method(Repeatability.READ, _is_duplicates, "ids by type"),
    # it replaces all rows of an item
    "crm.item.productrow.set": Method(Repeatability.REPEATABLE, _is_product_rows, "product rows"),
    "im.message.add": _ADD,
    "im.notify.personal.add": _NOTIFY,
    "im.notify.system.add": _NOTIFY,
    "profile": _READ,
    "scope": _READ_LIST,
    "methods": _READ_LIST,
    "events": _READ_LIST,
    "server.time": _READ,
    # it hands rows out and removes them from the queue
    "event.offline.get": _ONE_SHOT,
}
for _entity in ("lead", "deal", "quote"):
    _EXACT[f"crm.{_entity}.productrows.set"] = _UPDATE
for _entity in ("lead", "deal", "contact", "company", "quote"):
    _EXACT |= {
        f"crm.{_entity}.add": _ADD,
        f"crm.{_entity}.update": _UPDATE,
        f"crm.{_entity}.delete": _DELETE,
        f"crm.{_entity}.get": _READ_ITEM,
        f"crm.{_entity}.list": _READ_LIST,
    }

# Bitrix24 ends the names of methods that only read in one of these words.
_READ_NAME = re.compile(r"\.(?:get|list|fields|search|current|info|types)$")

_MULTI_FIELDS = frozenset({"PHONE", "EMAIL", "WEB", "IM", "FM"})


def method_facts(name: str, params: Mapping[str, Any]) -> Method:
    """Return what is known of a method called with these parameters.

    :param name: the API method, in any case
    :param params: its parameters; an update that adds phone numbers is not repeatable, one that sets them is
    """
    key = name.lower()
    facts = _EXACT.get(key)
    if facts is None:
        return _READ if _READ_NAME.search(key) else _ONE_SHOT
    if key.endswith(".update") and _adds_multi_fields(params, by_number=key == "crm.item.update"):
        return Method(Repeatability.ONE_SHOT, facts.returns, facts.shape)
    return facts


def _adds_multi_fields(params: Mapping[str, Any], *, by_number: bool) -> bool:
    """Tell whether an update carries phones, addresses or the like without an id: each run adds them anew.

    :param by_number: existing entries go by their id as key, new ones are called ``n0``, ``n1``
    """
    fields = next((value for key, value in params.items() if key.lower() == "fields"), None)
    if not isinstance(fields, dict):
        return False
    multi = [value for key, value in fields.items() if key.upper() in _MULTI_FIELDS]
    if by_number:
        return any(not _has_numbers_only(value) for value in multi)
    return any(not _has_ids_only(value) for value in multi)


def _has_numbers_only(value: Any) -> bool:
    return isinstance(value, dict) and all(str(key).isdigit() and int(key) > 0 for key in value)


def _has_ids_only(value: Any) -> bool:
    entries = value.values() if isinstance(value, dict) else value
    return isinstance(value, (dict, list)) and all(
        isinstance(entry, dict) and (entry.get("ID") or entry.get("id")) for entry in entries
    )
