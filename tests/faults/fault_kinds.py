"""The faults of the matrix: how each is arranged on the portal in a box, and ended again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.testing import Bitrix24Portal

#: the connection's timeout in all cells; a late answer comes after it
TIMEOUT = 1
LATE = 1.6
_METHODS = (
    "crm.deal.get",
    "crm.deal.list",
    "crm.contact.list",
    "crm.item.list",
    "crm.timeline.bindings.bind",
    "crm.timeline.comment.add",
    "im.notify.personal.add",
)

Arrange = Callable[[Bitrix24Portal], AbstractContextManager[None]]


@dataclass(frozen=True)
class FaultKind:
    """One row of the matrix.

    :param title: how the table calls it
    :param arrange: puts it in force for as long as the block lasts
    :param oauth: the connection is an OAuth application's
    :param attempts: how often a call is sent at most
    :param waiters: sensors meet it too; a sensor waits for an operating limit in real time, which is too long
    :param overdue: the portal goes on with a request that its caller has given up; so only those meet it who
        write, and who looks up what came of it really has to wait
    """

    name: str
    title: str
    arrange: Arrange
    oauth: bool = False
    attempts: int = 4
    waiters: bool = True
    overdue: bool = False


def _inject(kind: str, method: str | None = None, **options: Any) -> Arrange:
    @contextmanager
    def arrange(portal: Bitrix24Portal) -> Iterator[None]:
        portal.inject(kind, method, **options)
        try:
            yield
        finally:
            portal.faults.clear()

    return arrange


@contextmanager
def _down(portal: Bitrix24Portal) -> Iterator[None]:
    portal.stop()
    try:
        yield
    finally:
        portal.start()


@contextmanager
def _restarting(portal: Bitrix24Portal) -> Iterator[None]:
    portal.stop()
    back = threading.Timer(0.15, portal.start)
    back.start()
    try:
        yield
    finally:
        back.join()


@contextmanager
def _renamed(portal: Bitrix24Portal) -> Iterator[None]:
    portal.rename()
    yield


@contextmanager
def _blocked_commands(portal: Bitrix24Portal) -> Iterator[None]:
    """Block the methods themselves, so that commands of a batch are refused under HTTP 200."""
    for method in _METHODS:
        portal.inject("error", method, code="OPERATION_TIME_LIMIT", times=None)
    try:
        yield
    finally:
        portal.faults.clear()


@contextmanager
def _expiry(portal: Bitrix24Portal) -> Iterator[None]:
    portal.inject("expire_token")
    portal.inject("status", "oauth.token", status=500)
    try:
        yield
    finally:
        portal.faults.clear()


@contextmanager
def _overdue(portal: Bitrix24Portal) -> Iterator[None]:
    portal.inject("delay", seconds=LATE)
    try:
        yield
    finally:
        while not all(request.status for request in portal.requests):
            time.sleep(0.01)
        portal.faults.clear()


def _statuses() -> Iterator[FaultKind]:
    # Each status with one body: bodies are read alike whatever the status is.
    for status, body, name in ((500, "json", "JSON"), (502, "html", "HTML"), (503, "empty", "nothing")):
        title = f"{status} with {name}, once"
        options: dict[str, Any] = {"status": status, "body": body}
        yield FaultKind(f"{status}_{body}", title, _inject("status", **options))
        yield FaultKind(
            f"{status}_{body}_after",
            f"{title}, after carrying it out",
            _inject("status", executed=True, **options),
        )
    yield FaultKind("500_lasting", "500, lasting", _inject("status", status=500, times=None))


def _flaky(seed: int) -> FaultKind:
    @contextmanager
    def arrange(portal: Bitrix24Portal) -> Iterator[None]:
        shared: dict[str, Any] = {"times": None, "probability": 0.09}
        portal.inject("drop_after", seed=seed, **shared)
        portal.inject("status", seed=seed + 1, status=502, body="html", **shared)
        portal.inject("drop_before", seed=seed + 2, **shared)
        try:
            yield
        finally:
            portal.faults.clear()

    return FaultKind(f"flaky_{seed}", f"about every fourth request fails (seed {seed})", arrange, attempts=12)


KINDS = (
    *_statuses(),
    FaultKind("truncated", "answer cut short, once", _inject("truncate")),
    FaultKind("broken_json", "half of the JSON, once", _inject("truncate", clean=True)),
    FaultKind("broken_lasting", "half of the JSON, lasting", _inject("truncate", clean=True, times=None)),
    FaultKind("down", "connection refused, lasting", _down),
    FaultKind("restart", "portal restarted", _restarting, attempts=1000),
    FaultKind("drop_before", "dropped before carrying it out, once", _inject("drop_before")),
    FaultKind("drop_after", "dropped after carrying it out, once", _inject("drop_after")),
    FaultKind("reset_after", "reset after carrying it out, once", _inject("drop_after", reset=True)),
    FaultKind("drop_lasting", "dropped after carrying it out, lasting", _inject("drop_after", times=None)),
    FaultKind("late", "no answer in time, carried out", _inject("delay", seconds=LATE, executed=True)),
    FaultKind("overdue", "no answer in time, carried out only then", _overdue, overdue=True),
    FaultKind("slow", "slow answers", _inject("delay", seconds=0.1, times=3)),
    FaultKind("bucket", "request limit, once", _inject("error", code="QUERY_LIMIT_EXCEEDED")),
    FaultKind(
        "operating",
        "operating limit (429), lasting",
        _inject("error", code="OPERATION_TIME_LIMIT", times=None),
        waiters=False,
    ),
    FaultKind("operating_inside", "operating limit of the method, also inside a batch", _blocked_commands),
    FaultKind("expired", "access token expires", _inject("expire_token"), oauth=True),
    FaultKind("renewal_fails", "access token expires, renewal answers 500 once", _expiry, oauth=True),
    FaultKind("renamed", "portal renamed (302)", _renamed),
    *(_flaky(seed) for seed in (11, 23, 58)),
)
