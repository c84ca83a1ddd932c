"""``python -m benchmarks``: measure cases, keep what came of each as JSON, write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, Case, chosen
from benchmarks.clients import NAMES
from benchmarks.database import programs
from benchmarks.ledgers import PROCESSES, measure_ledgers
from benchmarks.measure import ROOT, measure
from benchmarks.plot import svg
from benchmarks.report import outcome, rewritten

LEDGER = "ledger"


def main(argv: list[str] | None = None) -> int:
    """Measure what the arguments name and return the exit status."""
    options = _parser().parse_args(argv)
    wanted = [name.lower() for name in options.cases]
    try:
        letters = [name for name in wanted if name != LEDGER]
        cases = chosen(letters) if letters or not wanted else []
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    options.results.mkdir(parents=True, exist_ok=True)
    if not options.report_only:
        for case in cases:
            if case.database and programs() is None:
                print(f"{case.letter} is left out: it needs PostgreSQL, which is not in /usr/lib/postgresql.")
                continue
            _keep(options, case.letter, _run(case.scaled(options.size), options))
        if LEDGER in wanted or not wanted:
            _keep(options, LEDGER, {"processes": PROCESSES, "ledgers": measure_ledgers()})
    _write(options.results, options.docs)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "cases",
        nargs="*",
        help=f"{', '.join(CASES)} or {LEDGER}; a means all that begin with a (default: all)",
    )
    add("--size", type=float, default=1.0, help="so many times the work, such as 0.1")
    add("--clients", default=",".join(NAMES), help="default: %(default)s")
    add("--limit", type=float, help="stop a client after so many seconds, whatever the case says")
    add("--request-delay", type=float, default=0.030, help="of the portal, in seconds (default: %(default)s)")
    add("--command-delay", type=float, default=0.005, help="of the portal, in seconds (default: %(default)s)")
    add("--note", default="", help="a sentence for the report, such as what else the machine was doing")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results", help="folder of JSON files")
    add("--docs", type=Path, default=ROOT / "docs", help="folder of benchmarks.md and benchmarks.svg")
    add("--report-only", action="store_true", help="measure nothing, write the report of what is there")
    return parser


def _run(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Measure a case with each client."""
    case = replace(case, limit=options.limit or case.limit)
    print(f"{case.letter}: {case.name}", flush=True)
    results = []
    for client in options.clients.split(","):
        if client in case.clients:
            result = measure(case, client, (options.request_delay, options.command_delay))
            print(
                f"  {NAMES[client][0]:14} {result['seconds']:8.2f} s {result['requests']:6} requests "
                f"{result['refused']:5} refused  {outcome(result)}",
                flush=True,
            )
            results.append(result)
    return {"size": case.size, "results": results}


def _keep(options: argparse.Namespace, name: str, run: dict[str, Any]) -> None:
    """Write a run's JSON, with what made it."""
    arguments = "" if options.size == 1 else f' SIZE="{options.size:g}"'
    run |= {
        "case": name,
        "command": f'make bench CASES="{name}"{arguments}',
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": _versions(),
        "note": options.note,
    }
    path = options.results / f"{name}.json"
    path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in dict.fromkeys(("apache-airflow", *(distribution for _, distribution in NAMES.values()))):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def _write(results: Path, docs: Path) -> None:
    """Write the report of all results that are there."""
    paths = [results / f"{name}.json" for name in (*CASES, LEDGER)]
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    page = docs / "benchmarks.md"
    page.write_text(rewritten(page.read_text(encoding="utf-8"), runs), encoding="utf-8")
    (docs / "benchmarks.svg").write_text(svg(runs), encoding="utf-8")
    print(f"{len(runs)} results in {page}")


if __name__ == "__main__":
    sys.exit(main())
