"""Statuses, currencies and types of items."""

from __future__ import annotations

import pytest
from portal_client import Client

# ---------------------------------------------------------------- statuses


def test_directories_hold_the_codes_that_new_items_get(box, client):
    statuses = {(row["ENTITY_ID"], row["STATUS_ID"]) for row in client("crm.status.list").result}
    numbers = [box.add_item(kind) for kind in ("deal", "contact", "company")]
    deal, contact, company = (
        client(f"crm.{kind}.get", {"id": number}).result
        for kind, number in zip(("deal", "contact", "company"), numbers, strict=True)
    )
    assert ("DEAL_TYPE", deal["TYPE_ID"]) in statuses
    assert ("CONTACT_TYPE", contact["TYPE_ID"]) in statuses
    assert ("COMPANY_TYPE", company["COMPANY_TYPE"]) in statuses


def test_conditions_on_statuses_are_no_arrays(client):
    for name in ("ENTITY_ID", "@STATUS_ID"):
        error = client("crm.status.list", {"filter": {name: ["SOURCE", "STATUS"]}}).error
        assert error == (400, "", f"Filter by {name} must be a string.")


def test_statuses_of_the_portals_own(box, client):
    box.add_status("SOURCE", "UC_1", "Trade press")
    (row,) = client("crm.status.list", {"filter": {"STATUS_ID": "UC_1"}}).result
    assert (row["ENTITY_ID"], row["NAME"], row["SYSTEM"], row["SORT"]) == ("SOURCE", "Trade press", "N", "60")
    with pytest.raises(ValueError, match="is no directory"):
        box.add_status("COLOURS", "X", "x")
    with pytest.raises(ValueError, match="already"):
        box.add_status("SOURCE", "UC_1", "again")


def test_list_of_directories(box, client):
    box.add_pipeline("deal", "Projects")
    box.add_smart_process(128, "Deliveries")
    (category,) = client("crm.category.list", {"entityTypeId": 128}).result["categories"]
    directories = {row["ID"]: row for row in client("crm.status.entity.types").result}
    assert directories.keys() >= {row["ENTITY_ID"] for row in client("crm.status.list").result}
    assert directories["SOURCE"] == {"ID": "SOURCE", "NAME": "Sources"}
    assert directories["STATUS"]["SEMANTIC_INFO"] == {
        "START_FIELD": "NEW",
        "FINAL_SUCCESS_FIELD": "CONVERTED",
        "FINAL_UNSUCCESS_FIELD": "JUNK",
        "FINAL_SORT": 0,
    }
    assert "CATEGORY_ID" not in directories["STATUS"]
    general, projects = directories["DEAL_STAGE"], directories["DEAL_STAGE_1"]
    assert (general["CATEGORY_ID"], projects["CATEGORY_ID"]) == (0, "1"), "a number and a text"
    assert projects["SEMANTIC_INFO"]["FINAL_UNSUCCESS_FIELD"] == "C1:LOSE"
    assert (projects["PREFIX"], projects["PARENT_ID"]) == ("C1", "DEAL_STAGE")
    deliveries = directories[f"DYNAMIC_128_STAGE_{category['id']}"]
    assert deliveries["SEMANTIC_INFO"] == []
    assert (deliveries["NAME"], deliveries["CATEGORY_ID"]) == ("Deliveries (General)", category["id"])


# ---------------------------------------------------------------- currencies


def test_currencies_come_all_at_once_with_a_total_of_0(box, client):
    box.add_currency("JPY", "Yen", "0.6800", 100)
    answer = client("crm.currency.list", {"order": {"currency": "asc"}})
    assert [row["CURRENCY"] for row in answer.result] == ["EUR", "JPY", "USD"]
    assert answer.body["total"] == 0
    assert "next" not in answer.body
    yen = answer.result[1]
    assert (yen["AMOUNT"], yen["AMOUNT_CNT"], yen["BASE"], yen["SORT"]) == ("0.6800", "100", "N", "300")
    assert [row["CURRENCY"] for row in client("crm.currency.list").result] == ["USD", "EUR", "JPY"]
    box.add_currency("EUR", "Euro", "1.1000")
    assert client("crm.currency.list").result[1]["AMOUNT"] == "1.1000"


def test_currencies_are_for_those_who_may_see_the_settings(box):
    assert Client(box, 2)("crm.currency.list").error == (400, "", "Access denied.")


# ---------------------------------------------------------------- types


def test_types_of_items_with_smart_processes(box, client):
    box.add_smart_process(1220, "Machines")
    rows = Client(box, 3)("crm.enum.ownertype").result
    by_id = {row["ID"]: row for row in rows}
    assert by_id.keys() == {1, 2, 3, 4, 5, 7, 8, 31, 1220}
    assert by_id[2] == {"ID": 2, "NAME": "Deal", "SYMBOL_CODE": "DEAL", "SYMBOL_CODE_SHORT": "D"}
    assert by_id[1220] == {
        "ID": 1220,
        "NAME": "Machines",
        "SYMBOL_CODE": "DYNAMIC_1220",
        "SYMBOL_CODE_SHORT": "T4c4",
    }


def test_smart_processes_have_two_numbers(box, client):
    box.add_smart_process(1220, "Machines")
    box.add_smart_process(128, "Deliveries")
    answer = client("crm.type.list", {"order": {"id": "DESC"}})
    deliveries, machines = answer.result["types"]
    assert answer.body["total"] == 2
    assert (machines["entityTypeId"], deliveries["entityTypeId"]) == (1220, 128)
    assert machines["id"] < deliveries["id"] < 128
    assert (machines["title"], machines["isRecyclebinEnabled"], machines["isBizProcEnabled"]) == (
        "Machines",
        "Y",
        "N",
    )
    assert machines["createdTime"] == "2025-09-09T16:31:11+03:00"
    (found,) = client("crm.type.list", {"filter": {"entityTypeId": 128}}).result["types"]
    assert found == deliveries
    assert client("crm.type.get", {"id": machines["id"]}).result["type"] == machines
    assert client("crm.type.getByEntityTypeId", {"entityTypeId": 128}).result["type"] == deliveries
    box.remove_smart_process(128)
    assert client("crm.type.list").body["total"] == 1


def test_rights_to_smart_processes(box, client):
    box.add_smart_process(128, "Deliveries")
    (known,) = client("crm.type.list").result["types"]
    manager = Client(box, 2)
    assert manager("crm.type.list").error[1] == "ACCESS_DENIED"
    assert manager("crm.type.get", {"id": known["id"]}).result["type"] == known
    assert client("crm.type.get", {"id": 99}).error[0] == 400
    assert client("crm.type.getByEntityTypeId", {"entityTypeId": 2}).error[0] == 400
    assert client("crm.type.list", {"filter": {"name": "x"}}).error[1] == "INVALID_ARG_VALUE"
    box.add_user(4, may_read=False)
    assert Client(box, 4)("crm.type.get", {"id": known["id"]}).error[1] == "ACCESS_DENIED"
