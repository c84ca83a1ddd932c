"""The blocks of code on the pages, and what runs each of them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs"))  # where what finds the public classes for the site's reference is

import surface as surface  # noqa: E402

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
#: a reader sees this in front of a block that nothing runs
NOT_RUN = re.compile(r"\*Not run by the tests: [^*]+\.\*")
_KINDS = {"bash": "shell", "dockerfile": "image", "json": "connections", "{eval-rst}": "reference"}
_OUTPUT = re.compile(r"<!-- output of: (.+) -->")


@dataclass(frozen=True)
class Block:
    """A block of code.

    :param line: number of its first line
    :param before: the last line of text in front of it
    """

    page: str
    line: int
    language: str
    code: str
    before: str

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def output_of(self) -> str:
        """What a block of output is the output of."""
        mark = _OUTPUT.fullmatch(self.before)
        return mark[1] if mark else ""

    @property
    def kind(self) -> str:
        """Which test runs it; ``""`` where none does."""
        if NOT_RUN.fullmatch(self.before):
            return "not run"
        if self.language == "python":
            return "tests" if self.path.startswith("tests/") else "python"
        if self.language == "text":
            return "output" if self.output_of else "drawing"
        return _KINDS.get(self.language, "")

    @property
    def path(self) -> str:
        """Where a reader saves it, which its first line says in a comment."""
        first = re.match(r"# (\w+/\w+\.py)\n", self.code)
        return first[1] if first else ""


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_in(page: str, text: str) -> list[Block]:
    """Return the blocks of a page, those in lists too."""
    found = []
    before, opened = "", None
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        fence = re.match(r"\s*```(.*)$", line)
        if opened is None:
            if fence:
                opened = (number, fence[1].strip())
            elif line.strip():
                before = line.strip()
        elif fence and not fence[1]:
            code = "\n".join(lines[opened[0] : number - 1]) + "\n"
            found.append(Block(page, opened[0] + 1, opened[1], code, before))
            before, opened = "", None
    assert opened is None, f"{page}: the block of line {opened} does not end"
    return found


BLOCKS = [block for page in PAGES for block in blocks_in(page, read(page))]


def of_kind(kind: str, page: str = "") -> list[Block]:
    return [block for block in BLOCKS if block.kind == kind and page in ("", block.page)]
