"""Carries out several requests of one list at once, in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.concurrency import Limiter
from airflow_provider_bitrix24.rest.spreading import Job


class SideBySide:
    """Carries out requests in threads; the thread that reads the list takes the outcomes.

    At the end of the block what waits is given up, and what is under way ends.

    :param drive: carries out a request, with a limiter
    :param stop: makes what waits give up
    :param most: how many requests may be under way at once
    """

    def __init__(self, drive: Callable[..., list[Outcome]], stop: threading.Event, most: int) -> None:
        self._drive = drive
        self._stop = stop
        self._most = most
        self._limiter = Limiter(most)
        self._answers: SimpleQueue[tuple[Job, list[Outcome] | BaseException]] = SimpleQueue()
        self._under_way = 0
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def room(self) -> int:
        """How many more requests may begin."""
        return self._most - self._under_way

    def begin(self, job: Job) -> None:
        """Begin a request in a thread of its own."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="bitrix24")
        self._under_way += 1
        self._pool.submit(self._carry_out, job)

    def take_answers(self, *, wait: bool) -> None:
        """Take what was answered.

        :param wait: wait for one answer, if a request is under way
        :raises Bitrix24Error: the list cannot be read
        """
        while self._under_way:
            try:
                job, answer = self._answers.get(block=wait)
            except Empty:
                return
            wait = False
            self._under_way -= 1
            if isinstance(answer, BaseException):
                raise answer
            job.take(answer)

    def _carry_out(self, job: Job) -> None:
        answer: list[Outcome] | BaseException
        try:
            with self._limiter.passing():
                answer = self._drive(job.exchange, self._limiter)
        except BaseException as error:
            answer = error
        self._answers.put((job, answer))
