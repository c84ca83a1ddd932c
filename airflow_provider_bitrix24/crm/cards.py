"""Where the portal shows an item, and the items of a type, unless its administrator moved them."""

from __future__ import annotations

from airflow_provider_bitrix24.crm.items import CrmItem

_NAMED = {
    **{name: f"/crm/{name}/details/{{}}/" for name in ("lead", "deal", "contact", "company")},
    "order": "/shop/orders/details/{}/",
    "order_shipment": "/shop/orders/shipment/details/{}/",
    "order_payment": "/shop/orders/payment/details/{}/",
}
_BY_NUMBER = ("quote", "smart_invoice", "smart_document")


def card_address(origin: str, item: CrmItem) -> str:
    """Return the address of an item's card, ``""`` where it has none.

    :param origin: the portal's scheme, host and port
    :param item: the item
    """
    path = _NAMED.get(item.entity_type)
    if path is not None:
        return origin + path.format(item.entity_id)
    if item.entity_type in _BY_NUMBER or item.entity_type.startswith("dynamic_"):
        return f"{origin}/crm/type/{item.type_id}/details/{item.entity_id}/"
    return ""


def list_address(origin: str, entity_type: str) -> str:
    """Return the address of the list of a type's items, ``""`` where there is none.

    :param origin: the portal's scheme, host and port
    :param entity_type: the type's name, such as ``deal``
    """
    if entity_type in ("lead", "deal", "contact", "company"):
        return f"{origin}/crm/{entity_type}/list/"
    if entity_type in _BY_NUMBER or entity_type.startswith("dynamic_"):
        return f"{origin}/crm/type/{CrmItem(entity_type, 1).type_id}/list/category/0/"
    return ""
