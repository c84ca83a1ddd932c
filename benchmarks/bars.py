"""Bars: what this package is to keep, and whether it did."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.results import Result, case_of, fastest_seconds, is_whole

#: results of one case by client, and those by case
Results = dict[str, Result]
ByCase = dict[str, Results]

_DLT = "of dlt, which is given the rows"
_MEMORY = "growth of memory, MB"
#: a long list: the case, that of the rival, how slow beside it, and in how many requests
_READING = (("g", "g", 1.5, 48), ("g-32", "g", 1.3, 48), ("g-sparse", "g-sparse", 1.6, 50))


def bars(runs: list[Result]) -> str:
    """Return the table of the bars that the runs allow to judge."""
    by_case = {run["case"]: {r["client"]: r for r in run["results"]} for run in runs if "results" in run}
    rows = ["| Case | What | Bar | Measured | |", "|---|---|--:|--:|---|", *_rows(by_case)]
    refused = sum(results["ours"]["refused"] for results in by_case.values() if "ours" in results)
    rows.append(
        f"| all | requests of this package that were refused | 0 | {refused} | {_kept(refused == 0)} |"
    )
    return "\n".join([*rows, ""])


def _rows(by_case: ByCase) -> Iterator[str]:
    yield from _ratio(by_case, "a", "checks off, of the fastest other client", 1.0, _others(by_case, "a"))
    what = "checks on, of the fastest other client without any"
    yield from _ratio(by_case, "a-checked", what, 2.0, _others(by_case, "a"))
    yield from _of_the_floor(by_case, "b", 1.10)
    yield from _of_the_floor(by_case, "c", 1.15)
    for letter, rival, bar, requests in _READING:
        yield from _ratio(by_case, letter, "of fast_bitrix24", bar, _client(by_case, rival, "fast"))
        yield from _at_most(by_case, letter, "requests", "requests", requests)
        yield from _at_most(by_case, letter, _MEMORY, "memory_mb", 60)
    what = "of the time of reading alone"
    yield from _ratio(by_case, "h-parquet", what, 1.5, _client(by_case, "h", "ours"))
    yield from _at_most(by_case, "h-parquet", _MEMORY, "memory_mb", 120)
    for letter in ("i", "i-merge"):
        yield from _ratio(by_case, letter, _DLT, 1.0, _client(by_case, letter, "dlt"))
        yield from _at_most(by_case, letter, _MEMORY, "memory_mb", 150)
    yield from _of_the_floor(by_case, "k", 1.15)
    yield from _at_most(by_case, "k-same", "requests", "requests", 30)
    yield from _ratio(by_case, "l", _DLT, 1.0, _client(by_case, "l", "dlt"))
    for letter in ("l", "l-merge"):
        yield from _at_most(by_case, letter, _MEMORY, "memory_mb", 250)


def _others(by_case: ByCase, letter: str) -> list[Result]:
    return [result for client, result in by_case.get(letter, {}).items() if client != "ours"]


def _client(by_case: ByCase, letter: str, client: str) -> list[Result]:
    results = by_case.get(letter, {})
    return [results[client]] if client in results else []


def _ratio(by_case: ByCase, letter: str, what: str, bar: float, others: list[Result]) -> Iterator[str]:
    """Yield the bar of our time, of that of the fastest that did as much and everything, if there is one."""
    for result in _client(by_case, letter, "ours"):
        seconds = fastest_seconds(other for other in others if other["size"] == result["size"])
        if seconds:
            yield _bar(result, what, f"{bar:.2f}", f"{result['seconds'] / seconds:.2f}")


def _of_the_floor(by_case: ByCase, letter: str, bar: float) -> Iterator[str]:
    for result in _client(by_case, letter, "ours"):
        case = case_of(result)
        if case.floor:
            what = f"{case.name}, of the floor"
            yield _bar(result, what, f"{bar:.2f}", f"{result['seconds'] / case.floor:.2f}")


def _at_most(by_case: ByCase, letter: str, what: str, figure: str, bar: int) -> Iterator[str]:
    """Yield the bar of a figure of ours."""
    for result in _client(by_case, letter, "ours"):
        yield _bar(result, what, f"{bar}", f"{result[figure]:.0f}")


def _bar(result: Result, what: str, bar: str, measured: str) -> str:
    good = float(measured) <= float(bar) and is_whole(result)
    return f"| {result['case']} | {what} | {bar} | {measured} | {_kept(good)} |"


def _kept(good: bool) -> str:
    return "kept" if good else "**missed**"
