"""``crm.item.import``, ``crm.item.batchImport``, and ``IMPORT`` of the classic methods."""

from __future__ import annotations

from portal_client import Client

_DEAL, _CONTACT = 2, 3
_INVALID = "CRM_FIELD_ERROR_VALUE_NOT_VALID"


def _import(client, type_id=_DEAL, **fields):
    return client("crm.item.import", {"entityTypeId": type_id, "fields": fields})


def test_an_imported_item_has_the_dates_and_authors_that_it_brings(box, client):
    sent = {
        "title": "Old",
        "createdTime": "2020-01-01T10:00:00+03:00",
        "updatedTime": "2020-03-01T10:00:00+03:00",
        "movedTime": "2020-02-01T10:00:00+03:00",
        "createdBy": 2,
        "updatedBy": 3,
        "movedBy": 2,
    }
    assert _import(client, **sent).result == {"item": {"id": 1}}
    assert box.item("deal", 1).items() >= sent.items()
    Client(box, 2)(
        "crm.item.import", {"entityTypeId": _DEAL, "fields": {**sent, "createdTime": "2001-01-01"}}
    )
    shown = box.item("deal", 2)
    assert (shown["createdTime"], shown["createdBy"]) == ("2025-09-09T16:31:11+03:00", 2), "no administrator"
    assert _import(Client(box, 3), title="x").error[1] == "ACCESS_DENIED"


def test_dates_of_imported_items_ascend_and_are_past(box, client):
    assert _import(client, createdTime="2020-01-01T00:00:00Z").status == 200
    for wrong, name in (
        ({"createdTime": "2019-12-31T00:00:00Z"}, "createdTime"),
        ({"createdTime": "2030-01-01T00:00:00Z"}, "createdTime"),
        ({"createdTime": "2021-01-01T00:00:00Z", "updatedTime": "2020-06-01T00:00:00Z"}, "updatedTime"),
        ({"createdTime": "2021-01-01T00:00:00Z", "movedTime": "2020-06-01T00:00:00Z"}, "movedTime"),
        ({"updatedTime": "2030-01-01T00:00:00Z"}, "updatedTime"),
    ):
        error = _import(client, **wrong).error
        assert error[:2] == (400, _INVALID)
        assert name in error[2]
    assert _import(client, createdTime="2020-01-01T00:00:00Z").status == 200, "the same moment"
    assert len(box.items("deal")) == 2


def test_imports_take_phones_the_classic_way_and_correct_values(box, client):
    box.require_field("contact", "NAME")
    phones = [{"VALUE": "+1", "VALUE_TYPE": "WORK"}]
    _import(client, _CONTACT, name="Ada", PHONE=phones, fm={"n0": {"typeId": "EMAIL", "value": "a@b"}})
    [entry] = box.item("contact", 1)["fm"]
    assert (entry["typeId"], entry["value"]) == ("PHONE", "+1")
    assert _import(client, _CONTACT, lastName="x").error[1] == "CRM_FIELD_ERROR_REQUIRED"
    number = _import(client, stageId="nonsense", companyId=7).result["item"]["id"]
    assert (box.item("deal", number)["stageId"], box.item("deal", number)["companyId"]) == ("NEW", 0)


def test_a_batch_of_imports_answers_for_each_item(box, client):
    data = {"a": {"title": "A"}, "b": {"categoryId": 9}, "c": {"title": "C"}}
    items = client("crm.item.batchImport", {"entityTypeId": _DEAL, "data": data}).result["items"]
    assert (items["a"], items["c"]) == ({"item": {"id": 1}}, {"item": {"id": 2}})
    assert items["b"].keys() == {"error", "error_description"}
    assert items["b"]["error"] == _INVALID
    answer = client("crm.item.batchImport", {"entityTypeId": _DEAL, "data": [{"title": "A"}] * 2})
    assert answer.result["items"] == [{"item": {"id": 3}}, {"item": {"id": 4}}]
    answer = client("crm.item.batchImport", {"entityTypeId": _DEAL, "data": [{"title": "A"}] * 21})
    assert answer.error[:2] == (400, "MAX_IMPORT_BATCH_SIZE_EXCEEDED")
    assert len(box.items("deal")) == 4


def test_classic_imports_bring_dates_too(box, client):
    fields = {"DATE_CREATE": "2020-01-01T10:00:00+03:00", "CREATED_BY_ID": 2, "COMMENTS": "x"}
    for kind in ("lead", "contact", "company", "deal"):
        number = client(f"crm.{kind}.add", {"fields": fields, "params": {"IMPORT": "N"}}).result
        imported = kind != "deal"
        assert (box.item(kind, number)["createdTime"][:4] == "2020") is imported, "any value sets it"
        assert box.item(kind, number)["createdBy"] == (2 if imported else 1)
    fields = {**fields, "DATE_CREATE": "2019-01-01"}
    assert client("crm.lead.add", {"fields": fields, "params": {"IMPORT": "Y"}}).error[:2] == (400, "")
