"""Whether CRM items exist: Bitrix24 stores an administrator's comments and bindings on any id.

``crm.item.list`` tells of fifty ids a call which of them the user may read. Only the others are asked for one
by one, because a list leaves out what the user may not read, as it does what does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.item_pages import in_pages, items_call
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import (
    TELLS_NOTHING,
    fields_of,
    is_readable,
    item_call,
    no_such_item,
)
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, NotFoundError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work


def check_items(items: Mapping[str, CrmItem]) -> Plan[None]:
    """Ask whether items exist, as far as ``crm.item.*`` knows their types.

    :param items: the items by where they stand, for the message
    :raises NotFoundError: one of them does not exist
    :raises Bitrix24Error: that cannot be told now
    """
    missing = yield from missing_items(items.values())
    for name, item in items.items():
        error = missing.get(item)
        if isinstance(error, NotFoundError):
            raise no_such_item(item, error, f"{name}: ")
        if error is not None:
            raise error


def missing_items(items: Iterable[CrmItem]) -> Plan[dict[CrmItem, Bitrix24Error]]:
    """Find out which items do not exist, as far as ``crm.item.*`` knows their types.

    :param items: the items
    :return: the error of each that does not exist, or of which it cannot be told now
    """
    asked = sorted({item for item in items if is_readable(item)})
    found: dict[CrmItem, Bitrix24Error | None] = {}
    if len(asked) > 1:
        asked, found = yield from _not_listed(asked)
    outcomes = (yield Work([item_call(item) for item in asked])) if asked else []
    found |= {item: _error_of_one(item, outcome) for item, outcome in zip(asked, outcomes, strict=True)}
    return {item: error for item, error in found.items() if error is not None}


def _not_listed(
    items: Sequence[CrmItem],
) -> Plan[tuple[list[CrmItem], dict[CrmItem, Bitrix24Error | None]]]:
    """Return the items that a list does not show, and the errors of those whose list could not be read."""
    pages = [
        page
        for type_id in dict.fromkeys(item.type_id for item in items)
        for page in in_pages([item for item in items if item.type_id == type_id])
    ]
    outcomes = yield Work(
        [items_call(page[0].type_id, [item.entity_id for item in page], ["id"]) for page in pages]
    )
    not_listed: list[CrmItem] = []
    errors: dict[CrmItem, Bitrix24Error | None] = {}
    for page, outcome in zip(pages, outcomes, strict=True):
        if outcome.ok:
            seen = _ids(outcome.result)
            not_listed += [item for item in page if item.entity_id not in seen]
        else:
            errors |= {item: _error(item, outcome) for item in page}
    return not_listed, errors


def _ids(result: Any) -> set[int | None]:
    rows = result.get("items") if isinstance(result, Mapping) else None
    return {number_of(row.get("id")) for row in rows or () if isinstance(row, Mapping)}


def _error(item: CrmItem, outcome: Outcome) -> Bitrix24Error | None:
    if isinstance(outcome.error, NotFoundError):
        return no_such_item(item, outcome.error)
    return None if isinstance(outcome.error, TELLS_NOTHING) else outcome.error


def _error_of_one(item: CrmItem, outcome: Outcome) -> Bitrix24Error | None:
    if outcome.ok:
        try:
            fields_of(item, outcome.result)
        except Bitrix24Error as error:
            return error
    return _error(item, outcome)
