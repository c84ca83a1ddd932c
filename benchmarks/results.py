"""Results: what a client came to in a case, as the JSON files keep it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from benchmarks.cases import CASES, Case

Result = dict[str, Any]


def case_of(run: Result) -> Case:
    """Return the case of a run, in the size that it had."""
    return replace(CASES[run["case"]], size=run["size"])


def is_whole(result: Result) -> bool:
    """Tell whether a client did all of it, once, and without an error."""
    return bool(
        result["done"] == result["size"]
        and not result["surplus"]
        and not result["stopped"]
        and not result["error"]
    )


def fastest_seconds(results: Iterable[Result]) -> float | None:
    """Return the time of the fastest client that did everything."""
    return min((result["seconds"] for result in results if is_whole(result)), default=None)
