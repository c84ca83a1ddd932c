"""Looks whether a timeline record shows on a CRM item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_bitrix24.crm.cards import card_address
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_list
from airflow_provider_bitrix24.crm.timeline.bindings import BOUND, NOT_BOUND
from airflow_provider_bitrix24.crm.timeline.records import see_record
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding, bindings_call
from airflow_provider_bitrix24.crm.watching.watch import ITEM_PARSERS, NowAndThen, Parser, Sight
from airflow_provider_bitrix24.rest.plans import Plan


class BindingWatch:
    """Looks whether a timeline record is bound to an item, or no longer is.

    :param record_id: the record
    :param entity_type: the item's type
    :param entity_id: the item's id
    :param bound: whether the binding is waited for, or its end
    :param item: the item, instead of its type and id
    :raises InvalidInputError: one of them is not valid
    """

    parsers: ClassVar[Mapping[str, Parser]] = {"record_id": parse_id, **ITEM_PARSERS}

    def __init__(
        self,
        record_id: Any = None,
        entity_type: Any = None,
        entity_id: Any = None,
        bound: bool = True,
        *,
        item: Any = None,
    ) -> None:
        record = parse_id(record_id, "record_id")
        self.item = CrmItem.given(item, entity_type, entity_id)
        self.binding = TimelineBinding(record, self.item)
        self.goal = f"timeline record {record} to show on {self.item}{'' if bound else ' no longer'}"
        self._bound = bound
        self._now_and_then = NowAndThen()

    def address(self, origin: str) -> str:
        """Return where the item's card is, ``""`` where it has none.

        :param origin: the portal's scheme, host and port
        """
        return card_address(origin, self.item)

    def look(self) -> Plan[Sight]:
        """Look once.

        :raises NotFoundError: the record does not exist
        """
        shows = yield from self.shows()
        verb = "shows" if shows else "does not show"
        seen = f"timeline record {self.binding.record_id} {verb} on {self.item}"
        row = {**self.binding.row(), "STATUS": BOUND if shows else NOT_BOUND}
        return Sight(seen, row if shows is self._bound else None)

    def shows(self) -> Plan[bool]:
        """Tell whether the record shows on the item.

        A record that does not exist has no bindings either. So where there are none, the record is asked for,
        too; while a binding is waited for, only now and then.

        :raises NotFoundError: the record does not exist
        """
        record_id = self.binding.record_id
        rows = yield from read_list(bindings_call(record_id))
        if not rows and (not self._bound or self._now_and_then.is_due()):
            yield from see_record(record_id)
            self._now_and_then.answered()
        return self.binding.is_among(rows)
