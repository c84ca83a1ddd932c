"""Long lists of which one page in the middle of a request is broken: every row comes once all the same."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

_LIST = "crm.contact.list"
_PAGE = 50
#: pages of the list but the first, which is read alone; the last one is not full
_PAGES = 4


@pytest.fixture
def contacts(portal):
    """The only contacts there are, on five pages."""
    for number in portal.items("contact"):
        portal.delete_item("contact", number)
    return portal.add_items("contact", [{"NAME": f"Contact {n}"} for n in range(230)])


def breaks(contacts, page):
    """Return what may come instead of a page: an error, nothing, less, or what is no page."""
    rows = [{"ID": str(number)} for number in contacts[_PAGE * (page + 1) :]]
    return {
        "error": {"kind": "error", "code": "INTERNAL_SERVER_ERROR"},
        "limit": {"kind": "error", "code": "QUERY_LIMIT_EXCEEDED"},
        "empty": {"kind": "result", "result": []},
        "short": {"kind": "result", "result": rows[:7]},
        "one more": {"kind": "result", "result": rows[:_PAGE] + rows[:1]},
        "other": {"kind": "result", "result": {"rows": 0}},
    }


def read(hook):
    return [int(row["ID"]) for row in hook.records(_LIST, {"select": ["ID"]})]


def aread(hook):
    async def rows():
        return [int(row["ID"]) async for row in hook.arecords(_LIST, {"select": ["ID"]})]

    return asyncio.run(rows())


@pytest.mark.parametrize("door", [read, aread])
@pytest.mark.parametrize(
    "page", [0, *(pytest.param(page, marks=pytest.mark.slow) for page in range(1, _PAGES - 1)), _PAGES - 1]
)
@pytest.mark.parametrize("name", breaks([], 0))
def test_a_page_in_the_middle_is_broken(portal, contacts, name, page, door):
    fault = portal.inject(method=_LIST, after_calls=1 + page, **breaks(contacts, page)[name])
    assert door(Bitrix24Hook()) == contacts
    assert fault.struck == 1
    first, chain, *_ = portal.requests
    assert (first.n_commands, chain.n_commands) == (0, _PAGES)
