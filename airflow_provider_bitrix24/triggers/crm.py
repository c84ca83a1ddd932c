"""Triggers that wait for CRM items."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.crm.given import Given
from airflow_provider_bitrix24.crm.watching import ItemWatch
from airflow_provider_bitrix24.triggers.base import Bitrix24Trigger
from airflow_provider_bitrix24.waiting.poller import PollingClient


class CrmItemTrigger(Bitrix24Trigger):
    """Fires when a CRM item meets conditions (``crm.item.get``).

    :param item: the CRM item
    :param conditions: on its fields; ``None`` for none
    :param stage_semantic: what its stage is to mean; ``None`` where that does not matter
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    def __init__(
        self,
        *,
        item: Any,
        conditions: Any = None,
        stage_semantic: Any = None,
        bitrix24_conn_id: str,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, poke_interval=poke_interval)
        self.item = item
        self.conditions = conditions
        self.stage_semantic = stage_semantic
        self._given = Given.of(conditions=conditions, stage_semantic=stage_semantic)
        self._watch: ItemWatch | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the trigger's own arguments."""
        return {"item": self.item, "conditions": self.conditions, "stage_semantic": self.stage_semantic}

    async def is_met(self, portal: PollingClient) -> bool:
        """Look once.

        :param portal: what is asked
        :raises InvalidInputError: not an item, or not conditions that it can meet
        :raises NotFoundError: the item does not exist
        """
        if self._watch is None:
            self._given.check(self)  # a task that starts here is rendered here
            self._watch = ItemWatch(self.item, self.conditions, self.stage_semantic)
        return await portal.look(self._watch.look())
