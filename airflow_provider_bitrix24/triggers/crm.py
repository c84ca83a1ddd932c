"""Triggers that wait for CRM items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bitrix24.crm.watching.item_watch import ItemWatch
from airflow_provider_bitrix24.crm.watching.items_watch import ItemsWatch
from airflow_provider_bitrix24.hooks.aliases import IdLike, ItemLike
from airflow_provider_bitrix24.triggers.base import Bitrix24Trigger


class CrmItemTrigger(Bitrix24Trigger):
    """Fires when a CRM item meets conditions (``crm.item.get``).

    :param item: the CRM item
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param conditions: on its fields; ``None`` for none
    :param stage_semantic: what its stage is to mean; ``None`` where that does not matter
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    watch_class = ItemWatch

    def __init__(
        self,
        *,
        item: ItemLike | None = None,
        entity_type: str | None = None,
        entity_id: IdLike | None = None,
        conditions: Mapping[str, Any] | str | None = None,
        stage_semantic: str | None = None,
        bitrix24_conn_id: str,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__(
            {
                "item": item,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "conditions": conditions,
                "stage_semantic": stage_semantic,
            },
            bitrix24_conn_id=bitrix24_conn_id,
            poke_interval=poke_interval,
        )


class CrmItemsTrigger(Bitrix24Trigger):
    """Fires when enough CRM items match a filter (``crm.item.list``).

    :param entity_type: the items' type
    :param where: the filter
    :param min_count: how many items have to match
    :param max_ids: how many ids are told at most
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    watch_class = ItemsWatch

    def __init__(
        self,
        *,
        entity_type: str,
        where: Mapping[str, Any] | str,
        min_count: IdLike = 1,
        max_ids: IdLike = 100,
        bitrix24_conn_id: str,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__(
            {"entity_type": entity_type, "where": where, "min_count": min_count, "max_ids": max_ids},
            bitrix24_conn_id=bitrix24_conn_id,
            poke_interval=poke_interval,
        )
