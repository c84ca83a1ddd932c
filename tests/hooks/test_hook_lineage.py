"""What the hook tells Airflow's lineage of the data that task code reads and writes."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_bitrix24.hooks.errors import Bitrix24Error, InvalidInputError
from airflow_provider_bitrix24.hooks.lineage import reporting


@pytest.fixture
def read(collector):
    """Return what tells which assets were read, and how often that was reported."""
    return lambda: {entry.asset.uri: entry.count for entry in collector.collected_assets.inputs}


@pytest.fixture
def written(collector):
    """Return what tells which assets were written, and how often that was reported."""
    return lambda: {entry.asset.uri: entry.count for entry in collector.collected_assets.outputs}


@pytest.fixture
def filled(box):
    box.load_demo()
    return box


@pytest.fixture
def uri(box):
    """Return the asset of a name."""
    return lambda name: f"bitrix24://{box.url.removeprefix('http://')}/{name}"


async def _all(rows):
    return [row async for row in rows]


def test_each_call_is_reported_once(filled, hook, read, uri):
    assert len(list(hook.records("crm.deal.list"))) == 5
    assert read() == {uri("crm/deal"): 1}
    list(hook.records("crm.item.list", {"entityTypeId": 3}))
    asyncio.run(_all(hook.arecords("crm.item.list", {"entityTypeId": 2})))
    assert read() == {uri("crm/deal"): 2, uri("crm/contact"): 1}


@pytest.mark.parametrize("name", ["crm_rows", "crm_batches"])
def test_a_dataset_is_reported_under_its_name(filled, hook, read, uri, name):
    for dataset, path in (
        ("deal", "crm/deal"),
        ("deal.product_rows", "crm/deal/product_rows"),
        ("users", "users"),
    ):
        list(getattr(hook, name)(dataset))
        assert read().pop(uri(path)) == 1
    assert len(read()) == 3


def test_an_empty_list_was_read_too(box, hook, read, uri):
    assert list(hook.records("crm.deal.list")) == []
    assert asyncio.run(_all(hook.arecords("crm.contact.list"))) == []
    assert read() == {uri("crm/deal"): 1, uri("crm/contact"): 1}


def test_a_read_that_fails_at_once_is_not_reported(filled, hook, read):
    with pytest.raises(InvalidInputError):
        list(hook.crm_rows("no such"))
    with pytest.raises(Bitrix24Error):
        list(hook.records("crm.no.list"))
    assert read() == {}


def test_what_was_read_before_a_failure_is_reported(hook, read, uri):
    def rows():
        yield 1
        raise RuntimeError

    found = reporting(hook, "crm.deal", rows())
    assert next(found) == 1
    with pytest.raises(RuntimeError):
        next(found)
    assert read() == {uri("crm/deal"): 1}


def test_a_loop_that_ends_early_closes_what_is_read(hook):
    closed = []

    def rows():
        try:
            yield from range(9)
        finally:
            closed.append(True)

    found = reporting(hook, None, rows())
    assert [next(found), next(found)] == [0, 1]
    found.close()
    assert closed == [True]


def test_a_method_that_does_not_tell_its_dataset_reports_nothing(filled, hook, read):
    found = hook.records("crm.stagehistory.list", {"entityTypeId": 2})
    list(found)
    assert len(read()) == 1
    list(reporting(hook, None, (each for each in [1])))
    assert len(read()) == 1


def test_items_that_were_written_are_reported(filled, hook, written, uri):
    hook.update_crm_items("deal", [{"id": 1, "title": "New"}, {"id": 2, "title": "New"}])
    assert written() == {uri("crm/deal"): 1}
    hook.update_crm_items("deal", [{"id": 1, "title": "New"}])  # is so already
    assert written() == {uri("crm/deal"): 1}
    hook.create_crm_items("contact", [{"name": "Ada"}])
    hook.upsert_crm_items("company", [{"origin_id": "1", "title": "C"}], key="origin_id")
    hook.delete_crm_items("lead", [1])
    rows = [{"owner_id": 1, "product_name": "Cup", "price": 2, "quantity": 1}]
    hook.set_product_rows("deal", rows)
    assert set(written()) == {
        uri(f"crm/{name}") for name in ("deal", "contact", "company", "lead", "deal/product_rows")
    }


def test_items_that_were_written_before_a_failure_are_reported(filled, hook, written, uri):
    with pytest.raises(Bitrix24Error):
        hook.update_crm_items("deal", [{"id": 1, "title": "New"}, {"id": 999_999, "title": "New"}])
    assert written() == {uri("crm/deal"): 1}


def test_lineage_that_does_not_work_fails_no_reading(filled, hook, no_collector):
    assert len(list(hook.records("crm.deal.list"))) == 5
    assert len(list(hook.crm_rows("deal"))) == 5
    hook.update_crm_items("deal", [{"id": 1, "title": "New"}])


def test_the_portal_is_named_without_a_request(box, hook):
    assert hook.portal == box.url.removeprefix("http://")
    assert box.requests == []
