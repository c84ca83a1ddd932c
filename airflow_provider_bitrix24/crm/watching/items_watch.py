"""Looks whether enough CRM items match a filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_bitrix24.crm.cards import list_address
from airflow_provider_bitrix24.crm.extraction.list_questions import ids_of, page_of
from airflow_provider_bitrix24.crm.watching.item_lists import (
    check_narrows,
    matching_ids,
    parse_count,
    parse_listed_type,
    parse_most_ids,
    read_filter,
)
from airflow_provider_bitrix24.crm.watching.watch import Parser, Sight
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE
from airflow_provider_bitrix24.rest.plans import Plan, Work


class ItemsWatch:
    """Looks whether enough items match a filter.

    :param entity_type: the items' type
    :param where: the filter
    :param min_count: how many items have to match
    :param max_ids: how many ids are told at most
    :raises InvalidInputError: one of them is not valid
    """

    parsers: ClassVar[Mapping[str, Parser]] = {
        "entity_type": parse_listed_type,
        "where": check_narrows,
        "min_count": parse_count,
        "max_ids": parse_most_ids,
    }

    def __init__(
        self, entity_type: Any = None, where: Any = None, min_count: Any = 1, max_ids: Any = 100
    ) -> None:
        self._entity_type = parse_listed_type(entity_type)
        self._where = check_narrows(where)
        self._min_count = parse_count(min_count, "min_count")
        self._max_ids = parse_most_ids(max_ids)
        self.goal = f"{self._min_count} or more"
        self._call: Call | None = None

    def address(self, origin: str) -> str:
        """Return where the portal lists the items, ``""`` where it does not.

        :param origin: the portal's scheme, host and port
        """
        return list_address(origin, self._entity_type)

    def look(self) -> Plan[Sight]:
        """Count the items that match, and read the ids once there are enough; one call before that.

        :raises InvalidInputError: the type has no such field, or a value is not of the field's type
        """
        if self._call is None:
            where = yield from read_filter(self._entity_type, self._where)
            self._call = matching_ids(self._entity_type, where)
        [page] = yield Work([self._call])
        ids = ids_of(page)
        total = page.unwrap_reply().total
        if total is None and len(ids) >= PAGE_SIZE:
            raise UnexpectedResultError("the portal does not count the items", method=self._call.method)
        count = max(total or 0, len(ids))
        if count >= self._min_count:
            ids, ended = yield from self._read_on(self._call, ids)
            count = len(ids) if ended else max(count, len(ids))
        return self._sight(count, ids)

    def _read_on(self, call: Call, ids: list[int]) -> Plan[tuple[list[int], bool]]:
        """Return as many ids as are wanted, and whether these are all."""
        page = ids
        while len(page) >= PAGE_SIZE and len(ids) < self._max_ids:
            [outcome] = yield Work([page_of(call, {">id": ids[-1]}, start=-1)])
            page = ids_of(outcome)
            ids = [*ids, *page]
        return ids, len(page) < PAGE_SIZE

    def _sight(self, count: int, ids: list[int]) -> Sight:
        items = "1 item of the type" if count == 1 else f"{count} items of the type"
        seen = f"{items} {self._entity_type} match{'es' if count == 1 else ''} the filter"
        if count < self._min_count:
            return Sight(seen)
        told = ids[: self._max_ids]
        found = {
            "entity_type": self._entity_type,
            "count": count,
            "ids": told,
            "truncated": count > len(told),
        }
        return Sight(seen, found)
