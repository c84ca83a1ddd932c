"""A pager keeps little of what it has read, however long the list is."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.reply import Reply

ROWS = 20_000


def kept_by_a_pager(name: str) -> tuple[int, int]:
    """Read a long list by offset; return the bytes that its pager keeps, and those of one page."""

    def page(start: int) -> list[dict[str, Any]]:
        return [{name: str(number), "TEXT": f"{number} " * 100} for number in range(start, start + 50)]

    pager = pager_for(Call("some.list"))
    tracemalloc.start()
    try:
        first = page(0)
        size, _ = tracemalloc.get_traced_memory()
        del first
        for start in range(0, ROWS, 50):
            assert len(pager.take(Reply(page(start), ROWS, start + 50 if start + 50 < ROWS else None))) == 50
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pager.next_call() is None
    return kept, size


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share"), [("CODE", 0.03), ("ID", 0.5)], ids=["without ids", "with ids"])
def test_a_pager_keeps_no_rows(name, share):
    kept, page = kept_by_a_pager(name)
    assert kept < share * page * ROWS / 50
