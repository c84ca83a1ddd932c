"""Which items hold a text, so that a list that asks for a few of many texts need not look at every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import php

if TYPE_CHECKING:
    from collections.abc import Collection

    from .fields import Field
    from .item_store import ItemStore

#: more items are quicker found by looking at the rows, of which a page needs only the first
_FEW = 200
_Index = dict[str, list[int]]


def collated(text: str) -> str:
    """Return what the database compares: neither case nor spaces at the end make a difference."""
    return text.rstrip(" ").casefold()


def few_with(store: ItemStore, known: Field, texts: Collection[str], revision: int) -> set[int] | None:
    """Return the numbers of the items that hold one of some texts; ``None`` where that is not quicker.

    :param known: the field
    :param texts: the texts, none of them empty
    :param revision: a number that is another one after each change of an item
    """
    if known.type != "string" or known.multiple or known.is_multi or known.first_of or known.write_only:
        return None
    index = _index(store, known, revision)
    found = [index.get(text, []) for text in set(map(collated, texts))]
    return set().union(*found) if sum(map(len, found)) <= _FEW else None


def _index(store: ItemStore, known: Field, revision: int) -> _Index:
    """Return the numbers of items by what they hold, made anew after a change of any item."""
    key = few_with, known.name
    cached = store.cache.get(key)
    if cached is None or cached[0] != revision:
        index: _Index = {}
        for number, row in store.rows.items():
            value = row.get(known.name, known.default)
            if value is not None and not php.is_array(value):
                index.setdefault(collated(php.text(value)), []).append(number)
        cached = store.cache[key] = revision, index
    return cached[1]
