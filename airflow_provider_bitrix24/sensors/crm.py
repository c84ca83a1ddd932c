"""Sensors that wait for CRM items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.watching import ItemWatch
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators.base import UNSET, optional, or_none
from airflow_provider_bitrix24.sensors.base import Bitrix24Sensor
from airflow_provider_bitrix24.triggers.crm import CrmItemTrigger


class CrmItemSensor(Bitrix24Sensor):
    """Wait until a CRM item's fields meet conditions, or its stage has a meaning (``crm.item.get``).

    A condition is a field of ``crm.item.*`` with an operator before its name, and a value: ``"stageId":
    "WON"`` or ``">=opportunity": 1000``. Operators are those of the API's filters: none or ``=`` (equal),
    ``!`` (not equal), ``>``, ``>=``, ``<``, ``<=``, ``@`` and ``!@`` (one and none of a list), ``%`` and
    ``!%`` (contains and does not). A list means one of its values, and ``None`` an empty field. Values are
    compared by the field's own type (``crm.item.fields``): numbers as numbers, dates as dates, moments
    whatever their offset. Of a field with several values, one is enough. All conditions have to be met in the
    same look.

    ``stage_semantic`` goes by what a stage means (``crm.status.list``), which its name does not tell: ``WON``
    is called ``C1:WON`` in another pipeline, and a pipeline's own stages are called anything.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``; a
        lead, deal, contact, company, quote, new invoice or item of a smart process
    :param conditions: conditions on its fields
    :param stage_semantic: ``success``, ``failure`` or ``process``
    :param deferrable: wait in the triggerer, where it holds no worker; on Airflow 3.3 and newer the task even
        starts there, unless it is mapped or an argument comes from another task
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item or not conditions; or the item has no such field, a value is not of
        the field's type, or its pipeline has no such stage
    :raises NotFoundError: the item does not exist, or is deleted while it is waited for
    """

    template_fields: Sequence[str] = ("item", "conditions", "stage_semantic", "bitrix24_conn_id")
    template_fields_renderers = {"item": "json", "conditions": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(
        self, *, item: Any, conditions: Any = UNSET, stage_semantic: Any = UNSET, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.item = item
        self.conditions = or_none(conditions)
        self.stage_semantic = or_none(stage_semantic)
        self._given = optional(self, conditions=conditions, stage_semantic=stage_semantic)
        self._watch: ItemWatch | None = None
        arguments = {
            "item": item,
            "conditions": self.conditions,
            "stage_semantic": self.stage_semantic,
        }
        self.remember_sources(**arguments)
        self.start_in_triggerer(CrmItemTrigger, arguments)

    def card(self) -> CrmItem:
        """Return the item."""
        return CrmItem.parse(self.item)

    def is_met(self, hook: Bitrix24Hook) -> bool:
        """Look once."""
        if self._watch is None:
            self._watch = self._new_watch()
        return hook.look(self._watch.look())

    def trigger(self) -> CrmItemTrigger:
        """Return the trigger that waits for the same."""
        watch = self._new_watch()
        return CrmItemTrigger(
            item=list(watch.item.pair),
            conditions=self.conditions,
            stage_semantic=self.stage_semantic,
            bitrix24_conn_id=self.bitrix24_conn_id,
            poke_interval=self.poke_interval,
        )

    def _new_watch(self) -> ItemWatch:
        self._given.check(self)
        return ItemWatch(self.item, self.conditions, self.stage_semantic)
