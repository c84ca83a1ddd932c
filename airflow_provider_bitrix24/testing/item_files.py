"""What a file field holds after somebody has written it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import php
from .files import uploaded
from .values import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str, bytes], int]


def as_classic(value: Any, *, multiple: bool) -> Any:
    """Write what ``crm.item.*`` takes the way of the classic methods, with ``keep`` for what shall stay.

    :param value: ``["name", "base64"]``, ``{"id": 5}``, or a list of those if the field is ``multiple``
    """
    if multiple:
        return {"all": [as_classic(entry, multiple=False) for entry in php.values(value)]}
    if not php.is_array(value) or not value:
        return {"remove": "Y"}
    if php.lookup(value, "0") is not None:
        return {"fileData": value}
    return {"keep": php.int_cast(php.lookup(value, "id"))}


def one_file(stored: int | None, value: Any, keep: Keep) -> Any:
    """Return the number of the file that a field holds now, ``None``, or ``UNREADABLE`` for the one it has.

    :param keep: stores a file and returns its number
    """
    new = uploaded(php.lookup(value, "fileData"))
    if new is not None:
        return keep(*new)
    wanted = php.lookup(value, "keep")
    if wanted is not None:
        return UNREADABLE if wanted == stored else None
    return None if php.truthy(php.lookup(value, "remove")) else UNREADABLE


def several_files(stored: list[int], value: Any, keep: Keep) -> list[int]:
    """Return the numbers of the files that a field holds now.

    ``crm.item.*`` names all that it shall hold. A classic method adds files and removes those that it names,
    with an empty list all.
    """
    everything = php.lookup(value, "all")
    entries = php.values(value if everything is None else everything)
    new = [keep(*entry) for entry in (uploaded(php.lookup(entry, "fileData")) for entry in entries) if entry]
    if everything is not None:
        wanted = {php.lookup(entry, "keep") for entry in entries}
        return [number for number in stored if number in wanted] + new
    if not any(map(php.truthy, entries)):
        return []
    removed = {
        php.int_cast(php.lookup(entry, "id")) for entry in entries if php.truthy(php.lookup(entry, "remove"))
    }
    return [number for number in stored if number not in removed] + new
