"""Rows of a CSV file: commas, double quotes, and the names of the columns in the first line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence

from airflow_provider_bitrix24.crm.telling import counted
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class _Lines:
    """The lines of a file, and the number of the last one that was read."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            self.number = number
            yield line


def csv_rows(lines: Iterator[tuple[int, str]], where: str) -> Iterator[dict[str, str | None]]:
    """Yield the rows of a CSV file. An empty cell is ``None``, an empty text too. Empty lines are skipped.

    :param lines: the file's lines, with their numbers
    :param where: what names the file, for messages
    :raises InvalidInputError: it has no usable names of columns, or a row does not fit them
    """
    names: Sequence[str] | None = None
    for number, cells in _records(_Lines(lines), where):
        if names is None:
            names = _names(cells, f"{where}, line {number}")
        elif len(cells) != len(names):
            raise InvalidInputError(
                f"{where}, line {number} has {counted(len(cells), 'cell')}, "
                f"and the first line names {counted(len(names), 'column')}",
                remedy="Put a text that holds a comma, a quote or a line end into double quotes.",
            )
        else:
            yield {name: cell or None for name, cell in zip(names, cells, strict=True)}
    if names is None:
        raise InvalidInputError(f"{where} is empty", remedy="The first line has to name the columns.")


def _records(lines: _Lines, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row, with the number of its first line."""
    reader = csv.reader(lines, strict=True)
    while True:
        first = lines.number + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:  # its text holds no value
            problem = str(error)
        else:
            if cells is None:
                return
            if cells:
                yield first, cells
            continue
        raise InvalidInputError(
            f"{where}, line {first} is not CSV: {problem}",
            remedy="Is a double quote missing? Within quotes a double quote is written twice.",
        )


def _names(cells: Sequence[str], where: str) -> list[str]:
    """Return the names of the columns.

    :raises InvalidInputError: one is empty or comes twice, or something else than commas stands between them
    """
    names = [cell.strip() for cell in cells]
    if "" in names:
        raise InvalidInputError(
            f"{where}: column {names.index('') + 1} has no name",
            remedy="The first line has to name the columns.",
        )
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise InvalidInputError(f"{where} names the column {shown(doubled[0])} twice")
    if len(names) == 1:
        for separator, words in _OTHER_SEPARATORS.items():
            if separator in names[0]:
                raise InvalidInputError(
                    f"{where} names one column, with {words} in its name",
                    remedy="Put commas between the columns.",
                )
    return names
