"""Waiting no longer than a callback may: what takes longer is left to itself."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from airflow_provider_bitrix24.chat.messages import LOOK
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what some work returns.

    :param seconds: how long to wait for it
    :param work: the work; it goes on in its thread if it takes longer
    :raises AmbiguousWriteError: it takes longer, so nobody knows what came of it
    """
    answers: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except BaseException as error:
            answers.put((None, error))

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="bitrix24-notifier", daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except Empty:
        raise _unanswered(seconds) from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # without an error there is a result


async def awithin(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns.

    :param seconds: how long to wait for it
    :param work: the coroutine; it is cancelled if it takes longer, and its end is not waited for
    :raises AmbiguousWriteError: it takes longer, so nobody knows what came of it
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not done:
        raise _unanswered(seconds)
    return task.result()


def _unanswered(seconds: float) -> AmbiguousWriteError:
    return AmbiguousWriteError(f"there was no answer within {seconds:g} seconds", remedy=LOOK)
