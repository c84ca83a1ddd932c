"""Rows that are upserted: deals under the key of another system, and whether the portal holds them.

The columns are those of this package; other clients are told the API's names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

KEY = ["originator_id", "origin_id"]
#: the columns, with their names in ``crm.item.*`` and, in upper case, in ``crm.deal.*``
NAMES = {
    "originator_id": "originatorId",
    "origin_id": "originId",
    "title": "title",
    "opportunity": "opportunity",
    "source_id": "sourceId",
}
ADD = "crm.item.add"
TYPE_ID = 2
#: what is read of each deal to see which are there, and so already
SELECT = ["ID", *(name.upper() for name in NAMES)]


def rows(size: int) -> list[dict[str, Any]]:
    """Return the rows to upsert."""
    return [
        {
            "originator_id": "erp",
            "origin_id": f"order-{number}",
            "title": f"Order {number}",
            "opportunity": f"{number}.25",
            "source_id": "WEB" if number % 2 else "CALL",
        }
        for number in range(1, size + 1)
    ]


def stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row in the names of ``crm.deal.*``."""
    return {column.upper(): value for column, value in row.items()}


def additions(deals: Iterable[Mapping[str, Any]], size: int) -> list[dict[str, Any]]:
    """Return the parameters of ``crm.item.add`` for each row whose key no deal has.

    :param deals: all deals, as ``crm.deal.list`` answers them
    :param size: how many rows there are
    """
    known = set(map(_key, deals))
    return [
        {"entityTypeId": TYPE_ID, "fields": {NAMES[column]: value for column, value in row.items()}}
        for row in rows(size)
        if _key(stored(row)) not in known
    ]


def held(deals: Iterable[Mapping[str, Any]], size: int) -> int:
    """Return of how many rows exactly one deal has the key, and that all the values.

    :param deals: all deals, as ``crm.deal.list`` answers them
    :param size: how many rows there are
    """
    by_key: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for deal in deals:
        by_key[_key(deal)].append(deal)
    wanted = map(stored, rows(size))
    return sum(
        len(found := by_key[_key(row)]) == 1 and all(str(found[0].get(name)) == row[name] for name in row)
        for row in wanted
    )


def surplus(deals: Iterable[Mapping[str, Any]], size: int) -> int:
    """Return how many deals have a key that another one has, or that no row has.

    :param deals: all deals, as ``crm.deal.list`` answers them
    :param size: how many rows there are
    """
    keys = [key for deal in deals if any(key := _key(deal))]
    return len(keys) - len(set(keys) & {_key(stored(row)) for row in rows(size)})


def _key(deal: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(deal.get(column.upper()) for column in KEY)
