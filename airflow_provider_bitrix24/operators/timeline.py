"""Operators for timelines: what shows on which CRM item, comments, log messages, whole timelines."""

from __future__ import annotations

from airflow_provider_bitrix24.operators.arranging import (
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
)
from airflow_provider_bitrix24.operators.bindings import (
    BindTimelineRecordOperator,
    UnbindTimelineRecordOperator,
)
from airflow_provider_bitrix24.operators.comments import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
)
from airflow_provider_bitrix24.operators.editing import (
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

# Airflow's UI and the docs name the module to import them from, not the file they are in
for _name in __all__:
    globals()[_name].__module__ = __name__
