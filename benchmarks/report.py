"""Results as tables: the part of docs/benchmarks.md between its markers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.cases import CASES, Case
from benchmarks.clients import NAMES

BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"

Result = dict[str, Any]


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


def case_of(run: Result) -> Case:
    """Return the case of a run, in the size that it had."""
    return replace(CASES[run["case"]], size=run["size"])


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
    return f"The portal's own work took up to {max(shares):.0%} of one processor."


def floor_text(case: Case) -> str:
    """Say what the request limit alone takes."""
    return f"{case.floor:.1f} s" if case.floor else "no time, they are within the burst"


def is_whole(result: Result) -> bool:
    """Tell whether a client did all of it, once, and without an error."""
    return bool(
        result["done"] == result["size"]
        and not result["surplus"]
        and not result["stopped"]
        and not result["error"]
    )


def fastest_seconds(results: list[Result]) -> float | None:
    """Return the time of the fastest client that did everything."""
    return min((result["seconds"] for result in results if is_whole(result)), default=None)


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


def bars(runs: list[Result]) -> str:
    """Return what this package is to keep, and whether it did."""
    by_case = {run["case"]: {r["client"]: r for r in run["results"]} for run in runs if "results" in run}
    rows = [row for row in (_bind_bar(by_case), _checked_bar(by_case), _floor_bar(by_case, "b", 1.10)) if row]
    rows += [row for row in [_floor_bar(by_case, "c", 1.15)] if row]
    refused = sum(results["ours"]["refused"] for results in by_case.values() if "ours" in results)
    rows.append(
        f"| all | requests of this package that were refused | 0 | {refused} | {_kept(refused == 0)} |"
    )
    return "\n".join(["| Case | What | Bar | Measured | |", "|---|---|--:|--:|---|", *rows, ""])


def _rival(results: dict[str, Result]) -> float | None:
    return fastest_seconds([result for client, result in results.items() if client != "ours"])


def _bind_bar(by_case: dict[str, dict[str, Result]]) -> str | None:
    results = by_case.get("a", {})
    rival = _rival(results)
    if "ours" not in results or rival is None:
        return None
    ratio = results["ours"]["seconds"] / rival
    good = _kept(ratio <= 1 and is_whole(results["ours"]))
    return f"| a | checks off, of the fastest other client | 1.00 | {ratio:.2f} | {good} |"


def _checked_bar(by_case: dict[str, dict[str, Result]]) -> str | None:
    results, rival = by_case.get("a-checked", {}), _rival(by_case.get("a", {}))
    if "ours" not in results or rival is None:
        return None
    ratio = results["ours"]["seconds"] / rival
    good = _kept(ratio <= 2 and is_whole(results["ours"]))
    return f"| a-checked | checks on, of the fastest other client without any | 2.00 | {ratio:.2f} | {good} |"


def _floor_bar(by_case: dict[str, dict[str, Result]], letter: str, bar: float) -> str | None:
    result = by_case.get(letter, {}).get("ours")
    if result is None:
        return None
    case = replace(CASES[letter], size=result["size"])
    if not case.floor:
        return None
    ratio = result["seconds"] / case.floor
    good = _kept(ratio <= bar and is_whole(result))
    return f"| {letter} | {case.name}, of the floor | {bar:.2f} | {ratio:.2f} | {good} |"


def _kept(good: bool) -> str:
    return "kept" if good else "**missed**"
