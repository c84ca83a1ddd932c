"""Which items rows are about: found by their ids or keys, with what they hold now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import fields_of, item_call
from airflow_provider_bitrix24.crm.telling import told
from airflow_provider_bitrix24.crm.writing.changes import Change
from airflow_provider_bitrix24.crm.writing.current import checked_ids
from airflow_provider_bitrix24.crm.writing.key_lookups import look_up
from airflow_provider_bitrix24.crm.writing.keys import Found, Key
from airflow_provider_bitrix24.crm.writing.writing import Writing
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, KeyNotUniqueError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work

#: an item as it is now; ``None`` where there is none yet
Present = Mapping[str, Any] | None


def by_id(
    writing: Writing, ids: Mapping[Change, int]
) -> Plan[dict[Change, Mapping[str, Any] | Bitrix24Error]]:
    """Read items by their ids; where one is not listed, find out why.

    :param writing: how they are written
    :param ids: the id of each change's item
    """
    listed = yield from checked_ids(writing.type_id, list(ids.values()), writing.select(list(ids)))
    found: dict[Change, Mapping[str, Any] | Bitrix24Error] = {}
    missing: list[Change] = []
    for change, number in ids.items():
        item = listed[number]
        if item is None:
            missing.append(change)
        else:
            found[change] = item
    if missing:
        asked = [CrmItem(writing.entity_type, ids[change]) for change in missing]
        outcomes = yield Work([item_call(one) for one in asked])
        for change, one, outcome in zip(missing, asked, outcomes, strict=True):
            try:
                found[change] = fields_of(one, outcome.unwrap())
            except Bitrix24Error as error:
                found[change] = told(error, str(one), "changed", one, may_be_done=False)
    return found


def by_key(
    writing: Writing, key: Key, changes: Sequence[Change]
) -> Plan[dict[Change, Present | Bitrix24Error]]:
    """Look items up by their keys.

    :param writing: how they are written
    :param key: the key's fields
    :param changes: the changes; each has a key of its own
    """
    listed = yield from look_up(
        writing.type_id, key, [change.key for change in changes], writing.select(changes)
    )
    found = {change: _only(writing, key, listed[change.key]) for change in changes}
    ids = {change: _id_of(item) for change, item in found.items()}
    counts = Counter(ids.values())
    for change, number in ids.items():  # two phones may be one contact's
        if number is not None and counts[number] > 1:
            problem = f"several rows are about {writing.entity_type} {number}"
            found[change] = KeyNotUniqueError(problem, code="KEY_NOT_UNIQUE")
    return found


def _id_of(item: Present | Bitrix24Error) -> int | None:
    return number_of(item.get("id")) if isinstance(item, Mapping) else None


def _only(writing: Writing, key: Key, found: Found | Bitrix24Error) -> Present | Bitrix24Error:
    """Return the one item of a key, ``None`` where there is none; nothing is guessed."""
    if isinstance(found, Bitrix24Error):
        return found
    ids = [number for item in found.items if (number := number_of(item.get("id"))) is not None]
    if len(ids) == 1 and not found.near:
        return found.items[0]
    if not ids and not found.near:
        return None
    kind = writing.entity_type
    if len(ids) + len(found.near) == 1:
        why = "differs by case or spaces at the end, which the portal may take for the same"
        if key.is_communication:
            why = "is not what the item shows, or the connection's user may not read the item"
        problem = f"the portal finds {kind} {found.near[0]} by this key, but it {why}"
    else:
        numbers = sorted([*ids, *found.near])
        problem = (
            f"{len(numbers)} items of the portal have this key: {kind} {', '.join(map(str, numbers[:10]))}"
        )
    return KeyNotUniqueError(problem, code="KEY_NOT_UNIQUE")
