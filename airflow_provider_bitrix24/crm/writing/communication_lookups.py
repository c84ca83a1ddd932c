"""Which leads, contacts and companies have a phone or an e-mail address (``crm.duplicate.findbycomm``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.writing.current import Current, checked_ids
from airflow_provider_bitrix24.crm.writing.keys import Found, FoundByKey, Key, Parts
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, UnexpectedResultError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work

_METHOD = "crm.duplicate.findbycomm"
#: an item's phones come with everything only
_SELECT = ("*",)


def look_up_communications(type_id: int, key: Key, wanted: Sequence[Parts]) -> Plan[FoundByKey]:
    """Look items up by a phone or an e-mail address: one value a call, then fifty items a call.

    The portal compares phones without their format, and names twenty items at most: more than one is not
    unique however many there are.

    :param type_id: the type's number
    :param key: the key, which is a phone or an address
    :param wanted: the values, each of them once
    """
    entity_type = CrmItem.of_type_id(type_id, 1).entity_type.upper()
    kind = key.api_names[0]
    calls = [
        Call(_METHOD, {"type": kind, "values": [value], "entity_type": entity_type}) for (value,) in wanted
    ]
    outcomes = (yield Work(calls)) if calls else []
    hits = {parts: _hits(outcome, entity_type) for parts, outcome in zip(wanted, outcomes, strict=True)}
    ids = [number for found in hits.values() if not isinstance(found, Bitrix24Error) for number in found]
    items = yield from checked_ids(type_id, ids, _SELECT)
    return {
        parts: found if isinstance(found, Bitrix24Error) else _found(key, parts, found, items)
        for parts, found in hits.items()
    }


def _hits(outcome: Outcome, entity_type: str) -> list[int] | Bitrix24Error:
    """Return the ids of one type's items in an answer, in order."""
    if outcome.error is not None:
        return outcome.error
    result = outcome.result
    ids = result.get(entity_type, []) if isinstance(result, Mapping) else result
    numbers = [number_of(value) for value in ids] if isinstance(ids, list) else [None]
    found = {number for number in numbers if number is not None}
    if None in numbers:
        return UnexpectedResultError("the answer holds no ids", method=_METHOD)
    return sorted(found)


def _found(
    key: Key, parts: Parts, hits: Sequence[int], items: Mapping[int, Current]
) -> Found | Bitrix24Error:
    exact: list[Mapping[str, Any]] = []
    near: list[int] = []
    for number in hits:
        item = items[number]
        if isinstance(item, Bitrix24Error):
            return item
        if item is not None and key.folded(parts) in map(key.folded, _values(item, key.api_names[0])):
            exact.append(item)
        else:
            near.append(number)
    return Found(tuple(exact), tuple(near))


def _values(item: Mapping[str, Any], kind: str) -> list[Parts]:
    """Return an item's phones or addresses."""
    entries = item.get("fm") or ()
    rows = entries.values() if isinstance(entries, Mapping) else entries
    return [
        (str(row.get("value") or "").strip(),)
        for row in rows
        if isinstance(row, Mapping) and row.get("typeId") == kind
    ]
