"""The sweep for what is gone, on a table that holds nothing."""

from __future__ import annotations

import logging

from airflow_provider_bitrix24.hooks.extraction import open_extraction
from airflow_provider_bitrix24.transfers.deletions import Sweep


class EmptyTable:
    """A table without rows, which keeps the ids that it is told of."""

    def stage_ids(self, ids):
        self.ids = list(ids)

    def count_live(self):
        return 0

    def missing_ids(self):
        return iter(())


def test_ids_are_read_with_as_many_requests_as_asked_for(box, hook):
    """The name is so long that a request holds ten pages; so a list of 1,100 rows is a long one."""
    box.add_many("deal", 1_100)
    for max_in_flight in (1, 16):
        box.clear_journal()
        where = {"!title": "x" * 39_000}
        extraction = open_extraction(hook, "deal", where=where, max_in_flight=max_in_flight)
        table = EmptyTable()
        assert Sweep(table, extraction, 1_100, logging.getLogger()).gone(0.5) == []
        assert table.ids == list(range(1, 1_101))
        filters = [call.params.get("filter", {}) for call in box.calls("crm.item.list")]
        in_ranges = [found for found in filters if {">id", "<=id"} <= set(found)]
        assert bool(in_ranges) == (max_in_flight > 1)
