"""``crm.duplicate.findbycomm``: leads, contacts and companies with a phone or an e-mail."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from .. import php
from ..errors import classic_error
from .registry import classic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..world import Call

_KINDS = ("LEAD", "CONTACT", "COMPANY")
_MOST_VALUES = _MOST_FOUND = 20
_EXTENSION = re.compile(r"(?:[;,#x]|ext).*", re.IGNORECASE | re.DOTALL)


def find(call: Call) -> dict[str, list[int]]:
    """Return the numbers of items by their type, whichever of the values they have.

    Only the first twenty values count, and what is no text among them does not. A type with twenty items
    ends the search.
    """
    type_id = php.text(call.params.get("type")).strip().upper()
    if not type_id:
        raise classic_error("Communication type is not defined.")
    if type_id not in ("PHONE", "EMAIL"):
        raise classic_error(f"Communication type '{type_id}' is not supported in current context.")
    sent = call.params.get("values")
    if not php.is_array(sent) or not sent:
        raise classic_error("Communication values are not defined.")
    texts = [value for value in php.values(sent)[:_MOST_VALUES] if isinstance(value, str)]
    wanted = {normal for normal in (_normal(type_id, text) for text in texts) if normal}
    only = php.text(call.params.get("entity_type")).strip().upper()
    found: dict[str, list[int]] = {}
    for kind in _KINDS if only == "" else {only} & {*_KINDS}:
        ids = list(islice(_matching(call, kind.lower(), type_id, wanted), _MOST_FOUND))
        if ids:
            found[kind] = ids
        if len(ids) == _MOST_FOUND:
            break
    return found


def _matching(call: Call, kind: str, type_id: str, wanted: set[str]) -> Iterator[int]:
    index = _index(call, kind, type_id)
    for item_id in sorted(set().union(*(index.get(value, ()) for value in wanted))):
        if call.world.may_read(call.user, (kind, item_id)):
            yield item_id


def _index(call: Call, kind: str, type_id: str) -> dict[str, set[int]]:
    """Return the numbers of items by what they can be found by, made anew after a change of any item."""
    store, revision = call.world.crm.store(kind), call.world.crm.revision
    known = store.cache.get((find, type_id))
    if known is None or known[0] != revision:
        index: dict[str, set[int]] = {}
        for item_id, row in store.rows.items():
            for entry in row.get(type_id) or ():
                index.setdefault(_normal(type_id, entry["VALUE"]), set()).add(item_id)
        known = store.cache[find, type_id] = revision, index
    found: dict[str, set[int]] = known[1]
    return found


def _normal(type_id: str, value: Any) -> str:
    """Write a phone as its digits without an extension, an e-mail in lower case."""
    text = php.text(value).strip()
    return text.lower() if type_id == "EMAIL" else re.sub(r"\D", "", _EXTENSION.sub("", text))


METHODS = (classic("crm.duplicate.findbycomm", find),)
