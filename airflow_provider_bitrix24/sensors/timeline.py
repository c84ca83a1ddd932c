"""Sensors that wait for timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.crm.watching import CommentWatch
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators.base import UNSET, check_flag, optional, or_none
from airflow_provider_bitrix24.sensors.base import Bitrix24Sensor
from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger, TimelineCommentTrigger


class TimelineBindingSensor(Bitrix24Sensor):
    """Wait until a timeline record shows on a CRM item, or no longer does (``crm.timeline.bindings.list``).

    :param record_id: the timeline record's id
    :param entity_type: the CRM item's type: ``deal``, ``lead``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the CRM item's id
    :param bound: whether to wait for the binding (the default) or for its end
    :param deferrable: wait in the triggerer, where it holds no worker; on Airflow 3.3 and newer the task even
        starts there, unless it is mapped or an argument comes from another task
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type; nothing was sent
    :raises NotFoundError: the record does not exist
    """

    template_fields: Sequence[str] = ("record_id", "entity_type", "entity_id", "bitrix24_conn_id")

    def __init__(
        self, *, record_id: Any, entity_type: Any, entity_id: Any, bound: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.record_id = record_id
        self.entity_type = entity_type
        self.entity_id = entity_id
        self.bound = check_flag(bound, "bound")
        arguments = {"record_id": record_id, "entity_type": entity_type, "entity_id": entity_id}
        self.remember_sources(**arguments)
        self.start_in_triggerer(TimelineBindingTrigger, {**arguments, "bound": bound})

    def card(self) -> CrmItem:
        """Return the item."""
        return self._binding().item

    def is_met(self, hook: Bitrix24Hook) -> bool:
        """Look once."""
        return hook.is_bound(self._binding()) is self.bound

    def trigger(self) -> TimelineBindingTrigger:
        """Return the trigger that waits for the same."""
        binding = self._binding()
        return TimelineBindingTrigger(
            record_id=binding.record_id,
            entity_type=binding.item.entity_type,
            entity_id=binding.item.entity_id,
            bound=self.bound,
            bitrix24_conn_id=self.bitrix24_conn_id,
            poke_interval=self.poke_interval,
        )

    def _binding(self) -> TimelineBinding:
        return TimelineBinding.of(self.record_id, self.entity_type, self.entity_id)


class TimelineCommentSensor(Bitrix24Sensor):
    """Wait until there is a comment on a CRM item's timeline (``crm.timeline.comment.list``).

    The result is the timeline record of the newest comment that fits, which can be passed on.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``
    :param pattern: regular expression that is found anywhere in the text; ``(?i)`` at its begin ignores case
    :param author_id: the user who wrote it
    :param since: only comments that were not written before this moment, with its offset from UTC, such as
        ``{{ data_interval_start }}``; without, one that is there already ends the wait at once. It also
        bounds what is read of a long timeline at every look
    :param deferrable: wait in the triggerer, where it holds no worker; on Airflow 3.3 and newer the task even
        starts there, unless it is mapped or an argument comes from another task
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item, a pattern, a user or a moment; nothing was sent
    :raises NotFoundError: the item does not exist
    :raises AccessDeniedError: the item may not be read
    """

    template_fields: Sequence[str] = ("item", "pattern", "author_id", "since", "bitrix24_conn_id")
    template_fields_renderers = {"item": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(
        self, *, item: Any, pattern: Any = UNSET, author_id: Any = UNSET, since: Any = UNSET, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.item = item
        self.pattern = or_none(pattern)
        self.author_id = or_none(author_id)
        self.since = or_none(since)
        self._given = optional(self, pattern=pattern, author_id=author_id, since=since)
        self._watch: CommentWatch | None = None
        arguments = {
            "item": item,
            "pattern": self.pattern,
            "author_id": self.author_id,
            "since": self.since,
        }
        self.remember_sources(**arguments)
        self.start_in_triggerer(TimelineCommentTrigger, arguments)

    def card(self) -> CrmItem:
        """Return the item."""
        return CrmItem.parse(self.item)

    def is_met(self, hook: Bitrix24Hook) -> int | None:
        """Look once, and return the comment."""
        if self._watch is None:
            self._watch = self._new_watch()
        return hook.look(self._watch.look())

    def trigger(self) -> TimelineCommentTrigger:
        """Return the trigger that waits for the same."""
        watch = self._new_watch()
        return TimelineCommentTrigger(
            item=list(watch.item.pair),
            pattern=self.pattern,
            author_id=self.author_id,
            since=self.since.isoformat() if hasattr(self.since, "isoformat") else self.since,
            bitrix24_conn_id=self.bitrix24_conn_id,
            poke_interval=self.poke_interval,
        )

    def _new_watch(self) -> CommentWatch:
        self._given.check(self)
        return CommentWatch(self.item, self.pattern, self.author_id, self.since)
