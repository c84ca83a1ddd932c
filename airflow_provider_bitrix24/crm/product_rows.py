"""The product rows of many CRM items (``crm.item.productrow.list``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import ENTITY_TYPES, CrmItem
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import IncompleteListError, UnexpectedResultError
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
_METHOD = "crm.item.productrow.list"
#: owners that one call asks for
OWNERS_A_CALL = 50


def read_rows(item: CrmItem, owner_ids: Sequence[int], *, together: bool) -> Plan[list[dict[str, Any]]]:
    """Read the product rows of some items, in the order of the items' groups and the rows' ids.

    :param item: any item of their type
    :param owner_ids: the items' ids
    :param together: whether one call may ask for many of them; the API then checks rights on one only
    :raises IncompleteListError: rows came twice, or rows of other items
    :raises Bitrix24Error: a page failed
    """
    size = OWNERS_A_CALL if together else 1
    groups = [list(owner_ids[start : start + size]) for start in range(0, len(owner_ids), size)]
    rows: dict[int, list[dict[str, Any]]] = {position: [] for position in range(len(groups))}
    open_groups = list(rows)
    while open_groups:
        calls = [_page(item, groups[position], rows[position]) for position in open_groups]
        outcomes = yield Work(calls)
        following = []
        for position, outcome in zip(open_groups, outcomes, strict=True):
            page = _rows_of(outcome, groups[position], rows[position])
            rows[position] += page
            if len(page) >= PAGE_SIZE:
                following.append(position)
        open_groups = following
    return [row for position in rows for row in rows[position]]


def _page(item: CrmItem, owners: list[int], so_far: Sequence[Mapping[str, Any]]) -> Call:
    """Return the call for the rows past those read so far."""
    where: dict[str, Any] = {
        "=ownerType": _owner_code(item),
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


def _owner_code(item: CrmItem) -> str:
    """Return how product rows call a type: ``D``, ``SI``, ``T80``."""
    return ENTITY_TYPES.get(item.entity_type) or f"T{item.type_id:x}"
