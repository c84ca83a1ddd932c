"""Lines of a text file, one after the other, whatever the file's size."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO

from airflow_provider_bitrix24.rest.errors import InvalidInputError

#: bytes; a file that has no line ends at all would be held in memory as a whole
_LONGEST = 16 << 20
_GZIP_MARK = b"\x1f\x8b"


def text_lines(file: IO[bytes], where: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file with their numbers, from 1, and with their ends.

    A byte order mark at the beginning is left out.

    :param file: the file
    :param where: what names it, for messages
    :raises InvalidInputError: a line is not UTF-8, or is too long to be one
    """
    number = 0
    while line := file.readline(_LONGEST + 1):
        number += 1
        if len(line) > _LONGEST:
            raise InvalidInputError(
                f"{where}, line {number} is longer than {_LONGEST >> 20} MiB",
                remedy="Check that each row ends with a line feed.",
            )
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        yield number, _decoded(line, where, number)


def _decoded(line: bytes, where: str, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        pass
    remedy = "Save the file in UTF-8."
    if number == 1 and line.startswith(_GZIP_MARK):
        remedy = "It looks like a compressed file: let its path end with .gz."
    raise InvalidInputError(f"{where}, line {number} is not UTF-8", remedy=remedy)
