"""What operators share that act on one CRM item, given whole or by its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem, parse_entity_type
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.arguments import or_none
from airflow_provider_bitrix24.operators.deferring import DeferringOperator


class ItemOperator(DeferringOperator):
    """Base of operators that take a CRM item as ``item``, or as ``entity_type`` and ``entity_id``."""

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)

    template_fields: Sequence[str] = ("item", "entity_type", "entity_id", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json"}

    def take_item(self, item: Any, entity_type: Any, entity_id: Any) -> None:
        """Keep the arguments that say which item is meant.

        :param item: the CRM item
        :param entity_type: the item's type, instead of ``item``
        :param entity_id: the item's id, instead of ``item``
        :raises InvalidInputError: both are given, or neither, or one is not valid
        """
        self.item = or_none(item)
        self.entity_type = or_none(entity_type)
        self.entity_id = or_none(entity_id)
        self.arguments.note(item=item, entity_type=entity_type, entity_id=entity_id)
        self.arguments.check_literals(item=CrmItem.parse, entity_type=parse_entity_type, entity_id=parse_id)
        self.arguments.check_either(("entity_type", "entity_id"), "item")

    def parse_item(self) -> CrmItem:
        """Return the item.

        :raises InvalidInputError: it is none
        """
        if self.arguments.has("item"):
            return CrmItem.parse(self.item)
        return CrmItem.of(self.entity_type, self.entity_id)
