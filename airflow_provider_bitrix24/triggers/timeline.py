"""Triggers that wait for timelines."""

from __future__ import annotations

from airflow_provider_bitrix24.crm.watching.binding_watch import BindingWatch
from airflow_provider_bitrix24.crm.watching.comment_watch import CommentWatch
from airflow_provider_bitrix24.hooks.aliases import IdLike, ItemLike
from airflow_provider_bitrix24.triggers.base import Bitrix24Trigger


class TimelineBindingTrigger(Bitrix24Trigger):
    """Fires when a timeline record is bound to a CRM item, or no longer is (``crm.timeline.bindings.list``).

    If the record has no binding, the trigger also asks whether it exists: at the first look, and then at
    about every tenth, or with ``bound=False`` at every look.

    :param record_id: the timeline record's id
    :param item: the CRM item
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param bound: whether to wait for the binding or for its end
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    watch_class = BindingWatch

    def __init__(
        self,
        *,
        record_id: IdLike,
        item: ItemLike | None = None,
        entity_type: str | None = None,
        entity_id: IdLike | None = None,
        bound: bool = True,
        bitrix24_conn_id: str,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__(
            {
                "record_id": record_id,
                "item": item,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "bound": bound,
            },
            bitrix24_conn_id=bitrix24_conn_id,
            poke_interval=poke_interval,
        )


class TimelineCommentTrigger(Bitrix24Trigger):
    """Fires when there is a comment on a CRM item's timeline (``crm.timeline.comment.list``), and tells it.

    :param item: the CRM item
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param pattern: regular expression that is found in the text; ``None`` for any text
    :param author_id: the user who wrote it; ``None`` for any
    :param since: not written before this; ``None`` for any time
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    watch_class = CommentWatch

    def __init__(
        self,
        *,
        item: ItemLike | None = None,
        entity_type: str | None = None,
        entity_id: IdLike | None = None,
        pattern: str | None = None,
        author_id: IdLike | None = None,
        since: str | None = None,
        bitrix24_conn_id: str,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__(
            {
                "item": item,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "pattern": pattern,
                "author_id": author_id,
                "since": since,
            },
            bitrix24_conn_id=bitrix24_conn_id,
            poke_interval=poke_interval,
        )
