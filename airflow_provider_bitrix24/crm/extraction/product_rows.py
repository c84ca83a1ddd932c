"""The product rows of many CRM items (``crm.item.productrow.list``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import ENTITY_TYPES, CrmItem
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    IncompleteListError,
    InvalidInputError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work

FIELDS = {
    "id": "integer",
    "ownerId": "integer",
    "ownerType": "string",
    "productId": "user",  # a link, 0 for none
    "productName": "string",
    "price": "double",
    "priceAccount": "double",
    "priceExclusive": "double",
    "priceNetto": "double",
    "priceBrutto": "double",
    "quantity": "double",
    "discountTypeId": "integer",
    "discountRate": "double",
    "discountSum": "double",
    "taxRate": "double",
    "taxIncluded": "char",
    "customized": "char",
    "measureCode": "integer",
    "measureName": "string",
    "sort": "integer",
    "xmlId": "string",
    "type": "integer",
    "storeId": "user",
}
#: types whose items have product rows
OWNER_TYPES = re.compile(r"lead|deal|quote|smart_invoice|dynamic_\d+")
_METHOD = "crm.item.productrow.list"
#: owners that one call asks for
OWNERS_A_CALL = 50


def check_has_rows(entity_type: str, field: str) -> str:
    """Return a type whose items have product rows.

    :param entity_type: the type's name
    :param field: where it stands, for the message
    :raises InvalidInputError: its items have none
    """
    if OWNER_TYPES.fullmatch(entity_type):
        return entity_type
    raise InvalidInputError(
        f"{field}: items of the type {entity_type} have no product rows",
        remedy="Those of lead, deal, quote, smart_invoice and dynamic_1042 have.",
    )


def read_rows(item: CrmItem, owner_ids: Sequence[int], *, together: bool) -> Plan[list[dict[str, Any]]]:
    """Read the product rows of some items, in the order of the items' groups and the rows' ids.

    :param item: any item of their type
    :param owner_ids: the items' ids
    :param together: whether one call may ask for many of them; the API then checks rights on one only
    :raises IncompleteListError: rows came twice, or rows of other items
    :raises Bitrix24Error: a page failed
    """
    found = yield from _read_groups(item, _groups(owner_ids, OWNERS_A_CALL if together else 1))
    all_rows = []
    for rows in found:
        if isinstance(rows, Bitrix24Error):
            raise rows
        all_rows += rows
    return all_rows


def rows_of_each(
    item: CrmItem, owner_ids: Sequence[int]
) -> Plan[dict[int, list[dict[str, Any]] | Bitrix24Error]]:
    """Read the product rows of each of some items; one that cannot be read does not hinder the others.

    An administrator reads fifty items with a call. Others read each by itself, because the API checks their
    rights on one item of a call only.

    :param item: any item of their type
    :param owner_ids: the items' ids
    :return: the rows of each item in the order of their ids, or why they could not be read
    """
    found: dict[int, list[dict[str, Any]] | Bitrix24Error] = {}
    singly = list(owner_ids)
    if len(singly) > 1 and (yield from _is_administrator()):
        groups, singly = _groups(singly, OWNERS_A_CALL), []
        for group, rows in zip(groups, (yield from _read_groups(item, groups)), strict=True):
            if isinstance(rows, IncompleteListError):  # the portal takes one item only
                singly += group
            else:
                found |= {owner: _of_owner(rows, owner) for owner in group}
    if singly:
        groups = _groups(singly, 1)
        found |= zip(singly, (yield from _read_groups(item, groups)), strict=True)
    return found


def in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return an item's rows in the order in which people see them.

    :param rows: rows as the API answers them
    """

    def place(row: Mapping[str, Any]) -> tuple[int, int]:
        sort = row.get("sort")
        return sort if isinstance(sort, int) else number_of(sort) or 0, number_of(row.get("id")) or 0

    return sorted(rows, key=place)


def _is_administrator() -> Plan[bool]:
    [outcome] = yield Work([Call("profile")])
    return outcome.ok and isinstance(outcome.result, Mapping) and outcome.result.get("ADMIN") is True


def _of_owner(rows: list[dict[str, Any]] | Bitrix24Error, owner: int) -> list[dict[str, Any]] | Bitrix24Error:
    if isinstance(rows, Bitrix24Error):
        return rows
    return [row for row in rows if number_of(row.get("ownerId")) == owner]


def _groups(owner_ids: Sequence[int], size: int) -> list[list[int]]:
    return [list(owner_ids[start : start + size]) for start in range(0, len(owner_ids), size)]


def _read_groups(
    item: CrmItem, groups: Sequence[list[int]]
) -> Plan[list[list[dict[str, Any]] | Bitrix24Error]]:
    """Read the rows of groups of items side by side, or find out why those of a group cannot be read."""
    rows: list[list[dict[str, Any]]] = [[] for _ in groups]
    errors: dict[int, Bitrix24Error] = {}
    open_groups = list(range(len(groups)))
    while open_groups:
        outcomes = yield Work([_page(item, groups[position], rows[position]) for position in open_groups])
        following = []
        for position, outcome in zip(open_groups, outcomes, strict=True):
            try:
                page = _rows_of(outcome, groups[position], rows[position])
            except Bitrix24Error as error:
                errors[position] = error
                continue
            rows[position] += page
            if len(page) >= PAGE_SIZE:
                following.append(position)
        open_groups = following
    return [errors.get(position, found) for position, found in enumerate(rows)]


def _page(item: CrmItem, owners: list[int], so_far: Sequence[Mapping[str, Any]]) -> Call:
    """Return the call for the rows past those read so far."""
    where: dict[str, Any] = {
        "=ownerType": owner_code(item),
        "=ownerId": owners if len(owners) > 1 else owners[0],
    }
    if so_far:
        where[">id"] = so_far[-1]["id"]
    return Call(_METHOD, {"filter": where, "order": {"id": "ASC"}, "start": -1})


def _rows_of(
    outcome: Outcome, owners: Sequence[int], so_far: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    result = outcome.unwrap()
    rows = result.get("productRows") if isinstance(result, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnexpectedResultError("the answer holds no list of rows", method=_METHOD)
    last = number_of(so_far[-1].get("id")) if so_far else 0
    for row in rows:
        row_id = number_of(row.get("id"))
        if row_id is None or number_of(row.get("ownerId")) not in owners:
            raise IncompleteListError("a row without its id, or of another item", method=_METHOD)
        if last is not None and row_id <= last:
            raise IncompleteListError(f"row {row_id} came after {last}", method=_METHOD)
        last = row_id
    return rows


def owner_code(item: CrmItem) -> str:
    """Return how product rows call a type: ``D``, ``SI``, ``T80``.

    :param item: any item of the type
    """
    return ENTITY_TYPES.get(item.entity_type) or f"T{item.type_id:x}"
