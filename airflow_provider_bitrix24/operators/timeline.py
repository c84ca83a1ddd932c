"""Operators for timelines: what shows on which CRM item, comments, log messages, whole timelines."""

from __future__ import annotations

from airflow_provider_bitrix24.operators.bindings import (
    BindTimelineRecordOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    UnbindTimelineRecordOperator,
)
from airflow_provider_bitrix24.operators.comments import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    DeleteTimelineCommentOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.operators.logmessage import AddTimelineLogMessageOperator
from airflow_provider_bitrix24.operators.transfer import TransferTimelineOperator

__all__ = [
    "AddTimelineCommentOperator",
    "AddTimelineCommentsOperator",
    "AddTimelineLogMessageOperator",
    "BindTimelineRecordOperator",
    "DeleteTimelineCommentOperator",
    "ListTimelineBindingsOperator",
    "MoveTimelineRecordOperator",
    "SetTimelineBindingsOperator",
    "TransferTimelineOperator",
    "UnbindTimelineRecordOperator",
    "UpdateTimelineCommentOperator",
]

for (
    _name
) in __all__:  # Airflow's UI and the docs name the module to import them from, not the file they are in
    globals()[_name].__module__ = __name__
