"""One measurement: a fresh portal, fresh processes, the time until the last of them is done."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.database import postgres
from benchmarks.portal import COMMAND_DELAY, REQUEST_DELAY

ROOT = Path(__file__).resolve().parent.parent


def measure(
    case: Case, client: str, delays: tuple[float, float] = (REQUEST_DELAY, COMMAND_DELAY)
) -> dict[str, Any]:
    """Let a client do a case's work and return what came of it."""
    # As pip does with the other clients when it installs them; a checkout need not have any bytecode.
    compileall.compile_dir(ROOT / "airflow_provider_bitrix24", quiet=1)
    with (
        tempfile.TemporaryDirectory() as home,
        _database(case) as database,
        _portal(case, delays) as portal,
    ):
        where = json.loads(portal.stdout.readline())
        environment = _environment(Path(home), where, database)
        order = _order(case, client, where)
        prepared = _prepare(case, order, environment)
        _tell(portal, "begin")
        if prepared.get("error"):
            started, ended, answers = prepared["ended"], prepared["ended"], [prepared]
        else:
            started, ended, answers = _work(order, environment, case.limit)
        report = _tell(portal, "report")
    return {"case": case.letter, "client": client, **_result(case, started, ended, answers, report)}


@contextmanager
def _portal(case: Case, delays: tuple[float, float]) -> Iterator[Any]:
    command = [sys.executable, "-m", "benchmarks.portal", case.job, str(case.size), *map(str, delays)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _database(case: Case) -> AbstractContextManager[str]:
    """Return the context of the case's database, which yields its address, empty without a database."""
    return postgres() if case.database else nullcontext("")


def _tell(portal: Any, word: str) -> dict[str, Any]:
    """Tell the portal's process something and return its answer."""
    portal.stdin.write(f"{word}\n")
    portal.stdin.flush()
    answer: dict[str, Any] = json.loads(portal.stdout.readline())
    return answer


def _environment(home: Path, where: dict[str, Any], database: str) -> dict[str, str]:
    """Return the workers' environment: a home of their own, and trust in the portal's authority."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_BITRIX24_DEFAULT": json.dumps(where["connection"]),
        "AIRFLOW_CONN_WAREHOUSE": database,
        "SSL_CERT_FILE": where["ca_file"],
        "REQUESTS_CA_BUNDLE": where["ca_file"],
        "NO_PROXY": "127.0.0.1",
    }


def _order(case: Case, client: str, where: dict[str, Any]) -> dict[str, Any]:
    """Return what workers are told."""
    return {
        "client": client,
        "job": case.job,
        "size": case.size,
        "processes": case.processes,
        "bare": case.bare,
        "portal": {name: where[name] for name in ("webhook", "domain", "token")},
    }


def _prepare(case: Case, order: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Let a client do what comes before the work, if there is anything, and return how that went."""
    job = f"before_{case.job}"
    if not case.prepared or not hasattr(import_module(f"benchmarks.clients.{order['client']}"), job):
        return {}
    _, _, [answer] = _work({**order, "job": job, "processes": 1}, environment, 2 * case.limit)
    if answer.get("stopped"):
        return {**answer, "error": f"{job} took too long"}
    return answer


def _work(
    order: dict[str, Any], environment: dict[str, str], limit: float
) -> tuple[float, float, list[dict[str, Any]]]:
    """Start the processes, let them all begin at once, stop those that take too long."""
    count = order["processes"]
    log = Path(environment["AIRFLOW_HOME"]) / "log"
    with log.open("w", encoding="utf-8") as errors, ThreadPoolExecutor(count) as pool:
        workers = [_worker({**order, "rank": rank}, environment, errors) for rank in range(count)]
        try:
            for worker in workers:
                if worker.stdout.readline() != "ready\n":
                    raise RuntimeError(f"A worker did not start:\n{log.read_text(encoding='utf-8')}")
            started = time.monotonic()
            for worker in workers:
                worker.stdin.write("go\n")
                worker.stdin.flush()
            answers = list(pool.map(lambda worker: _answer(worker, started + limit), workers))
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                worker.stdin.close()
                worker.stdout.close()
    return started, max(answer["ended"] for answer in answers), answers


def _worker(order: dict[str, Any], environment: dict[str, str], errors: Any) -> Any:
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(order)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def _answer(worker: Any, deadline: float) -> dict[str, Any]:
    """Wait for a worker's answer, or stop it."""
    try:
        worker.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        worker.kill()
        return {"stopped": True, "ended": time.monotonic()}
    text = worker.stdout.readline()
    return (
        json.loads(text) if text else {"error": f"ended with {worker.returncode}", "ended": time.monotonic()}
    )


def _result(
    case: Case, started: float, ended: float, answers: list[dict[str, Any]], report: dict[str, Any]
) -> dict[str, Any]:
    errors = [answer["error"] for answer in answers if answer.get("error")]
    known = [answer["done"] for answer in answers if answer.get("done") is not None]
    done = report["done"] if report["done"] is not None else sum(known)
    return {
        "seconds": round(ended - started, 2),
        "loaded": max((answer.get("loaded", 0.0) for answer in answers), default=0.0),
        "memory_mb": max((answer.get("memory_mb", 0.0) for answer in answers), default=0.0),
        **report,
        "done": done,
        "size": case.size,
        "stopped": any(answer.get("stopped") for answer in answers),
        "failed": len(errors),
        "error": errors[0] if errors else None,
    }
