"""Log messages: records that an application leaves on a timeline."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text, shown
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

_METHOD = "crm.timeline.logmessage.add"


def log_message_call(item: CrmItem, title: Any, text: Any, icon_code: Any) -> Call:
    """Return the call of ``crm.timeline.logmessage.add``.

    :param item: the item on whose timeline it is to stand
    :param title: its heading
    :param text: its text
    :param icon_code: the icon beside it
    :raises InvalidInputError: one of them is no text, or the item's type has no number
    """
    fields = {
        "entityTypeId": item.type_id,
        "entityId": item.entity_id,
        "title": check_text(title, "title"),
        "text": check_text(text, "text"),
        "iconCode": check_text(icon_code, "icon_code"),
    }
    return Call(_METHOD, {"fields": fields})


def log_message_id(result: Any) -> int:
    """Return the timeline record that holds a log message.

    :param result: of ``crm.timeline.logmessage.add``
    :raises UnexpectedResultError: there is none in it
    """
    try:
        return parse_id(result["logMessage"]["id"], "id")
    except (KeyError, TypeError, InvalidInputError):
        raise UnexpectedResultError(f"a log message without an id: {shown(result)}", method=_METHOD) from None
