"""Work that takes records and activities from some items to others, whose workers are killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fault_kills import Task, Work

from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineLogMessageOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
)
from airflow_provider_bitrix24.testing import Bitrix24Portal

Arguments = dict[str, Any]
Pairs = list[tuple[str, int]]

_ONE_BY_ONE = {"max_in_flight": 1}
_SOURCE, _TARGET = ("deal", 1), ("company", 1)
#: more than a request takes
_MANY = 60


def _shown_on(*items: tuple[str, int]) -> Callable[[Task], None]:
    """Return a check: all records and activities that the work is about are on these items and no others."""

    def check(task: Task) -> None:
        assert task.answer.error is None
        wanted = sorted(items)
        shown = [task.portal.bindings(number) for number in _records(task.portal)]
        shown += [task.portal.activity_bindings(number) for number in _activities(task.portal)]
        assert shown
        assert [pairs for pairs in shown if pairs != wanted] == []

    return check


def _records(portal: Bitrix24Portal) -> list[int]:
    return [record.record_id for record in portal.comments() if record.text == "row"]


def _activities(portal: Bitrix24Portal) -> list[int]:
    return [number for number, fields in portal.activities().items() if fields["SUBJECT"] == "row"]


def _comments(portal: Bitrix24Portal, count: int, *further: tuple[str, int]) -> list[int]:
    records = [portal.add_comment(*_SOURCE, "row") for _ in range(count)]
    for record in records:
        for kind, item in further:
            portal.bind(record, kind, item)
    return records


def _unbind(portal: Bitrix24Portal) -> Arguments:
    records = _comments(portal, _MANY, _TARGET)
    return {"bindings": [[record, *_SOURCE] for record in records], **_ONE_BY_ONE}


def _move(portal: Bitrix24Portal) -> Arguments:
    [record] = _comments(portal, 1)
    return {"record_id": record, "source": _SOURCE, "target": _TARGET}


def _set(portal: Bitrix24Portal) -> Arguments:
    [record] = _comments(portal, 1, ("deal", 2), ("deal", 3))
    return {"record_id": record, "items": [_TARGET, ("deal", 3)], **_ONE_BY_ONE}


def _transfer(portal: Bitrix24Portal) -> Arguments:
    _comments(portal, _MANY)
    for _ in range(3):
        portal.add_activity(*_SOURCE, "row")
    return {"source": _SOURCE, "target": _TARGET, "mode": "move", **_ONE_BY_ONE}


def _bind_activities(portal: Bitrix24Portal) -> Arguments:
    activities = [portal.add_activity(*_SOURCE, "row") for _ in range(_MANY)]
    return {"bindings": [[activity, *_TARGET] for activity in activities], **_ONE_BY_ONE}


def _unbind_activities(portal: Bitrix24Portal) -> Arguments:
    arguments = _bind_activities(portal)
    for activity, kind, item in arguments["bindings"]:
        portal.bind_activity(activity, kind, item)
    return arguments


def _log_message(portal: Bitrix24Portal) -> Arguments:
    return {"item": _SOURCE, "title": "row", "text": "row"}


def _check_log_message(task: Task) -> None:
    """It cannot be looked up, so it may be ambiguous; it is there once in any case but one."""
    added = [record.record_id for record in task.portal.records() if record.title == "row"]
    if task.answer.error is None:
        assert added == [task.answer.result]
        return
    assert task.kills, "nothing had happened"
    assert task.answer.error["type"] == "AmbiguousWriteError"
    assert len(added) <= 1


ARRANGING = {
    "unbind": Work(UnbindTimelineRecordOperator, _unbind, _shown_on(_TARGET)),
    "move": Work(MoveTimelineRecordOperator, _move, _shown_on(_TARGET)),
    "set": Work(SetTimelineBindingsOperator, _set, _shown_on(_TARGET, ("deal", 3))),
    "transfer": Work(TransferTimelineOperator, _transfer, _shown_on(_TARGET)),
    "bind activities": Work(BindActivityOperator, _bind_activities, _shown_on(_SOURCE, _TARGET)),
    "unbind activities": Work(UnbindActivityOperator, _unbind_activities, _shown_on(_SOURCE)),
    "log message": Work(AddTimelineLogMessageOperator, _log_message, _check_log_message),
}
