"""What happens in the portal while a client reads: changes between requests, and many items at once."""

from __future__ import annotations

import time

import pytest
from portal_client import Client

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits


def _ids(client, **params):
    answer = client("crm.item.list", {"entityTypeId": 2, "order": {"id": "ASC"}, "select": ["id"], **params})
    return [item["id"] for item in answer.result["items"]]


def test_items_may_change_between_requests(box, client):
    box.add_items("deal", [{"TITLE": str(number)} for number in range(60)])
    seen = []

    def meanwhile(request):
        seen.append(request.method)
        if len(seen) == 1:
            box.delete_item("deal", 55)
            box.add_item("deal", {"TITLE": "new"})
            box.update_item("deal", 58, {"title": "changed"})

    end = box.on_request(meanwhile)
    first = _ids(client)
    assert (len(first), box.items("deal")[58]["TITLE"]) == (50, "changed")
    assert _ids(client, filter={">id": first[-1]}) == [*range(51, 55), *range(56, 62)]
    assert seen == ["crm.item.list"] * 2
    end()
    _ids(client)
    assert len(seen) == 2


def test_items_may_change_before_a_request(box, client):
    box.on_request(lambda request: box.add_item("deal"), when="before")
    assert _ids(client) == [1]
    assert _ids(client) == [1, 2]


def test_items_may_change_between_the_commands_of_a_batch(box, client):
    def meanwhile(call):
        if call.in_batch == "a":
            box.add_item("deal")

    box.on_call(meanwhile)
    answer = client.batch(dict.fromkeys("abc", "crm.deal.list?select[]=ID"))
    assert [len(answer["result"][key]) for key in "abc"] == [0, 1, 1]
    assert answer["result_total"] == {"a": 0, "b": 1, "c": 1}


def test_an_error_of_a_test_is_raised_when_the_portal_closes():
    portal = Bitrix24Portal(limits=Limits.off()).start()
    portal.on_request(lambda request: portal.add_item("nonsense"))
    assert Client(portal)("server.time").status == 200
    with pytest.raises(ValueError, match="no type of CRM item"):
        portal.__exit__(None, None, None)


def test_a_restored_item_has_a_new_number_and_its_old_dates(box, client, clock):
    box.add_items("deal", [{"TITLE": "a"}, {"TITLE": "b"}])
    before = client("crm.deal.get", {"id": 1}).result
    clock.now += 86_400
    client("crm.item.delete", {"entityTypeId": 2, "id": 1})
    assert box.restore_item("deal", 1) == 3
    after = client("crm.deal.get", {"id": 3}).result
    assert {**after, "ID": "1"} == before
    assert _ids(client) == [2, 3]
    with pytest.raises(ValueError, match="deal 1 is not in the recycle bin"):
        box.restore_item("deal", 1)
    box.add_item("quote")
    box.delete_item("quote", 1)
    with pytest.raises(ValueError, match="recycle bin"):
        box.restore_item("quote", 1)


def test_an_imported_item_has_a_new_number_and_old_dates(box, client):
    box.add_item("deal")
    old = "2020-01-02T03:04:05+03:00"
    box.add_item("deal", {"DATE_CREATE": old, "updatedTime": old})
    item = client("crm.item.get", {"entityTypeId": 2, "id": 2}).result["item"]
    assert (item["createdTime"], item["updatedTime"]) == (old, old)


@pytest.mark.slow
def test_many_items_are_made_quickly(box, client):
    began = time.perf_counter()
    assert box.add_many("deal", 100_000, fields={"TITLE": "a", "OPPORTUNITY": 5}) == [*range(1, 100_001)]
    assert time.perf_counter() - began < 10, "about a second on an idle machine"
    steps = client("crm.stagehistory.list", {"entityTypeId": 2, "filter": {"OWNER_ID": 99_999}}).result
    assert [step["STAGE_ID"] for step in steps["items"]] == ["NEW"]
    answer = client("crm.deal.list", {"filter": {"ID": 100_000}})
    assert (answer.result[0]["OPPORTUNITY"], answer.result[0]["STAGE_ID"]) == ("5.00", "NEW")
    assert client("crm.deal.list", {"select": ["ID"]}).body["total"] == 100_000


def test_many_items_may_have_numbers_and_values_of_their_own(box, client):
    numbers = box.add_many("lead", 3, ids=[5, 2, 9], fields=lambda number: {"TITLE": f"lead {number}"})
    assert numbers == [5, 2, 9]
    rows = client("crm.lead.list", {"order": {"ID": "ASC"}}).result
    assert [row["TITLE"] for row in rows] == ["lead 2", "lead 5", "lead 9"]
    assert box.add_many("lead", 1) == [10]
    assert box.add_many("lead", 0) == []
    with pytest.raises(ValueError, match="count=2, but 1 ids"):
        box.add_many("lead", 2, ids=[20])


def test_the_journal_may_do_without_results(box, client):
    box.add_item("deal")
    box.set_results_kept(False)
    assert _ids(client) == [1]
    client.batch({"a": "crm.deal.list"})
    assert [(entry.method, entry.result) for entry in box.calls()] == [
        ("crm.item.list", None),
        ("crm.deal.list", None),
        ("batch", None),
    ]
    box.set_results_kept(True)
    client("server.time")
    assert box.calls()[-1].result == "2025-09-09T16:31:11+03:00"
