"""Calls, and answers that leave open or tell whether a call was carried out."""

from __future__ import annotations

from cases import cases
from rest_feed import (
    html,
    lost,
    refusal,
    unreachable,
)

from airflow_provider_bitrix24.rest.calls import Call

GET = Call("crm.deal.get", {"id": 7})
ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})
DEAL = {"ID": "7"}


def bind(record: int, method: str = "bind") -> Call:
    fields = {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 9}
    return Call(f"crm.timeline.bindings.{method}", {"fields": fields})


UNCLEAR = {
    "lost": lost(),
    "http-500": html(500),
    "http-504": html(504),
    "empty-200": html(200, ""),
    "cut-200": html(200, '{"result": tr'),
    "server-error": refusal("INTERNAL_SERVER_ERROR", "", 500),
    "html-408": html(408),
}
unclear = cases("answer", UNCLEAR.values(), ids=UNCLEAR)
NOT_DONE = {
    "unreachable": unreachable(),
    "too-many": refusal("QUERY_LIMIT_EXCEEDED", "", 503),
    "too-many-html": html(429),
    "operating-time": refusal("OPERATION_TIME_LIMIT", "", 429),
    "authorization-server": refusal("CONNECTION_ERROR", "", 401),
}
not_done = cases("answer", NOT_DONE.values(), ids=NOT_DONE)
