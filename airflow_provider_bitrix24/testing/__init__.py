"""An embedded Bitrix24 portal for demos and tests.

``python -m airflow_provider_bitrix24.testing`` runs it on its own; the pytest fixture ``bitrix24_portal``
gives every test a fresh one. Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .date_habits import DateHabits
    from .faults import Fault, FaultBox
    from .journal import JournalEntry, RequestEntry
    from .limits import Limits
    from .messages import Message
    from .portal import Bitrix24Portal
    from .timeline import TimelineRecord
    from .users import User

_HOME = {
    "Bitrix24Portal": "portal",
    "DateHabits": "date_habits",
    "Fault": "faults",
    "FaultBox": "faults",
    "JournalEntry": "journal",
    "Limits": "limits",
    "Message": "messages",
    "RequestEntry": "journal",
    "TimelineRecord": "timeline",
    "User": "users",
}

__all__ = [
    "Bitrix24Portal",
    "DateHabits",
    "Fault",
    "FaultBox",
    "JournalEntry",
    "Limits",
    "Message",
    "RequestEntry",
    "TimelineRecord",
    "User",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
