"""The operator for log messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.existence import check_items
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.timeline.logmessages import add_log_message, log_message_call
from airflow_provider_bitrix24.hooks.aliases import IdLike, ItemLike, TextLike
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.operators.item import ItemOperator


class AddTimelineLogMessageOperator(ItemOperator):
    """Add a log message to a CRM item's timeline (``crm.timeline.logmessage.add``) and return its record id.

    A log message has a heading, a text and an icon, and nobody can change it. You can show its record on
    further items, like a comment's; the API lists it only for the item it was added to. A webhook cannot
    delete it. If it is not known whether the message was added, the task fails with ``AmbiguousWriteError``,
    and Airflow does not retry it.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param title: its heading
    :param text: its text
    :param icon_code: the icon beside it: ``info``, ``call``, ``comment``, ``check``, ``attention`` ...
    :param check_item: whether an item that does not exist is an error; without, Bitrix24 stores a message
        that nobody sees, if the connection's user is an administrator
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item or a text; nothing was sent
    :raises NotFoundError: the item does not exist
    :raises AccessDeniedError: the connection's user may not change the item
    :raises AmbiguousWriteError: it is not known whether it was added
    """

    writes = ("crm.timeline.logmessage",)
    template_fields: Sequence[str] = (*ItemOperator.template_fields, "title", "text", "icon_code")

    def __init__(
        self,
        *,
        title: TextLike,
        text: TextLike,
        icon_code: TextLike = "info",
        item: ItemLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        check_item: bool = True,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_item(item, entity_type, entity_id)
        self.title = title
        self.text = text
        self.icon_code = icon_code
        self.check_item = check_flag(check_item, "check_item")
        self.arguments.note(title=title, text=text, icon_code=icon_code)
        self.arguments.check_literals(title=check_text, text=check_text, icon_code=check_text)

    def execute(self, context: Context) -> int:
        """Add the log message."""
        with self.traced(context), self.deferring():
            item = self.parse_item()
            call = log_message_call(item, self.title, self.text, self.icon_code)
            self.link_card(item)
            progress = self.progress_of(context, call.params)
            if self.check_item:
                self.check_first(check_items({"item": item}), progress)
            record_id = self.hook.carry_out(add_log_message(item, call, progress), progress)
            progress.delete()
        self.log.info("Timeline record %s was added to %s.", record_id, item)
        return record_id
