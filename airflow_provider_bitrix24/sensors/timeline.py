"""Sensors that wait for timelines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from airflow.sdk import XComArg

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.hooks.aliases import IdLike, ItemLike, TextLike
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN
from airflow_provider_bitrix24.sensors.base import Bitrix24Sensor
from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger, TimelineCommentTrigger


class TimelineBindingSensor(Bitrix24Sensor):
    """Wait until a timeline record shows on a CRM item, or no longer does (``crm.timeline.bindings.list``).

    The result is the binding: ``OWNER_ID``, which is the record's id, ``ENTITY_TYPE``, ``ENTITY_ID`` and
    ``STATUS``, ``bound`` or ``not_bound``. Each of these names is an XCom key, too.

    :param record_id: the timeline record's id
    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``
    :param entity_type: the item's type, instead of ``item``: ``deal``, ``lead``, ``contact``, ``company``,
        ``quote``, ``smart_invoice``, ``order`` or ``dynamic_<number>`` of a smart process
    :param entity_id: the item's id, instead of ``item``
    :param bound: whether to wait for the binding (the default) or for its end
    :param deferrable: wait in the triggerer, where it holds no worker; on Airflow 3.3 and newer the task even
        starts there, unless it is mapped or an argument comes from another task
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a value is not an id or a type; nothing was sent
    :raises NotFoundError: the record does not exist
    """

    trigger_class = TimelineBindingTrigger
    template_fields: Sequence[str] = ("record_id", "item", "entity_type", "entity_id", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json"}

    def __init__(
        self,
        *,
        record_id: IdLike,
        item: ItemLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        bound: bool = True,
        deferrable: bool | None = None,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.wait_for(
            record_id=record_id,
            item=item,
            entity_type=entity_type,
            entity_id=entity_id,
            bound=check_flag(bound, "bound"),
        )


class TimelineCommentSensor(Bitrix24Sensor):
    """Wait until there is a comment on a CRM item's timeline (``crm.timeline.comment.list``).

    The result is the newest comment that matches: its record id ``ID``, ``ENTITY_TYPE``, ``ENTITY_ID``,
    ``AUTHOR_ID`` and ``CREATED``. Each of these names is an XCom key, too: ``sensor.output["ID"]``.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param pattern: regular expression, found anywhere in the text; ``(?i)`` at its start ignores case
    :param author_id: the user who wrote it
    :param since: only comments from this moment on, with its offset from UTC, such as ``{{
        data_interval_start }}``; without it, a comment that exists already ends the wait at once. It also
        limits how much of a long timeline each look reads
    :param deferrable: wait in the triggerer, where it holds no worker; on Airflow 3.3 and newer the task even
        starts there, unless it is mapped or an argument comes from another task
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item, a pattern, a user or a moment; nothing was sent
    :raises NotFoundError: the item does not exist, and the connection's user is an administrator
    :raises AccessDeniedError: the user may not read the item, or it does not exist (the API does not tell)
    """

    trigger_class = TimelineCommentTrigger
    template_fields: Sequence[str] = (
        "item", "entity_type", "entity_id", "pattern", "author_id", "since", "bitrix24_conn_id",
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json"}

    def __init__(
        self,
        *,
        item: ItemLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        pattern: TextLike | None = NOT_GIVEN,
        author_id: IdLike | None = NOT_GIVEN,
        since: datetime | str | XComArg | None = NOT_GIVEN,
        deferrable: bool | None = None,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.wait_for(
            item=item,
            entity_type=entity_type,
            entity_id=entity_id,
            pattern=pattern,
            author_id=author_id,
            since=since,
        )
