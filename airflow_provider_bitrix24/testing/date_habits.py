"""What the portal makes of dates where a user's time zone is not the server's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class DateHabits:
    """How lists of CRM items read bounds of dates with a time, and how items show such dates.

    :param filter_shift_hours: by how many hours ``crm.item.list`` reads bounds too early; ``None``: by as
        many as the user's clock is ahead of the server's. Classic lists always keep the instant
    :param shown_shift_hours: by how many hours the dates in answers about items are moved, under the server's
        offset all the same; ``None``: by as many as the user's clock is ahead
    :param filter_ignored: whether both families of lists ignore conditions on such dates
    """

    filter_shift_hours: float | None = None
    shown_shift_hours: float | None = 0.0
    filter_ignored: bool = False


def seconds(hours: float | None, user_ahead: Callable[[], float]) -> float:
    """Return a shift in seconds.

    :param hours: ``None`` stands for the difference between the user's and the server's clock
    :param user_ahead: that difference in seconds
    """
    return user_ahead() if hours is None else 3600 * hours


def moved(value: Any, shift: float) -> Any:
    """Return dates with their time moved, and their offset left as it is."""
    if isinstance(value, list):
        return [moved(item, shift) for item in value]
    return (datetime.fromisoformat(value) + timedelta(seconds=shift)).isoformat() if value else value
