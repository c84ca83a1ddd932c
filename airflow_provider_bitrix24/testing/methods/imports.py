"""``crm.item.import`` and ``crm.item.batchImport``: adding items without any automation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import php
from ..errors import RestError, denied
from ..fields import MULTI_TYPES
from ..imports import system_values
from ..item_names import item_name
from .items import ItemType, not_valid
from .params import controller_array
from .registry import controller

if TYPE_CHECKING:
    from ..world import Call

_MOST = 20


def import_item(call: Call) -> dict[str, Any]:
    """Import an item."""
    return _imported(ItemType.of(call), controller_array(call, "fields"))


def import_items(call: Call) -> dict[str, Any]:
    """Import up to twenty items; what is wrong with one does not keep the others out."""
    wanted, data = ItemType.of(call), controller_array(call, "data")
    if len(data) > _MOST:
        text = f"Maximum import batch size ({_MOST}) is exceeded"
        raise RestError("MAX_IMPORT_BATCH_SIZE_EXCEEDED", text)
    return {"items": {key: _result(wanted, fields) for key, fields in data.items()}}


def _result(wanted: ItemType, fields: Any) -> dict[str, Any]:
    try:
        return _imported(wanted, dict(php.pairs(fields)))
    except RestError as error:
        return error.body()


def _imported(wanted: ItemType, sent: dict[str, Any]) -> dict[str, Any]:
    """Add an item; phones and the like are written as by classic methods."""
    call, store = wanted.call, wanted.store
    if not call.user.writes_anything:
        raise denied()
    sent = {name: value for name, value in sent.items() if name != "fm"}
    values = wanted.changes(sent, None)
    values |= {name: sent[name] for name in MULTI_TYPES if name in sent and name in store.fields}
    by_stored_name = {wanted.spellings[name].name: sent[name] for name in sent if name in wanted.spellings}
    try:
        given = system_values(call, store, by_stored_name)
    except ValueError as error:
        raise not_valid(item_name(str(error))) from None
    number = call.world.crm.create(
        wanted.kind, values, author=call.user.user_id, now=call.now, given=given, check=wanted.check
    )
    return {"item": {"id": number}}


METHODS = (controller("crm.item.import", import_item), controller("crm.item.batchImport", import_items))
