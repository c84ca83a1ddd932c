"""What a portal does with what is written: one lead is added, looked at and deleted again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_bitrix24.crm.portal_check.findings import Finding, error_in_words, found
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.plans import Plan, Work

_TITLE = "portal_check: you may delete this lead"
_FIELDS = {"TITLE": _TITLE, "NONSENSE_FIELD": "x"}
#: clocks that differ by less show the same time
_SLACK = timedelta(minutes=5)


def check_writing() -> Plan[list[Finding]]:
    """Add a lead, look at it and delete it again."""
    [added] = yield Work([Call("crm.lead.add", {"fields": _FIELDS})])
    findings = [
        found(
            "adding a lead, with a field that does not exist",
            "it is added, and the field ignored",
            "it is added" if added.error is None else error_in_words(added.error),
            ok=added.error is None,
            means="The user may have no right to add leads. If it is not clear whether one was added, look "
            f"for the title {_TITLE!r}.",
        )
    ]
    if added.error is not None:
        return findings
    findings += yield from _look(added.result)
    [deleted] = yield Work([Call("crm.lead.delete", {"id": added.result})])
    findings.append(
        found(
            "deleting the lead",
            "it is deleted",
            "it is deleted" if deleted.error is None else error_in_words(deleted.error),
            ok=deleted.error is None,
            means=f"Delete lead {added.result} yourself.",
        )
    )
    return findings


def _look(lead: Any) -> Plan[list[Finding]]:
    params = {"entityTypeId": 1, "id": lead}
    read, clock = yield Work([Call("crm.item.get", params), Call("server.time")])
    [changed] = yield Work([Call("crm.lead.update", {"id": lead, "fields": {"NONSENSE_FIELD": "x"}})])
    item = read.result.get("item") if isinstance(read.result, Mapping) else None
    return [
        found(
            "reading the lead",
            "it is there as it was written",
            error_in_words(read.error) if read.error is not None else "there" if _is_it(item) else "changed",
            ok=_is_it(item),
            means="Something changes leads at once: an automation rule, or the simple CRM mode, which makes "
            "contacts and deals of them.",
        ),
        _date(item, clock),
        found(
            "changing a field that does not exist",
            "true, and nothing changes",
            "true" if changed.result is True else error_in_words(changed.error),
            ok=changed.result is True or changed.error is not None,
            means="The answer of an update is not what the provider knows.",
        ),
    ]


def _is_it(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("title") == _TITLE


def _date(item: Any, clock: Outcome) -> Finding:
    check, expected = "date of the lead", "the server's time"
    try:
        created = datetime.fromisoformat(item["createdTime"])
        apart = created - datetime.fromisoformat(clock.result)
    except (TypeError, KeyError, ValueError):
        return found(check, expected, "it cannot be told", ok=None)
    hours = round(apart.total_seconds() / 3600, 1)
    return found(
        check,
        expected,
        "the server's time" if abs(apart) < _SLACK else f"{hours:+g} h from the server's time",
        ok=abs(apart) < _SLACK,
        means="Dates are shown on the user's clock with the server's offset. Set the bounds of date filters "
        "earlier by that difference.",
    )
