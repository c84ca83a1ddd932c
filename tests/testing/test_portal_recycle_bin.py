"""Deleted items, and what comes back."""

from __future__ import annotations

import pytest


def _items(client, type_id=2, **filters):
    return client("crm.item.list", {"entityTypeId": type_id, "filter": filters}).result["items"]


def _history(client):
    return client("crm.stagehistory.list", {"entityTypeId": 2}).result["items"]


@pytest.mark.parametrize(
    ("method", "params"),
    [("crm.item.delete", {"entityTypeId": 2, "id": 1}), ("crm.deal.delete", {"id": 1})],
    ids=["item", "classic"],
)
def test_a_restored_item_has_a_new_number_and_old_dates(box, client, clock, method, params):
    box.add_item("deal", {"TITLE": "Roastery refit", "STAGE_ID": "EXECUTING", "UF_CRM_NOTE": "first floor"})
    (before,) = _items(client)
    clock.now += 3600
    since = "2025-09-09T17:00:00+03:00"
    client(method, params)
    assert _items(client) == []
    assert client("crm.item.get", {"entityTypeId": 2, "id": 1}).error[1] == "NOT_FOUND"
    assert box.restore_item("deal", 1) == 2
    (after,) = _items(client)
    assert after == {**before, "id": 2}
    assert _items(client, **{">updatedTime": since}) == [], "a filter by date does not find it"
    assert [item["id"] for item in _items(client, **{">id": 1})] == [2], "a cursor by id does"


def test_history_begins_anew_and_product_rows_keep_their_numbers(box, client, clock):
    box.add_item("deal")
    box.set_stage("deal", 1, "EXECUTING")
    (number,) = box.add_product_rows("deal", 1, [{"productName": "Grinder", "price": 100}])
    box.delete_item("deal", 1)
    assert _history(client) == []
    clock.now += 60
    new = box.restore_item("deal", 1)
    (step,) = _history(client)
    assert (step["OWNER_ID"], step["TYPE_ID"], step["STAGE_ID"]) == (new, 1, "EXECUTING")
    assert step["CREATED_TIME"] == "2025-09-09T16:32:11+03:00"
    (row,) = box.product_rows("deal", new)
    assert (row["ID"], row["OWNER_ID"]) == (str(number), str(new))
    assert _items(client)[0]["opportunity"] == 100


def test_bindings_do_not_come_back(box, client):
    box.add_item("deal")
    comment = box.add_comment("deal", 1, "Hello")
    box.add_activity("deal", 1, "Call")
    box.delete_item("deal", 1)
    new = box.restore_item("deal", 1)
    assert box.records("deal", new) == []
    assert client("crm.timeline.comment.get", {"id": comment}).status == 400
    assert client("crm.activity.list").result == []


def test_what_cannot_be_restored(box, client):
    kind = box.add_smart_process(128)
    for name in ("quote", kind):
        box.add_item(name)
        box.delete_item(name, 1)
    with pytest.raises(ValueError, match="quote 1 is not in the recycle bin"):
        box.restore_item("quote", 1)
    assert box.restore_item(kind, 1) == 2
    with pytest.raises(ValueError, match="not in the recycle bin"):
        box.restore_item(kind, 1)
    with pytest.raises(ValueError, match="is no type of CRM item"):
        box.restore_item("dael", 1)


def test_a_clock_that_was_moved_goes_for_what_comes_back_too(box, client):
    box.add_item("deal")
    box.delete_item("deal", 1)
    box.move_clock(3600)
    box.restore_item("deal", 1)
    assert _history(client)[0]["CREATED_TIME"] == "2025-09-09T17:31:11+03:00"
    box.add_product_rows("deal", 2, [{"price": 1}])
    assert _items(client)[0]["updatedTime"] == "2025-09-09T17:31:11+03:00"
    number = box.add_file("offer.pdf", b"1")
    assert client("disk.file.get", {"id": number}).result["CREATE_TIME"] == "2025-09-09T17:31:11+03:00"
