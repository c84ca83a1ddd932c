"""The operator for log messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from airflow_provider_bitrix24.crm.logmessages import log_message_call, log_message_id
from airflow_provider_bitrix24.operators.item import ItemOperator
from airflow_provider_bitrix24.operators.progress import progress_for


class AddTimelineLogMessageOperator(ItemOperator):
    """Add a log message to a CRM item's timeline (``crm.timeline.logmessage.add``) and return its record id.

    A log message has a heading, a text and an icon, and nobody can change it. Its record can be shown on
    further items, as a comment's can; the item it was added to is the only one for which the API lists it.
    Through a webhook it cannot be deleted. After a failure that leaves open whether it was added, the task
    fails with ``AmbiguousWriteError`` and is not retried.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param title: its heading
    :param text: its text
    :param icon_code: the icon beside it: ``info``, ``call``, ``comment``, ``check``, ``attention`` ...
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item or a text; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises AmbiguousWriteError: it is not known whether it was added
    """

    template_fields: Sequence[str] = (*ItemOperator.template_fields, "title", "text", "icon_code")

    def __init__(self, *, title: Any, text: Any, icon_code: Any = "info", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.title = title
        self.text = text
        self.icon_code = icon_code
        self.remember_sources(title=title, text=text, icon_code=icon_code)

    def execute(self, context: Context) -> int:
        """Add the log message."""
        with self.traced(), self.deferring():
            item = self.parse_item()
            call = log_message_call(item, self.title, self.text, self.icon_code)
            hook = self.hook
            self.link_card(hook, item)
            progress = progress_for(self, context, hook, call.params)
            record_id = log_message_id(hook.call_many([call], progress, 1)[0].unwrap())
            progress.delete()
        self.log.info("Timeline record %s was added to %s.", record_id, item)
        return record_id
