"""What reserving a slot costs while 16 processes compete for it: on the machine's ledger, and on Redis."""

from __future__ import annotations

import multiprocessing
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PROCESSES = 16
TIMES = 500
PAUSE = 0.002


def measure_ledgers(processes: int = PROCESSES, times: int = TIMES) -> list[dict[str, Any]]:
    """Let processes reserve slots at once and return, for each ledger, what one of them took.

    They pause for a moment between two, which is far less than real requests take.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = [_figures("machine", _reserved(("machine", folder), processes, times))]
    if shutil.which("redis-server") and find_spec("redis"):
        with _redis() as port:
            found.append(_figures("redis", _reserved(("redis", port), processes, times)))
    return found


def _figures(name: str, taken: list[float]) -> dict[str, Any]:
    return {
        "ledger": name,
        "reservations": len(taken),
        "median_ms": round(statistics.median(taken) * 1000, 3),
        "p99_ms": round(taken[int(len(taken) * 0.99)] * 1000, 3),
        "max_ms": round(taken[-1] * 1000, 3),
    }


def _reserved(where: tuple[str, Any], processes: int, times: int) -> list[float]:
    """Return the seconds that the reservations of all processes took, shortest first."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_reserve, args=(where, times, barrier, results), daemon=True)
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    taken = sorted(seconds for _ in workers for seconds in results.get(timeout=300))
    for worker in workers:
        worker.join(timeout=30)
    return taken


def _reserve(where: tuple[str, Any], times: int, barrier: Any, results: Any) -> None:
    from airflow_provider_bitrix24.rest.pacing import Limits

    ledger, limits = _ledger(*where), Limits()
    ledger.reserve("portal", limits)  # the first one opens file or connection
    barrier.wait()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        ledger.reserve("portal", limits)
        taken.append(time.perf_counter() - started)
        time.sleep(PAUSE)
    results.put(taken)


def _ledger(name: str, place: Any) -> Any:
    if name == "machine":
        from airflow_provider_bitrix24.rest.ledgers.machine import MachineLedger

        return MachineLedger(Path(place))
    from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger
    from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisServer

    return ClusterLedger(RedisServer("127.0.0.1", place))


@contextmanager
def _redis() -> Iterator[int]:
    """Run a Redis server on a free port of the loopback, keeping nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield port
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("redis-server does not answer")
