"""Results as tables: the part of docs/benchmarks.md between its markers."""

from __future__ import annotations

from benchmarks.bars import bars
from benchmarks.cases import CASES, Case
from benchmarks.clients import NAMES
from benchmarks.results import Result, case_of, fastest_seconds, is_whole

BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"


def rewritten(page: str, runs: list[Result]) -> str:
    """Return a page with its generated part replaced.

    :param page: text with both markers
    :param runs: what the cases came to, one entry a case
    """
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(runs)}\n{END}{after}"


def tables(runs: list[Result]) -> str:
    """Return all tables."""
    parts = [table(run) for run in runs if "results" in run]
    parts += [ledger_table(run) for run in runs if "ledgers" in run]
    return "\n".join([bars(runs), *parts])


def table(run: Result) -> str:
    """Return the table of one case."""
    case = case_of(run)
    lines = [
        f"### {case.letter}: {case.name}",
        "",
        f"At least {case.least_requests:,} requests; the request limit alone takes {floor_text(case)}.",
        "",
        "| Client | Seconds | Of the floor | Of the fastest | Requests | Refused | Memory | Result |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    fastest = fastest_seconds(run["results"])
    for result in run["results"]:
        whole = is_whole(result)
        of_floor = f"{result['seconds'] / case.floor:.2f}" if whole and case.floor else "-"
        of_fastest = f"{result['seconds'] / fastest:.2f}" if whole and fastest else "-"
        memory = f"{result['memory_mb']:.0f} MB" if result.get("memory_mb") else "-"
        lines.append(
            f"| {NAMES[result['client']][0]} | {result['seconds']:.2f} | {of_floor} | {of_fastest} "
            f"| {result['requests']:,} | {result['refused']:,} | {memory} | {outcome(result)} |"
        )
    return "\n".join([*lines, "", portal_text(run["results"]), made_by(run), ""])


def portal_text(results: list[Result]) -> str:
    """Say what the portal itself cost, which must be little beside what it pretends to take."""
    shares = [result["portal_cpu"] / result["seconds"] for result in results if result.get("seconds")]
    return f"The portal's own work took up to {max(shares, default=0):.0%} of one processor."


def floor_text(case: Case) -> str:
    """Say what the request limit alone takes."""
    return f"{case.floor:.1f} s" if case.floor else "no time, they are within the burst"


def outcome(result: Result) -> str:
    """Say how far a client came, and why not to the end."""
    done = "complete" if is_whole(result) else f"{result['done']:,} of {result['size']:,} done"
    if result["stopped"] and not CASES[result["case"]].is_written:
        done = "not done"
    said = [f"stopped after {result['seconds']:.0f} s, {done}" if result["stopped"] else done]
    if result["surplus"]:
        said.append(f"{result['surplus']:,} not wanted")
    if result["error"]:
        error = result["error"].replace("|", "/").replace("\n", " ")[:120]
        many = f"{result['failed']} processes broke off: " if result["failed"] > 1 else ""
        said.append(f"{many}`{error}`")
    return "; ".join(said)


def ledger_table(run: Result) -> str:
    """Return the table of the ledgers."""
    rows = [
        f"| {figures['ledger']} | {figures['reservations']:,} | {figures['median_ms']:.2f} ms "
        f"| {figures['p99_ms']:.2f} ms | {figures['max_ms']:.1f} ms |"
        for figures in run["ledgers"]
    ]
    head = [
        f"### ledger: reserving a slot, {run['processes']} processes at once",
        "",
        "| Ledger | Reservations | Median | 99 % below | Longest |",
        "|---|--:|--:|--:|--:|",
    ]
    return "\n".join([*head, *rows, "", made_by(run), ""])


def made_by(run: Result) -> str:
    """Say where and when a run was made."""
    note = f" {run['note']}" if run.get("note") else ""
    return f"`{run['command']}`, {run['date']}, {run['machine']}; {run['versions']}.{note}"
