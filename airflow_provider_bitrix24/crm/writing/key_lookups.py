"""Which items have the keys of some rows already."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.item_pages import METHOD, in_pages, items_by_id, with_id
from airflow_provider_bitrix24.crm.writing.communication_lookups import look_up_communications
from airflow_provider_bitrix24.crm.writing.keys import Found, FoundByKey, Key, Parts
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    IncompleteListError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE
from airflow_provider_bitrix24.rest.plans import Plan, Work

#: keys a call asks for: half a page, so that a page is full only where keys are not unique
_KEYS_A_CALL = 25


def look_up(type_id: int, key: Key, wanted: Sequence[Parts], select: Sequence[str]) -> Plan[FoundByKey]:
    """Look items up by their keys (``crm.item.list``, ``crm.duplicate.findbycomm``).

    Items that the connection's user may not read look as if they were not there.

    :param type_id: the type's number
    :param key: which key it is
    :param wanted: the keys
    :param select: the fields to read, in the API's names; of phones and addresses all fields are read
    :return: what was found of each key; the error where the call that asked for it failed, or answered what
        cannot be believed
    """
    asked = list(dict.fromkeys(wanted))
    if key.is_communication:
        return (yield from look_up_communications(type_id, key, asked))
    names = dict.fromkeys([*with_id(select), *key.api_names])
    searches = [
        _Search(type_id, key, keys, ["*"] if "*" in select else list(names))
        for keys in in_pages(sorted(asked), _KEYS_A_CALL)  # so that those of a call have much in common
    ]
    unfinished = searches
    while unfinished:
        outcomes = yield Work([search.page() for search in unfinished])
        goes_on = [search.take(outcome) for search, outcome in zip(unfinished, outcomes, strict=True)]
        unfinished = [search for search, more in zip(unfinished, goes_on, strict=True) if more]
    return {parts: found for search in searches for parts, found in search.found().items()}


class _Search:
    """Reads the items of some keys, page by page.

    :param type_id: the type's number
    :param key: which key it is
    :param keys: the keys
    :param select: the fields to read
    """

    def __init__(self, type_id: int, key: Key, keys: Sequence[Parts], select: list[str]) -> None:
        self._key, self._keys = key, keys
        self._params = {"entityTypeId": type_id, "select": select, "order": {"id": "ASC"}, "start": -1}
        #: keys that may have more items; one that has two already is not unique, however many there are
        self._open = list(keys)
        self._alike = [set(map(_alike, values)) for values in zip(*keys, strict=True)]
        self._rows: dict[int, tuple[Parts, Mapping[str, Any]]] = {}
        self._error: Bitrix24Error | None = None

    def page(self) -> Call:
        """Return the call for the rows past those read so far."""
        past = {">id": list(self._rows)[-1]} if self._rows else {}
        return Call(METHOD, {**self._params, "filter": {**_filter(self._key, self._open), **past}})

    def take(self, outcome: Outcome) -> bool:
        """Take a page, and tell whether rows may follow it."""
        try:
            page = items_by_id(outcome)
            ids = [*list(self._rows)[-1:], *page]
            if ids != sorted(set(ids)):
                raise IncompleteListError("the items are not in the order of their ids", method=METHOD)
            self._rows |= {number: (self._asked_for(number, row), row) for number, row in page.items()}
        except Bitrix24Error as error:
            self._error = error
            return False
        if len(page) < PAGE_SIZE:
            return False
        counts = Counter(self._key.folded(parts) for parts, _ in self._rows.values())
        self._open = [parts for parts in self._open if counts[self._key.folded(parts)] < 2]
        return bool(self._open)

    def _asked_for(self, number: int, row: Mapping[str, Any]) -> Parts:
        """Return a row's key, each part of which some key has, as far as the portal's database can tell.

        A portal that drops the filter returns every item: then none of the keys is known to be absent.
        """
        parts = self._key.in_item(row)
        if all(_alike(part) in asked for part, asked in zip(parts, self._alike, strict=True)):
            return parts
        names = ", ".join(self._key.columns)
        raise UnexpectedResultError(
            f"nobody asked for item {number}: the portal ignores the filter by {names}",
            method=METHOD,
            remedy="Name another field as key.",
        )

    def found(self) -> FoundByKey:
        """Return what was found of each key."""
        if self._error is not None:
            return dict.fromkeys(self._keys, self._error)
        by_folded: dict[Parts, list[int]] = defaultdict(list)
        for number, (parts, _) in self._rows.items():
            by_folded[self._key.folded(parts)].append(number)
        return {parts: self._found(parts, by_folded[self._key.folded(parts)]) for parts in self._keys}

    def _found(self, parts: Parts, numbers: Sequence[int]) -> Found:
        return Found(
            tuple(self._rows[number][1] for number in numbers if self._rows[number][0] == parts),
            tuple(number for number in numbers if self._rows[number][0] != parts),
        )


def _filter(key: Key, keys: Sequence[Parts]) -> dict[str, Any]:
    """Return the filter of some keys; it also finds items with a part of one key and a part of another."""
    where: dict[str, Any] = {}
    for name, kind, texts in zip(key.api_names, key.types, zip(*keys, strict=True), strict=True):
        values = [int(text) if ft.is_whole(kind) else text for text in dict.fromkeys(texts)]
        where |= {f"@{name}": values} if len(values) > 1 else {f"={name}": values[0]}
    return where


def _alike(text: str) -> str:
    """Return a text without all that a database may not compare: accents, case, spaces, what is not seen."""
    if text.isascii() and text.isprintable():  # which has none but case and spaces, and most keys are
        return text.casefold().strip()
    kept = (
        character
        for character in unicodedata.normalize("NFKD", text)
        if unicodedata.category(character) not in ("Mn", "Me", "Cf", "Cc")
    )
    return "".join(kept).casefold().strip()
