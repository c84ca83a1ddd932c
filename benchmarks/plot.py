"""Results as a plot: an SVG of bars, one group a case."""

from __future__ import annotations

from html import escape
from typing import Any

from benchmarks.clients import NAMES
from benchmarks.results import case_of, is_whole

_COLOURS = {
    "ours": "#1f77b4",
    "fast": "#ff7f0e",
    "sdk": "#2ca02c",
    "plain": "#8c8c8c",
    "dlt": "#9467bd",
    "dlt_rest": "#c5b0d5",
}
_LEFT, _WIDTH, _RIGHT, _BAR = 150, 420, 190, 16


def svg(runs: list[dict[str, Any]]) -> str:
    """Return the plot: each case has its own scale, its floor is a line, what was not finished is pale."""
    parts: list[str] = []
    y = 10
    for run in runs:
        if "results" in run:
            y = _group(parts, run, y)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + _RIGHT}" height="{y}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
    )
    return head + "".join(parts) + "</svg>\n"


def _group(parts: list[str], run: dict[str, Any], y: int) -> int:
    case = case_of(run)
    longest = max([result["seconds"] for result in run["results"]] + [case.floor]) or 1.0
    parts.append(_text(10, y + 12, f"{case.letter}: {case.name}", bold=True))
    top = y = y + 20
    for result in run["results"]:
        width = max(1.0, _WIDTH * result["seconds"] / longest)
        opacity = 1 if is_whole(result) else 0.35
        parts.append(
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 3}" '
            f'fill="{_COLOURS[result["client"]]}" fill-opacity="{opacity}"/>\n'
        )
        parts.append(_text(20, y + 11, NAMES[result["client"]][0]))
        unfinished = "" if is_whole(result) else f" ({result['done']:,} of {result['size']:,})"
        parts.append(_text(_LEFT + width + 6, y + 11, f"{result['seconds']:.2f} s{unfinished}"))
        y += _BAR
    if case.floor:
        x = _LEFT + _WIDTH * case.floor / longest
        parts.append(f'<path d="M{x:.1f} {top - 3}V{y}" stroke="black" stroke-dasharray="3 2"/>\n')
    return y + 12


def _text(x: float, y: float, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{weight}>{escape(text)}</text>\n'
