"""Product rows of items."""

from __future__ import annotations

import pytest
from portal_client import Client

_ROW = {"productName": "Grinder", "price": 100, "quantity": 2}


def _list(client, owner_type="D", owner_id=1, filters=(), **params):
    conditions = {"=ownerType": owner_type, "=ownerId": owner_id, **dict(filters)}
    return client("crm.item.productrow.list", {"filter": conditions, **params})


def _ids(answer):
    return [row["id"] for row in answer.result["productRows"]]


def _deal(client, number=1):
    return client("crm.item.get", {"entityTypeId": 2, "id": number}).result["item"]


# ---------------------------------------------------------------- reading


def test_a_row_in_both_families(box, client):
    """The prices are those of the documentation's example."""
    box.add_item("deal")
    row = {"productId": 9621, "price": 90000, "quantity": 3, "discountRate": 10, "taxRate": 10, "sort": 20}
    (number,) = box.add_product_rows("deal", 1, [{**row, "taxIncluded": "Y"}])
    (shown,) = _list(client).result["productRows"]
    assert shown == {
        "id": number,
        "ownerId": 1,
        "ownerType": "D",
        "productId": 9621,
        "productName": "Product 9621",
        "price": 90000,
        "priceAccount": 90000,
        "priceExclusive": 81818.18181818,
        "priceNetto": 90909.09090909,
        "priceBrutto": 100000,
        "quantity": 3,
        "discountTypeId": 2,
        "discountRate": 10,
        "discountSum": 9090.90909091,
        "taxRate": 10,
        "taxIncluded": "Y",
        "customized": "Y",
        "measureCode": 796,
        "measureName": "pcs",
        "sort": 20,
        "xmlId": "",
        "type": 4,
        "storeId": None,
    }
    (classic,) = client("crm.deal.productrows.get", {"id": 1}).result
    assert (classic["ID"], classic["OWNER_ID"], classic["PRODUCT_ID"]) == (str(number), "1", 9621)
    assert (classic["PRICE"], classic["PRICE_ACCOUNT"], classic["TAX_RATE"]) == (90000, "90000.00", 10)
    assert classic.keys() >= {
        "ORIGINAL_PRODUCT_NAME",
        "PRODUCT_DESCRIPTION",
        "RESERVE_ID",
        "RESERVE_QUANTITY",
    }


def test_rows_of_every_type_that_has_some(box, client):
    owners = {
        "lead": "L",
        "deal": "D",
        "quote": "Q",
        "smart_invoice": "SI",
        box.add_smart_process(128): "T80",
    }
    for kind, code in owners.items():
        box.add_item(kind)
        box.add_product_rows(kind, 1, [{"productName": kind}])
        (row,) = _list(client, code).result["productRows"]
        assert (row["productName"], row["ownerType"]) == (kind, code)
    assert len(client("crm.lead.productrows.get", {"id": 1}).result) == 1
    assert len(client("crm.quote.productrows.get", {"id": 1}).result) == 1
    box.add_item("contact")
    with pytest.raises(ValueError, match="no product rows"):
        box.add_product_rows("contact", 1, [_ROW])
    with pytest.raises(ValueError, match="no field of a product row"):
        box.add_product_rows("deal", 1, [{"colour": "red"}])


def test_rows_of_many_items_by_a_cursor(box, client):
    box.add_items("deal", [{}] * 40)
    for deal in range(1, 41):
        box.add_product_rows("deal", deal, [_ROW, _ROW])
    wanted = list(range(1, 31))
    first = _list(client, owner_id=wanted, order={"id": "ASC"}, start=-1)
    assert len(_ids(first)) == 50
    assert "total" not in first.body
    second = _list(client, owner_id=wanted, filters={">id": _ids(first)[-1]}, order={"id": "ASC"})
    assert second.body["total"] == 10
    assert {row["ownerId"] for row in second.result["productRows"]} == {26, 27, 28, 29, 30}
    counted = _list(client, owner_id=wanted)
    assert (counted.body["total"], counted.body["next"]) == (60, 50)
    assert _ids(_list(client, owner_id=[])) == []


def test_rows_come_in_their_own_order(box, client):
    box.add_item("deal")
    first, second, third = box.add_product_rows("deal", 1, [{"sort": 30}, {"sort": 10}, {"sort": 20}])
    assert _ids(_list(client)) == [second, third, first], "not by id, unless it is asked for"
    assert _ids(_list(client, order={"id": "desc"})) == [third, second, first]
    assert _ids(_list(client, order={"price": "desc"})) == [second, third, first]


def test_conditions_other_than_on_the_id_are_dropped(box, client):
    box.add_item("deal")
    low, high = box.add_product_rows("deal", 1, [{"price": 1}, {"price": 1000, "productId": 5}])
    assert _ids(_list(client, filters={">price": 500})) == [low, high]
    assert _ids(_list(client, filters={"productId": 5})) == [high]
    assert _ids(_list(client, filters={"@id": [low, 99]})) == [low]
    assert _list(client, filters={">id": [1, 2]}).error[1] == "INVALID_ARG_VALUE"


def test_the_owner_has_to_be_named(box, client):
    box.add_item("deal")
    for filters in ({}, {"=ownerType": "D"}, {"=ownerId": 1}, {"ownerType": "D", "ownerId": 1}):
        assert client("crm.item.productrow.list", {"filter": filters}).error[1] == "REQUIRED_ARG_MISSING"
    assert client("crm.item.productrow.list").error[1] == "REQUIRED_ARG_MISSING"
    assert _list(client, "T80").error[1] == "ACCESS_DENIED", "there is no such type"


def test_rights_to_many_items_are_checked_on_the_first_only(box):
    """An array counts as 1 in PHP."""
    box.add_items("deal", [{}, {}])
    box.add_product_rows("deal", 2, [_ROW])
    box.add_user(4, may_read=[("deal", 2)])
    box.add_user(5, may_read=[("deal", 1)])
    assert len(_ids(_list(Client(box, 4), owner_id=2))) == 1
    assert _list(Client(box, 5), owner_id=2).error[1] == "ACCESS_DENIED"
    assert _list(Client(box, 4), owner_id=[2]).error[1] == "ACCESS_DENIED"
    assert len(_ids(_list(Client(box, 5), owner_id=[2]))) == 1
    assert Client(box, 5)("crm.deal.productrows.get", {"id": 2}).error == (400, "", "Access denied")


def test_a_portal_that_ignores_arrays_of_owners(box, client):
    box.add_items("deal", [{}, {}, {}])
    for deal in (1, 2, 3):
        box.add_product_rows("deal", deal, [_ROW])
    box.set_owner_arrays_ignored(True)
    rows = _list(client, owner_id=[1, 2]).result["productRows"]
    assert {row["ownerId"] for row in rows} == {1, 2, 3}
    assert len(_ids(_list(client, owner_id=1))) == 1


# ---------------------------------------------------------------- writing


def test_set_replaces_all_rows_and_changes_the_item(box, client, clock):
    box.add_item("deal")
    first, _ = box.add_product_rows("deal", 1, [_ROW, _ROW])
    assert _deal(client)["opportunity"] == 400
    clock.now += 60
    rows = [{"id": first, "productName": "Mill", "price": 10, "quantity": 3}, {"price": 5, "taxRate": 25}]
    sent = {"ownerType": "D", "ownerId": 1, "productRows": rows}
    mill, other = client("crm.item.productrow.set", sent).result["productRows"]
    assert (mill["id"], mill["productName"], "storeId" in mill) == (first, "Mill", False)
    assert other["productName"] == f"[{other['id']}]"
    deal = _deal(client)
    assert (deal["opportunity"], deal["taxValue"]) == (35, 1)
    assert deal["updatedTime"] == "2025-09-09T16:32:11+03:00"
    client("crm.item.productrow.set", {**sent, "productRows": []})
    assert _deal(client)["opportunity"] == 0
    assert box.product_rows("deal", 1) == []


def test_a_sum_that_is_set_by_hand_stays(box, client, clock):
    box.add_item("deal", {"OPPORTUNITY": 7, "IS_MANUAL_OPPORTUNITY": "Y"})
    clock.now += 60
    box.add_product_rows("deal", 1, [_ROW])
    deal = _deal(client)
    assert (deal["opportunity"], deal["updatedTime"]) == (7, "2025-09-09T16:32:11+03:00")


def test_single_rows(box, client, clock):
    box.add_item("deal")
    row = {"ownerType": "D", "ownerId": 1, **_ROW}
    made = client("crm.item.productrow.add", {"fields": row}).result["productRow"]
    assert client("crm.item.productrow.get", {"id": made["id"]}).result["productRow"].items() >= made.items()
    clock.now += 60
    change = {"id": made["id"], "fields": {"quantity": 5, "ownerId": 9, "priceNetto": 1}}
    changed = client("crm.item.productrow.update", change).result["productRow"]
    assert (changed["quantity"], changed["ownerId"], changed["priceNetto"]) == (5, 1, 100)
    assert _deal(client)["opportunity"] == 500
    assert _deal(client)["updatedTime"] == "2025-09-09T16:32:11+03:00"
    assert client("crm.item.productrow.update", {**change, "fields": {}}).result is None
    nothing = {**change, "fields": {"priceNetto": 1, "storeId": 2}}
    assert client("crm.item.productrow.update", nothing).error[1] == "INVALID_ARG_VALUE"
    assert client("crm.item.productrow.delete", {"id": made["id"]}).result is None
    assert _deal(client)["opportunity"] == 0
    for method in ("get", "delete"):
        assert client(f"crm.item.productrow.{method}", {"id": made["id"]}).error[1] == "NOT_FOUND"
    assert set(client("crm.item.productrow.fields").result["fields"]) >= made.keys()


def test_refused_writes(box, client):
    box.add_item("deal")
    (number,) = box.add_product_rows("deal", 1, [_ROW])
    box.add_item("contact")
    sent = {"ownerType": "D", "ownerId": 1, "productRows": []}
    for change, code in (
        ({"ownerType": "C"}, "ENTITY_TYPE_NOT_SUPPORTED"),
        ({"ownerType": "T80"}, "ENTITY_TYPE_NOT_SUPPORTED"),
        ({"ownerId": 99}, "OWNER_NOT_FOUND"),
        ({"productRows": "none"}, "100"),
    ):
        assert client("crm.item.productrow.set", {**sent, **change}).error[1] == code
    assert client("crm.item.productrow.set", {"ownerId": 1, "productRows": []}).error[1] == "100"
    guest = Client(box, 3)
    assert guest("crm.item.productrow.set", sent).error[1] == "ACCESS_DENIED"
    assert guest("crm.item.productrow.delete", {"id": number}).error[1] == "ACCESS_DENIED"
    assert guest("crm.deal.productrows.set", {"id": 1, "rows": []}).error[2] == "Access denied"
    assert len(box.product_rows("deal", 1)) == 1


def test_the_classic_way_leaves_an_item_alone_whose_sum_stays(box, client, clock):
    box.add_item("deal")
    rows = [{"PRODUCT_NAME": "Grinder", "PRICE": 100, "QUANTITY": 2}]
    assert client("crm.deal.productrows.set", {"id": 1, "rows": rows}).result is True
    assert _deal(client)["opportunity"] == 200
    clock.now += 60
    rows[0] |= {"PRICE": 200, "QUANTITY": 1}
    assert client("crm.deal.productrows.set", {"id": 1, "rows": rows}).result is True
    assert box.product_rows("deal", 1)[0]["PRICE"] == 200
    assert _deal(client)["updatedTime"] == "2025-09-09T16:31:11+03:00"
    rows[0]["DISCOUNT_TYPE_ID"] = 1
    assert client("crm.deal.productrows.set", {"id": 1, "rows": rows}).error[1] == "ERROR_CORE"
    rows[0]["DISCOUNT_SUM"] = 50
    client("crm.deal.productrows.set", {"id": 1, "rows": rows})
    assert (box.product_rows("deal", 1)[0]["PRICE_NETTO"], _deal(client)["opportunity"]) == (250, 200)
    assert client("crm.deal.productrows.get").error[2] == "The parameter id is invalid or not defined."
    assert client("crm.deal.productrows.get", {"id": 99}).error[2] == "Not found"


def test_rows_go_with_their_item(box, client):
    box.add_item("deal")
    (number,) = box.add_product_rows("deal", 1, [_ROW])
    client("crm.item.delete", {"entityTypeId": 2, "id": 1})
    assert client("crm.item.productrow.get", {"id": number}).error[1] == "NOT_FOUND"
    assert _ids(_list(client)) == []
