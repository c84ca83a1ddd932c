"""What a CRM item is connected with: its contacts, company, lead, and the items it belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidInputError,
    InvalidParameterError,
    MethodNotFoundError,
    NotFoundError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work

_METHOD = "crm.item.get"

#: types that ``crm.item.get`` knows, besides smart processes
_SUPPORTED = ("lead", "deal", "contact", "company", "quote", "smart_invoice")
#: fields of an item that hold one id, or a list of ids, of another; not ``mycompanyId``, which is one's own
_LINKS = {
    "contactId": "contact",
    "contactIds": "contact",
    "companyId": "company",
    "companyIds": "company",
    "leadId": "lead",
    "dealId": "deal",
    "quoteId": "quote",
}
#: errors of who may not ask: whether the item exists, what follows will show
TELLS_NOTHING = (AccessDeniedError, InvalidParameterError, MethodNotFoundError)
_PARENT = re.compile(r"parentId([1-9][0-9]*)")


def is_readable(item: CrmItem) -> bool:
    """Tell whether ``crm.item.get`` knows items of a type.

    :param item: the item
    """
    return item.entity_type in _SUPPORTED or item.entity_type.startswith("dynamic_")


def check_readable(item: CrmItem, field: str = "related_to") -> CrmItem:
    """Return an item whose fields, and so what it is connected with, can be read.

    :param item: the item
    :param field: where it stands, for the message
    :raises InvalidInputError: they cannot
    """
    if is_readable(item):
        return item
    raise InvalidInputError(
        f"{field}: the fields of {item} cannot be read",
        remedy=f"Give an item of one of the types {', '.join(_SUPPORTED)}, dynamic_<number>.",
    )


def item_result(item: CrmItem, outcome: Outcome, field: str = "item") -> Any:
    """Return the result of an item's call.

    :param item: the item that was asked for
    :param outcome: of its call
    :param field: where it stands, for the message
    :raises NotFoundError: it does not exist
    :raises Bitrix24Error: it could not be read
    """
    if isinstance(outcome.error, NotFoundError):
        raise no_such_item(item, outcome.error, f"{field}: ")
    return outcome.unwrap()


def no_such_item(item: CrmItem, error: NotFoundError, prefix: str = "") -> NotFoundError:
    """Return the error that says of an item that it does not exist.

    :param item: the item
    :param error: what the portal said
    :param prefix: goes before the item in the message
    """
    return NotFoundError(
        f"{prefix}{item} does not exist",
        code=error.code,
        method=_METHOD,
        portal=error.portal,
        remedy="Check its type and id.",
    )


def item_call(item: CrmItem) -> Call:
    """Return the call of ``crm.item.get``.

    :param item: the item
    :raises InvalidInputError: its type has no number
    """
    return Call(_METHOD, {"entityTypeId": item.type_id, "id": item.entity_id})


def fields_of(item: CrmItem, result: Any) -> Mapping[str, Any]:
    """Return an item's fields.

    :param item: the item that was asked for
    :param result: of ``crm.item.get``
    :raises UnexpectedResultError: it is not that item
    """
    fields = result.get("item") if isinstance(result, Mapping) else None
    if not isinstance(fields, Mapping) or str(fields.get("id")) != str(item.entity_id):
        raise UnexpectedResultError(f"asked for {item}, the portal answered another or none", method=_METHOD)
    return fields


def read_related_items(item: CrmItem, field: str = "item") -> Plan[list[CrmItem]]:
    """Read what an item is connected with.

    :param item: the item
    :param field: where it stands, for the message
    :raises InvalidInputError: the API does not tell it of this type; nothing was sent
    :raises NotFoundError: it does not exist
    """
    [outcome] = yield Work([item_call(check_readable(item, field))])
    return related_items(item, item_result(item, outcome, field))


def related_items(item: CrmItem, result: Any) -> list[CrmItem]:
    """Return the items that an item is connected with, in the order of their types and ids.

    :param item: the item
    :param result: of ``crm.item.get``
    :raises UnexpectedResultError: it is not that item
    """
    found = {
        CrmItem(entity_type, number)
        for name, value in fields_of(item, result).items()
        if (entity_type := _linked_type(name))
        for number in _ids(value)
    }
    return sorted(found - {item})


def _linked_type(name: str) -> str:
    if name in _LINKS:
        return _LINKS[name]
    match = _PARENT.fullmatch(name)
    return CrmItem.of_type_id(int(match[1]), 1).entity_type if match else ""


def _ids(value: Any) -> list[int]:
    """Return the ids in a field; an absent link is 0, null or empty."""
    values = value if isinstance(value, list) else [value]
    return [number for number in map(number_of, values) if number]
