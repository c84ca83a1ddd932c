"""Triggers that wait for timelines."""

from __future__ import annotations

import random
from typing import Any

from airflow_provider_bitrix24.crm.given import Given
from airflow_provider_bitrix24.crm.records import no_such_record, record_exists
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding, bindings_call, record_call
from airflow_provider_bitrix24.crm.watching import CommentWatch
from airflow_provider_bitrix24.triggers.base import Bitrix24Trigger
from airflow_provider_bitrix24.waiting.poller import PollingClient

#: looks in a row that find no binding and do not ask whether the record is still there
_UNCHECKED = 9


class TimelineBindingTrigger(Bitrix24Trigger):
    """Fires when a timeline record is bound to a CRM item, or no longer is (``crm.timeline.bindings.list``).

    Whether a record without any binding exists is asked at the first look and at every tenth after it.

    :param record_id: the timeline record's id
    :param entity_type: the CRM item's type
    :param entity_id: the CRM item's id
    :param bound: whether to wait for the binding or for its end
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    def __init__(
        self,
        *,
        record_id: Any,
        entity_type: Any,
        entity_id: Any,
        bound: bool = True,
        bitrix24_conn_id: str,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, poke_interval=poke_interval)
        self.record_id = record_id
        self.entity_type = entity_type
        self.entity_id = entity_id
        self.bound = bound
        self._unchecked: int | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the trigger's own arguments."""
        return {
            "record_id": self.record_id,
            "entity_type": self.entity_type,
            "entity_id": self.entity_id,
            "bound": self.bound,
        }

    async def is_met(self, portal: PollingClient) -> bool:
        """Look once.

        :param portal: what is asked
        :raises InvalidInputError: not a record or an item
        :raises NotFoundError: the record does not exist
        """
        binding = TimelineBinding.of(self.record_id, self.entity_type, self.entity_id)
        rows = await portal.rows(bindings_call(binding.record_id))
        if not rows:
            await self._check_record(binding.record_id, portal)
        return binding.is_among(rows) is self.bound

    async def _check_record(self, record_id: int, portal: PollingClient) -> None:
        """Ask whether a record without bindings exists: at first, and then now and then.

        :raises NotFoundError: it does not
        """
        if self.bound and self._unchecked:
            self._unchecked -= 1
            return
        if not record_exists(await portal.call(record_call(record_id))):
            raise no_such_record(record_id)
        # Many that begin together are not to ask again in the same round.
        first = self._unchecked is None
        self._unchecked = random.randint(0, _UNCHECKED) if first else _UNCHECKED  # noqa: S311 - no secret


class TimelineCommentTrigger(Bitrix24Trigger):
    """Fires when there is a comment on a CRM item's timeline (``crm.timeline.comment.list``), with its id.

    :param item: the CRM item
    :param pattern: regular expression that is found in the text; ``None`` for any text
    :param author_id: the user who wrote it; ``None`` for any
    :param since: not written before this; ``None`` for any time
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    def __init__(
        self,
        *,
        item: Any,
        pattern: Any = None,
        author_id: Any = None,
        since: Any = None,
        bitrix24_conn_id: str,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, poke_interval=poke_interval)
        self.item = item
        self.pattern = pattern
        self.author_id = author_id
        self.since = since
        self._given = Given.of(pattern=pattern, author_id=author_id, since=since)
        self._watch: CommentWatch | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the trigger's own arguments."""
        return {
            "item": self.item,
            "pattern": self.pattern,
            "author_id": self.author_id,
            "since": self.since,
        }

    async def is_met(self, portal: PollingClient) -> int | None:
        """Look once, and return the comment.

        :param portal: what is asked
        :raises InvalidInputError: not an item, a pattern, a user or a moment
        :raises NotFoundError: the item does not exist
        :raises AccessDeniedError: the item may not be read
        """
        if self._watch is None:
            self._given.check(self)  # a task that starts here is rendered here
            self._watch = CommentWatch(self.item, self.pattern, self.author_id, self.since)
        return await portal.look(self._watch.look())
