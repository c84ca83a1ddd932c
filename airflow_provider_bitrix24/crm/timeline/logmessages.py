"""Log messages: records that an application leaves on a timeline."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.telling import told
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import (
    AmbiguousWriteError,
    InvalidInputError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.plans import Plan, carry_out_calls
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.replies import kind_of

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


def add_log_message(item: CrmItem, call: Call, progress: Progress) -> Plan[int]:
    """Add a log message, and return the timeline record that holds it.

    :param item: the item on whose timeline it is to stand
    :param call: from :func:`log_message_call`
    :param progress: what an earlier try did
    :raises Bitrix24Error: it was not added, or that is not known
    """
    [outcome] = yield from carry_out_calls([call], progress)
    if outcome.error is not None:
        remedy = ""
        if isinstance(outcome.error, AmbiguousWriteError):
            remedy = (
                f"Look at the timeline of {item}. If the log message is there, mark the task as successful. "
                "If not, add it in a new DAG run. If you clear this task, it sends nothing and fails again."
            )
        raise told(outcome.error, f"the log message on {item}", "added", item, remedy=remedy)
    return log_message_id(outcome.result)


def log_message_id(result: Any) -> int:
    """Return the timeline record that holds a log message.

    :param result: of ``crm.timeline.logmessage.add``
    :raises UnexpectedResultError: there is none in it
    """
    try:
        return parse_id(result["logMessage"]["id"], "id")
    except (KeyError, TypeError, InvalidInputError):
        raise UnexpectedResultError(
            f"a log message without an id: the portal answered {kind_of(result)}", method=_METHOD
        ) from None
