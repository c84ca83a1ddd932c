"""Running what blocks outside the event loop, in a way that Airflow's own calls bear."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that may block in a thread and return its result.

    Inside a triggerer, Variables and the masker are reached through the event loop. Only a thread that
    asgiref started finds its way back to that loop; any other would read the socket from a loop of its own.

    :param function: the function
    :param args: its arguments
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(function, thread_sensitive=False)(*args, **kwargs)
