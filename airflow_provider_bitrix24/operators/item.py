"""What operators share that act on one CRM item, given whole or by its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.base import UNSET, check_either, given, or_none
from airflow_provider_bitrix24.operators.deferring import DeferringOperator


class ItemOperator(DeferringOperator):
    """Base of operators that take a CRM item as ``item``, or as ``entity_type`` and ``entity_id``.

    :param item: the CRM item
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)

    template_fields: Sequence[str] = ("item", "entity_type", "entity_id", "bitrix24_conn_id")
    template_fields_renderers = {"item": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(
        self, *, item: Any = UNSET, entity_type: Any = UNSET, entity_id: Any = UNSET, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._whole_item = bool(given(item=item))
        parts = given(entity_type=entity_type, entity_id=entity_id)
        check_either(parts, ("entity_type", "entity_id"), "item", other_given=self._whole_item)
        self.item = or_none(item)
        self.entity_type = or_none(entity_type)
        self.entity_id = or_none(entity_id)
        self.remember_sources(item=item, entity_type=entity_type, entity_id=entity_id)

    def parse_item(self) -> CrmItem:
        """Return the item.

        :raises InvalidInputError: it is none
        """
        return CrmItem.parse(self.item) if self._whole_item else CrmItem.of(self.entity_type, self.entity_id)
