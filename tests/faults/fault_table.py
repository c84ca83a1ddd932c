"""The tables of docs/reliability.md: read by the matrix, written by ``make reliability``.

The page has two generated parts: the exceptions, which list what does not end as done, and the cells, one
table for each family of operations. Both are made from the same cells, and only the second is read back.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

#: the operations by what they do, a table each; an operation that none of these names comes last
FAMILIES: dict[str, tuple[str, ...]] = {
    "Reading": ("`call`", "`batch`", "`records`", "`records`, long", "list bindings"),
    "Extractions": ("extract into a file", "extract into a table"),
    "Bindings of timeline records": (
        "bind one",
        "bind a list, no checks",
        "bind a list, checks",
        "unbind",
        "move",
        "set bindings",
    ),
    "Activities and whole timelines": ("bind activities", "unbind activities", "transfer"),
    "Comments and log messages": (
        "add a comment",
        "add a list of comments",
        "change a comment",
        "change it on one of its items",
        "delete a comment",
        "log message",
    ),
    "Items of the CRM": (
        "create items",
        "create items by key",
        "upsert items",
        "update items",
        "delete items",
        "set product rows",
        "load a file",
        "load a query",
    ),
    "Many calls of any method": (
        "add by `call` or in a batch",
        "mixed calls",
        "mixed calls, the last of them",
    ),
    "Sensors and triggers": (
        "sensor",
        "trigger",
        "triggers together",
        "sensor of items and comments",
        "watcher of changes",
    ),
    "Notifications": ("notification",),
    "With an expired OAuth token": ("`call`, token expired", "add a comment, token expired"),
}
_OTHERS = "Other operations"
_NAMED = [title for family in FAMILIES.values() for title in family]
_DONE, _NOT_TRIED = "done", "-"
_BREAK = "<br>"

#: what a cell says, by fault and operation
Cells = dict[tuple[str, str], str]


@functools.cache
def committed_cells() -> Cells:
    """Return what the page says, by fault and operation."""
    return read_tables(_part(PAGE.read_text(encoding="utf-8"), "cells"))


def read_tables(text: str) -> Cells:
    """Return the cells of the tables that :func:`tables` wrote.

    :param text: the tables, with their headings
    """
    cells: Cells = {}
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
        )
        for fault, *words in rows:
            for titles, word in zip(head[1:], words, strict=True):
                cells |= {(fault, title): word for title in titles.split(_BREAK)}
    return cells


def agreed(cells: Iterable[tuple[str, str, str]]) -> Cells:
    """Return one text for each cell.

    Doors and faults that share a cell have to agree: two words in it fail the matrix.

    :param cells: fault, operation and text
    """
    found: dict[tuple[str, str], set[str]] = {}
    for fault, title, text in cells:
        found.setdefault((fault, title), set()).add(text)
    return {place: " / ".join(sorted(texts)) for place, texts in found.items()}


def tables(cells: Cells) -> str:
    """Return a table for each family: a row for each fault; operations that always agree share a column.

    :param cells: what each cell says
    """
    faults, titles = (list(dict.fromkeys(place[position] for place in cells)) for position in (0, 1))
    families = {**FAMILIES, _OTHERS: tuple(title for title in titles if title not in _NAMED)}
    parts = []
    for family, members in families.items():
        columns: dict[tuple[str, ...], list[str]] = {}
        for title in members:
            if title in titles:
                column = tuple(cells.get((fault, title), _NOT_TRIED) for fault in faults)
                columns.setdefault(column, []).append(title)
        if columns:
            head = [_BREAK.join(shared) for shared in columns.values()]
            rows = [[fault, *words] for fault, words in zip(faults, zip(*columns, strict=True), strict=True)]
            parts.append(f"### {family}\n\n{_table(['Fault', *head], rows)}")
    return "\n".join(parts)


def exceptions(cells: Cells) -> str:
    """Return a table of what does not end as done: faults with the same exceptions share a row.

    :param cells: what each cell says
    """
    faults: dict[str, dict[str, str]] = {}
    for (fault, title), word in cells.items():
        faults.setdefault(fault, {})[title] = word
    alike: dict[str, list[str]] = {}
    for fault, words in faults.items():
        alike.setdefault(_exceptions_of(words), []).append(fault)
    rows = [[_BREAK.join(names), what] for what, names in alike.items() if what]
    return _table(["Fault", "What does not end as done"], rows)


def _exceptions_of(words: Mapping[str, str]) -> str:
    """Return in words how operations end under one fault, those that are done or not tried left out."""
    titles = [*_NAMED, *(title for title in words if title not in _NAMED)]
    tried = {title: words[title] for title in titles if words.get(title, _NOT_TRIED) != _NOT_TRIED}
    done = [title for title, word in tried.items() if word == _DONE]
    ends: dict[str, list[str]] = {}
    for title, word in tried.items():
        if word != _DONE:
            ends.setdefault(word, []).append(title)
    lines = []
    for word, members in sorted(ends.items(), key=lambda item: len(item[1])):
        what = "; ".join(members)
        if len(members) > 2 * len(done) and 2 * len(members) > len(tried):
            what = "everything else" if len(ends) > 1 else "everything"
            what += f", except {'; '.join(done)}" if done else ""
        lines.append(f"{word}: {what}")
    return _BREAK.join(lines)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells_of(report: str) -> list[tuple[str, str, str]]:
    """Return the cells that a run of the matrix noted in its JUnit report, without the seeded ones."""
    values = [
        element.get("value", "").split("|")
        for element in ElementTree.parse(report).iter("property")
        if element.get("name") == "cell"
    ]
    return [(fault, title, text) for fault, title, text in values if "seed" not in fault]


def written(page: str, cells: Cells) -> str:
    """Return the page with its two generated parts made anew.

    :param page: the page
    :param cells: what each cell says
    """
    for name, text in (("exceptions", exceptions(cells)), ("cells", tables(cells))):
        before, begin, rest = page.partition(_mark(name, "begin"))
        _, end, after = rest.partition(_mark(name, "end"))
        page = f"{before}{begin}{text}{end}{after}"
    return page


def _part(page: str, name: str) -> str:
    return page.partition(_mark(name, "begin"))[2].partition(_mark(name, "end"))[0]


def _mark(name: str, which: str) -> str:
    return f"<!-- {name}: {which} -->\n"


def main(report: str) -> None:
    """Put what a run found into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(written(page, agreed(cells_of(report))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
