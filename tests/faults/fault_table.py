"""The table of docs/reliability.md: read by the matrix, written by ``make reliability``."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- cells: begin -->\n", "<!-- cells: end -->\n"


@functools.cache
def committed_cells() -> dict[tuple[str, str], str]:
    """Return what the page says, by fault and operation."""
    table = PAGE.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0]
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    head, rows = lines[0][1:], lines[2:]
    return {(row[0], title): cell for row in rows for title, cell in zip(head, row[1:], strict=True)}


def drawn(cells: list[tuple[str, str, str]]) -> str:
    """Return the table; doors and faults that share a cell have to agree: two words in it fail the matrix."""
    faults, titles = (list(dict.fromkeys(cell[position] for cell in cells)) for position in (0, 1))
    found: dict[tuple[str, str], set[str]] = {}
    for fault, title, text in cells:
        found.setdefault((fault, title), set()).add(text)
    rows = [
        [fault, *(" / ".join(sorted(found.get((fault, title), {"-"}))) for title in titles)]
        for fault in faults
    ]
    lines = [["Fault", *titles], ["---"] * (len(titles) + 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells_of(report: str) -> list[tuple[str, str, str]]:
    """Return the cells that a run of the matrix noted in its JUnit report, without the seeded ones."""
    values = [
        element.get("value", "").split("|")
        for element in ElementTree.parse(report).iter("property")
        if element.get("name") == "cell"
    ]
    return [(fault, title, text) for fault, title, text in values if "seed" not in fault]


def main(report: str) -> None:
    """Put what a run found into the page."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    PAGE.write_text(before + begin + drawn(cells_of(report)) + end + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
