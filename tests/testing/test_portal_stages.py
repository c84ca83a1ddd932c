"""Pipelines, stages, and the history of them."""

from __future__ import annotations

import pytest
from portal_client import Client


def _statuses(client, **filters):
    return client("crm.status.list", {"filter": filters, "order": {"SORT": "ASC"}}).result


def _update(client, type_id, number, **fields):
    return client("crm.item.update", {"entityTypeId": type_id, "id": number, "fields": fields})


# ---------------------------------------------------------------- directories


def test_stages_of_deals(client):
    rows = _statuses(client, ENTITY_ID="DEAL_STAGE")
    semantics = {row["STATUS_ID"]: (row["SEMANTICS"], row["EXTRA"]["SEMANTICS"]) for row in rows}
    assert semantics == {
        "NEW": (None, "process"),
        "PREPARATION": (None, "process"),
        "PREPAYMENT_INVOICE": (None, "process"),
        "EXECUTING": (None, "process"),
        "FINAL_INVOICE": (None, "process"),
        "WON": ("S", "success"),
        "LOSE": ("F", "failure"),
        "APOLOGY": ("F", "apology"),
    }
    assert rows[0] == {
        "ID": rows[0]["ID"],
        "ENTITY_ID": "DEAL_STAGE",
        "STATUS_ID": "NEW",
        "NAME": "New",
        "NAME_INIT": "New",
        "SORT": "10",
        "SYSTEM": "Y",
        "CATEGORY_ID": None,
        "COLOR": "#39A8EF",
        "SEMANTICS": None,
        "EXTRA": {"SEMANTICS": "process", "COLOR": "#39A8EF"},
    }
    assert rows[1]["SYSTEM"] == "N"


def test_names_of_directories(box, client):
    box.add_pipeline("deal", "Projects")
    box.add_smart_process(128)
    names = {row["ENTITY_ID"] for row in client("crm.status.list").result}
    assert names >= {"STATUS", "DEAL_STAGE", "DEAL_STAGE_1", "QUOTE_STATUS", "SOURCE"}
    (invoices,) = [name for name in names if name.startswith("SMART_INVOICE_STAGE_")]
    (process,) = [name for name in names if name.startswith("DYNAMIC_128_STAGE_")]
    number = process.rpartition("_")[2]
    rows = _statuses(client, ENTITY_ID=process)
    assert [row["STATUS_ID"] for row in rows][-2:] == [f"DT128_{number}:SUCCESS", f"DT128_{number}:FAIL"]
    assert rows[0]["CATEGORY_ID"] == number
    assert _statuses(client, ENTITY_ID=invoices)[0]["STATUS_ID"].startswith("DT31_")
    assert _statuses(client, ENTITY_ID="DEAL_STAGE_1")[0]["STATUS_ID"] == "C1:NEW"
    assert "EXTRA" not in _statuses(client, ENTITY_ID="SOURCE")[0]


def test_statuses_come_all_at_once(box, client):
    for number in range(8):
        box.add_pipeline("deal", f"P{number}")
    answer = client("crm.status.list", {"start": 50})
    assert len(answer.result) > 70
    assert answer.body["total"] == len(answer.result)
    assert "next" not in answer.body
    numbers = [row["ID"] for row in answer.result]
    assert len(set(numbers)) == len(numbers)


def test_categories(box, client):
    assert box.add_pipeline("deal", "Projects") == 1
    answer = client("crm.category.list", {"entityTypeId": 2})
    general, projects = answer.result["categories"]
    assert general == {"id": 0, "name": "General", "sort": 100, "entityTypeId": 2, "isDefault": "Y"}
    assert projects.items() >= {"id": 1, "name": "Projects", "isDefault": "N", "originId": ""}.items()
    assert answer.body["total"] == 2
    box.add_smart_process(128)
    (only,) = client("crm.category.list", {"entityTypeId": 128}).result["categories"]
    assert only["isDefault"] == "Y"


def test_categories_of_contacts_and_companies(box, client):
    box.add_items("contact", [{"categoryId": 5}, {}, {"categoryId": 5}])
    general, suppliers = client("crm.category.list", {"entityTypeId": 3}).result["categories"]
    assert general == {"id": 0, "name": "Category 0", "sort": 100, "entityTypeId": 3, "isDefault": "Y"}
    assert (suppliers["id"], suppliers["isDefault"], suppliers["originId"]) == (5, "N", "")
    assert client("crm.category.list", {"entityTypeId": 4}).body["total"] == 1


def test_category_errors(client):
    assert client("crm.category.list").error[:2] == (400, "100")
    assert client("crm.category.list", {"entityTypeId": 999}).error[:2] == (400, "NOT_FOUND")
    for type_id in (1, 5, 7):
        error = client("crm.category.list", {"entityTypeId": type_id}).error
        assert error[:2] == (400, "ENTITY_TYPE_NOT_SUPPORTED")


# ---------------------------------------------------------------- items and their stages


def test_first_stages(box, client):
    box.add_pipeline("deal", "Projects")
    kind = box.add_smart_process(128)
    assert client("crm.deal.add", {"fields": {"CATEGORY_ID": 1}}).result == 1
    assert box.items("deal")[1]["STAGE_ID"] == "C1:NEW"
    made = client("crm.item.add", {"entityTypeId": 128, "fields": {"title": "x"}}).result["item"]
    assert made["stageId"] == f"DT128_{made['categoryId']}:NEW"
    assert "stageSemanticId" not in made, "smart processes tell the semantics only by their directory"
    assert box.add_item(kind) == 2
    assert box.items(kind)[2]["STAGE_ID"] == made["stageId"]


def test_an_item_begins_where_it_is_told_to(box, client):
    box.add_pipeline("deal", "Projects")
    sent = {"entityTypeId": 2, "fields": {"categoryId": 1, "stageId": "C1:EXECUTING"}}
    assert client("crm.item.add", sent).result["item"]["stageId"] == "C1:EXECUTING"


def test_into_another_pipeline(box, client, clock):
    box.add_pipeline("deal", "Projects")
    box.add_item("deal", {"STAGE_ID": "EXECUTING"}, item_id=10)
    client("crm.deal.update", {"id": 10, "fields": {"CATEGORY_ID": 1}})
    assert box.items("deal")[10]["CATEGORY_ID"] == "0", "not by the classic method"
    clock.now += 60
    item = _update(client, 2, 10, categoryId=1).result["item"]
    assert (item["categoryId"], item["stageId"]) == (1, "C1:NEW")
    assert item["movedTime"] == "2025-09-09T16:32:11+03:00"
    item = _update(client, 2, 10, categoryId=0, stageId="WON").result["item"]
    assert (item["stageId"], item["stageSemanticId"], item["closed"]) == ("WON", "S", "Y")


def test_stages_of_the_portals_own(box, client):
    box.add_pipeline("deal", "Projects")
    lost = box.add_stage("deal", "UC_7", "Went elsewhere", "F", category_id=1)
    kind = box.add_smart_process(128)
    (number,) = [row["id"] for row in client("crm.category.list", {"entityTypeId": 128}).result["categories"]]
    done = box.add_stage(kind, "DONE", "Delivered", "S", category_id=number)
    assert (lost, done) == ("C1:UC_7", f"DT128_{number}:DONE")
    deal = box.add_item("deal", {"CATEGORY_ID": 1, "STAGE_ID": lost})
    assert box.items("deal")[deal]["STAGE_SEMANTIC_ID"] == "F", "the code alone would not tell"
    (row,) = _statuses(client, STATUS_ID=lost)
    assert (row["SEMANTICS"], row["EXTRA"]["SEMANTICS"], row["NAME"]) == ("F", "apology", "Went elsewhere")
    for arguments in (("deal", "X", "x", "Q"), ("deal", "X", "x", "P", 77)):
        with pytest.raises(ValueError, match=r"semantic|pipeline"):
            box.add_stage(*arguments)
    for kind in ("lead", "order", "contact"):
        with pytest.raises(ValueError, match="no pipelines"):
            box.add_pipeline(kind, "x")


# ---------------------------------------------------------------- history


def _history(client, type_id=2, **params):
    return client("crm.stagehistory.list", {"entityTypeId": type_id, **params})


def test_history(box, clock, client):
    box.add_pipeline("deal", "Projects")
    client("crm.deal.add", {"fields": {"TITLE": "x"}})
    for fields in ({"stageId": "EXECUTING"}, {"title": "y"}, {"categoryId": 1}, {"stageId": "C1:WON"}):
        clock.now += 60
        _update(client, 2, 1, **fields)
    answer = _history(client, order={"ID": "ASC"})
    steps = [(row["TYPE_ID"], row["STAGE_ID"], row["CATEGORY_ID"]) for row in answer.result["items"]]
    assert steps == [(1, "NEW", 0), (2, "EXECUTING", 0), (5, "C1:NEW", 1), (3, "C1:WON", 1)]
    last = answer.result["items"][-1]
    assert last == {
        "ID": last["ID"],
        "TYPE_ID": 3,
        "OWNER_ID": 1,
        "CREATED_TIME": "2025-09-09T16:35:11+03:00",
        "CATEGORY_ID": 1,
        "STAGE_SEMANTIC_ID": "S",
        "STAGE_ID": "C1:WON",
    }
    assert answer.body["total"] == 4
    newer = _history(client, filter={">ID": last["ID"]})
    assert newer.result["items"] == []
    _update(client, 2, 1, stageId="C1:LOSE")
    assert len(_history(client, filter={">ID": last["ID"], "OWNER_ID": 1}).result["items"]) == 1


def test_history_of_leads(client):
    client("crm.lead.add", {"fields": {}})
    client("crm.lead.update", {"id": 1, "fields": {"STATUS_ID": "JUNK"}})
    rows = _history(client, 1, filter={"STATUS_SEMANTIC_ID": "F"}).result["items"]
    assert [(row["STATUS_ID"], row["TYPE_ID"]) for row in rows] == [("JUNK", 3)]


def test_history_pages_and_rights(box):
    box.add_items("deal", [{"TITLE": str(n)} for n in range(60)])
    client = Client(box)
    answer = _history(client)
    assert (len(answer.result["items"]), answer.body["next"]) == (50, 50)
    assert len(_history(client, start=50).result["items"]) == 10
    assert _history(client, start=100).result["items"] == []
    assert "total" not in _history(client, start=-1).body
    box.add_user(4, may_read=[("deal", 7)])
    assert [row["OWNER_ID"] for row in _history(Client(box, 4)).result["items"]] == [7]


def test_history_errors(box, client):
    assert client("crm.stagehistory.list").error[:2] == (400, "100")
    for type_id in (3, 7, 999):
        assert _history(client, type_id).error[1] == "ENTITY_TYPE_NOT_SUPPORTED"
    assert _history(client, filter={"STAGE": "x"}).error[1] == "INVALID_ARG_VALUE"
    box.add_item("deal")
    box.add_user(4, may_read=False)
    assert _history(Client(box, 4)).result["items"] == [], "for any user, as far as the items may be read"


def test_history_since_a_moment(box, client, clock):
    box.add_item("deal")
    clock.now += 60
    box.add_item("deal")
    since = {">=CREATED_TIME": "2025-09-09T13:32:00Z"}
    assert [row["OWNER_ID"] for row in _history(client, filter=since).result["items"]] == [2]
    for wrong in ({">CREATED_TIME": "soon"}, {"0": {"CREATED_TIME": ""}}):
        assert _history(client, filter=wrong).error[1] == "WRONG_DATETIME_FORMAT"


def test_history_of_leads_and_old_invoices_knows_no_pipelines(box, client):
    box.add_item("lead")
    (row,) = _history(client, 1).result["items"]
    assert row.keys() == {"ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME", "STATUS_SEMANTIC_ID", "STATUS_ID"}
    assert _history(client, 1, filter={"CATEGORY_ID": 0}).error[1] == "INVALID_ARG_VALUE"
    assert _history(client, 5).result["items"] == []


@pytest.mark.parametrize(("kind", "type_id"), [("deal", 2), ("smart_invoice", 31), ("dynamic_128", 128)])
def test_history_of_all_that_has_stages(box, client, kind, type_id):
    box.add_smart_process(128)
    item = box.add_item(kind)
    *_, won, _ = client(
        "crm.status.list", {"filter": {"ENTITY_ID": _stages_of(client, type_id)}, "order": {"SORT": "ASC"}}
    ).result
    box.set_stage(kind, item, won["STATUS_ID"])
    steps = _history(client, type_id, order={"ID": "asc", "NO_SUCH": "ASC"}).result["items"]
    assert [step["TYPE_ID"] for step in steps] == [1, 3]
    assert steps[1]["STAGE_ID"] == won["STATUS_ID"]
    assert steps[1]["CATEGORY_ID"] == steps[0]["CATEGORY_ID"]


def _stages_of(client, type_id):
    kinds = client("crm.status.entity.types").result
    return next(row["ID"] for row in kinds if row.get("ENTITY_TYPE_ID") == type_id)


def test_history_selection_always_has_the_id(box, client):
    box.add_item("deal")
    (row,) = _history(client, select=["STAGE_ID", "NO_SUCH"]).result["items"]
    assert row == {"ID": 1, "STAGE_ID": "NEW"}
    assert len(_history(client, select=["NO_SUCH"]).result["items"][0]) == 7


def test_history_goes_with_its_item(box, client):
    box.add_items("deal", [{}, {}, {}])
    assert _history(client).body["total"] == 3
    box.set_stage("deal", 2, "WON")
    client("crm.item.delete", {"entityTypeId": 2, "id": 2})
    client("crm.deal.delete", {"id": 3})
    assert [row["OWNER_ID"] for row in _history(client).result["items"]] == [1]
    box.add_item("deal", item_id=3)
    box.delete_item("deal", 1)
    rows = _history(client).result["items"]
    assert [(row["OWNER_ID"], row["ID"]) for row in rows] == [(3, 5)], "numbers are never given twice"


def test_history_of_many_items_added_at_once(box, client):
    box.add_many("deal", 3)
    box.delete_item("deal", 2)
    box.delete_item("deal", 3)
    box.add_many("deal", 2, ids=[4, 2])
    rows = _history(client, order={"ID": "ASC"}).result["items"]
    assert [(row["ID"], row["OWNER_ID"]) for row in rows] == [(1, 1), (4, 4), (5, 2)]
    box.hide_items("deal", [4])
    assert [row["OWNER_ID"] for row in _history(client).result["items"]] == [1, 2]
