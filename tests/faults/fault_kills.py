"""Killing workers: at which moments, and what is ordered of the next one."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from killable import KILLED, Workers

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits


class Kill(NamedTuple):
    """A moment of a try.

    :param event: ``write``: before a write to the store; ``arrived``: a request was sent and is not carried
        out; ``carried out``: it is, and not answered; ``finished``: Airflow did not get to know
    :param number: which of them, from 1
    """

    event: str
    number: int = 0


@dataclass
class Answer:
    """What a try came to.

    :param result: what the operator returned
    :param error: what it raised
    :param waits: seconds that it would have waited for certainty; ``None`` where it really did
    :param writes: how often it wrote to the store
    """

    waits: list[float] | None
    writes: int
    result: Any = None
    error: dict[str, Any] | None = None
    outcomes: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Work:
    """Work whose worker is killed.

    :param operator: its class
    :param arguments: makes the portal ready and returns the operator's arguments, as plain JSON
    :param check: whether exactly what was wanted is there, once the work was taken up again
    """

    operator: type
    arguments: Callable[[Bitrix24Portal], dict[str, Any]]
    check: Callable[[Task], None]


class Task:
    """One life of some work: a portal, tries, and kills.

    :param work: the work
    :param workers: do it
    :param folder: of this task alone
    :param kept: whether Airflow keeps a state of the task
    """

    def __init__(self, work: Work, workers: Workers, folder: Path, *, kept: bool) -> None:
        self.portal = Bitrix24Portal(limits=Limits.off())
        self.work = work
        self.kept = kept
        self.kills: list[Kill] = []
        self.asked = 0
        self._workers = workers
        self._tries = 0
        self._answer_path = folder / "answer"
        self._store = folder / "store"

    def __enter__(self) -> Task:
        self._store.unlink(missing_ok=True)
        self.portal.start().load_demo()
        self.arguments = self.work.arguments(self.portal)
        self.portal.clear_journal()
        self.started = time.time()
        return self

    def __exit__(self, *_: object) -> None:
        self.portal.stop()

    def _start(self, **more: Any) -> int:
        self._tries += 1
        self._answer_path.unlink(missing_ok=True)
        operator = self.work.operator
        return self._workers.start(
            {
                "operator": f"{operator.__module__}.{operator.__qualname__}",
                "arguments": self.arguments,
                "connection": json.dumps(self.portal.connection(plan="self-hosted")),
                "store": str(self._store) if self.kept else None,
                "answer": str(self._answer_path),
                "started": self.started,
                "try_number": self._tries,
                **more,
            }
        )

    def run(self, **more: Any) -> Answer:
        """Let a try go to its end.

        :param more: is ordered of the worker besides
        """
        self.begun = time.time()
        self._start(**more)
        assert self._workers.ended() == 0
        self.answer = Answer(**json.loads(self._answer_path.read_text()))
        return self.answer

    def kill(self, kill: Kill, **more: Any) -> None:
        """Begin a try and kill its worker at a moment, which has to come.

        :param kill: the moment
        :param more: is ordered of the worker besides
        """
        self.kills.append(kill)
        if kill.event == "finished":
            self.run(**more)
        elif kill.event == "write":
            self._start(kill_at=kill.number, **more)
            # Some writes depend on the time that has passed; where one is left out, the try ends.
            assert self._workers.ended() in (KILLED, 0)
        else:
            self._kill_at_request(kill, more)
        self._rest()

    def _kill_at_request(self, kill: Kill, more: dict[str, Any]) -> None:
        pids: list[int] = []
        seen = 0

        def strike(_: Any) -> bool:
            nonlocal seen
            seen += 1
            if seen != kill.number:
                return False
            while not pids:  # the portal may be quicker than the order's answer
                time.sleep(0.001)
            os.kill(pids[0], signal.SIGKILL)
            return True

        carried_out = kill.event == "carried out"
        fault = self.portal.inject("status", status=500, match=strike, executed=carried_out)
        pids.append(self._start(**more))
        assert self._workers.ended() == KILLED
        assert fault.struck
        self.portal.faults.clear()

    def _rest(self) -> None:
        """Wait until the portal is done with everything that was sent, count it, and miss no record."""
        while not all(request.status for request in self.portal.requests):
            time.sleep(0.005)
        self.asked = len(self.portal.requests)
        shown = [self.portal.bindings(record.record_id) for record in self.portal.records()]
        shown += [self.portal.activity_bindings(number) for number in self.portal.activities()]
        assert all(shown), "something is on no item at all"


def moments(
    work: Work, workers: Workers, folder: Path, *earlier: Kill, kept: bool
) -> Iterator[tuple[Kill, ...]]:
    """Let a try go to its end, and yield how its worker might have been killed at any of its moments.

    :param earlier: how the tries before it were killed, which comes first in all that is yielded
    """
    with Task(work, workers, folder, kept=kept) as task:
        for kill in earlier:
            task.kill(kill)
        answer = task.run()
        requests = len(task.portal.requests) - task.asked
        work.check(task)
    for number in range(1, requests + 1):
        yield *earlier, Kill("arrived", number)
        yield *earlier, Kill("carried out", number)
    for number in range(1, answer.writes + 1):
        yield *earlier, Kill("write", number)
    yield *earlier, Kill("finished")
