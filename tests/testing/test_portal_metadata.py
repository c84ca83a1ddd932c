"""What the fields methods tell of a type's fields, and that both families of methods agree."""

from __future__ import annotations

import pytest

_TYPES = {"lead": 1, "deal": 2, "contact": 3, "company": 4, "quote": 7}
_INVOICE = 31
_FLAGS = {"type", "isRequired", "isReadOnly", "isImmutable", "isMultiple", "isDynamic", "title"}
_UTM = ["SOURCE", "MEDIUM", "CAMPAIGN", "CONTENT", "TERM"]


def _fields(client, type_id, **params):
    return client("crm.item.fields", {"entityTypeId": type_id, **params}).result["fields"]


def _found(client, type_id, **params):
    answer = client("crm.item.list", {"entityTypeId": type_id, "order": {"id": "ASC"}, **params})
    return [item["id"] for item in answer.result["items"]]


@pytest.mark.parametrize("kind", _TYPES)
def test_both_families_describe_the_standard_fields(client, kind):
    classic = client(f"crm.{kind}.fields").result
    items = _fields(client, _TYPES[kind])
    assert all(entry.keys() >= _FLAGS for entry in classic.values())
    assert all(entry.keys() >= _FLAGS | {"upperName"} for entry in items.values())
    assert {f"UTM_{name}" for name in _UTM} | {"COMMENTS", "LAST_ACTIVITY_TIME"} <= classic.keys()
    assert {f"utm{name.capitalize()}" for name in _UTM} | {"webformId", "lastActivityBy"} <= items.keys()
    assert (classic["OPENED"]["type"], items["opened"]["type"]) == ("char", "boolean")
    assert (classic["COMMENTS"]["type"], items["comments"]["type"]) == ("string", "text")
    assert ("fm" in items) is ("PHONE" in classic) is (kind not in ("deal", "quote"))
    assert {"OBSERVER_IDS", "upperName"}.isdisjoint(classic)
    assert {"phone", "email", "addressCity"}.isdisjoint(items)


def test_fields_that_the_families_call_otherwise(client):
    """``upperName`` is the name that all types share."""
    renamed = {
        "lead": {"createdTime": "DATE_CREATE", "stageId": "STATUS_ID", "movedBy": "MOVED_BY_ID"},
        "deal": {"updatedTime": "DATE_MODIFY", "createdBy": "CREATED_BY_ID", "updatedBy": "MODIFY_BY_ID"},
        "company": {"typeId": "COMPANY_TYPE"},
        "quote": {"stageId": "STATUS_ID"},
    }
    common = {
        "createdTime": "CREATED_TIME",
        "updatedTime": "UPDATED_TIME",
        "createdBy": "CREATED_BY",
        "updatedBy": "UPDATED_BY",
        "movedBy": "MOVED_BY",
        "stageId": "STAGE_ID",
        "typeId": "TYPE_ID",
        "observers": "OBSERVERS",
        "assignedById": "ASSIGNED_BY_ID",
        "begindate": "BEGINDATE",
    }
    for kind, names in renamed.items():
        classic, items = client(f"crm.{kind}.fields").result, _fields(client, _TYPES[kind])
        for name, upper in names.items():
            assert (name in items, upper in classic) == (True, True)
        assert {name: items[name]["upperName"] for name in common if name in items} == {
            name: upper for name, upper in common.items() if name in items
        }


def test_fields_of_invoices_and_smart_processes(box, client):
    box.add_smart_process(1042)
    described = [_fields(client, type_id) for type_id in (_INVOICE, 1042)]
    common = {"xmlId", "contactIds", "observers", "sourceId", "sourceDescription", "movedTime", "movedBy"}
    for fields in described:
        assert common | {"lastActivityTime", "lastActivityBy", "parentId2"} <= fields.keys()
        assert "utmSource" not in fields, "answered, but not described"
        assert fields["parentId2"]["settings"] == {"parentEntityTypeId": 2}
    assert ["accountNumber" in fields for fields in described] == [True, False]
    box.add_item("dynamic_1042", {"title": "x"})
    assert "utmSource" in client("crm.item.get", {"entityTypeId": 1042, "id": 1}).result["item"]


def test_directories_of_fields(box, client):
    deal = _fields(client, 2)
    names = ("stageId", "typeId", "sourceId")
    assert [deal[name]["statusType"] for name in names] == ["DEAL_STAGE", "DEAL_TYPE", "SOURCE"]
    assert "statusType" not in deal["title"]
    assert _fields(client, 1)["stageId"]["statusType"] == "STATUS"
    assert _fields(client, _INVOICE)["stageId"]["statusType"].startswith("SMART_INVOICE_STAGE_")
    assert client("crm.company.fields").result["COMPANY_TYPE"]["statusType"] == "COMPANY_TYPE"


def test_links_can_be_filtered_by_in_universal_lists_only(box, client):
    box.add_item("deal", {"CONTACT_IDS": [5, 6], "OBSERVER_IDS": [2, 3]})
    box.add_item("deal", {"CONTACT_IDS": [6], "observers": [3]})
    box.add_item("deal", {"TITLE": "x"})
    assert _found(client, 2, filter={"contactIds": 6}) == [1, 2]
    assert _found(client, 2, filter={"@contactIds": [5, 7]}) == [1]
    assert _found(client, 2, filter={"=observers": 3, "!contactIds": 5}) == [2]
    item = client("crm.item.list", {"entityTypeId": 2, "select": ["id", "observers", "contactIds"]}).result
    assert item["items"][0] == {"id": 1, "observers": [2, 3], "contactIds": [5, 6]}
    box.add_item("contact", {"COMPANY_IDS": [8, 9]})
    assert _found(client, 3, filter={"companyIds": 9}) == [1]
    order = {"entityTypeId": 2, "order": {"contactIds": "ASC"}}
    assert client("crm.item.list", order).error[1] == "INVALID_ARG_VALUE"
    primary = client("crm.deal.list", {"filter": {"CONTACT_ID": 6}, "select": ["ID"]})
    assert [row["ID"] for row in primary.result] == ["2"], "only the first contact"
    for filters in ({"CONTACT_IDS": 5}, {"OBSERVER_IDS": 2}):
        assert client("crm.deal.list", {"filter": filters}).body["total"] == 3
    assert "OBSERVER_IDS" not in client("crm.deal.get", {"id": 1}).result


def test_first_phone_and_address_may_be_selected_and_filtered_by(box, client):
    mobile = {"VALUE": "+1", "VALUE_TYPE": "MOBILE"}
    mail = {"VALUE": "ada@example.com", "VALUE_TYPE": "WORK"}
    box.add_item("lead", {"PHONE": [mobile, {"VALUE": "+2", "VALUE_TYPE": "WORK"}], "EMAIL": [mail]})
    box.add_item("lead", {"TITLE": "x"})
    select = ["id", "phone", "phoneWork", "emailHome"]
    rows = client("crm.item.list", {"entityTypeId": 1, "select": select}).result["items"]
    assert rows[0] == {"id": 1, "phone": "+1", "phoneWork": "+2", "emailHome": None}
    assert _found(client, 1, filter={"phone": "+1", "email": "ADA@example.com"}) == [1]
    assert _found(client, 1, filter={"phone": "+2"}) == []
    changed = {"entityTypeId": 1, "id": 1, "fields": {"phone": "+9"}}
    assert client("crm.item.update", changed).result["item"]["phone"] == "+1", "only answered"


def test_leads_may_be_filtered_by_the_name_of_the_column(box, client):
    box.add_items("lead", [{"STATUS_ID": "NEW"}, {"STATUS_ID": "JUNK"}])
    assert _found(client, 1, filter={"statusId": "JUNK"}) == [2]
    assert _found(client, 1, filter={"stageId": "JUNK"}) == [2]


def test_user_fields_are_described(box, client):
    small, big = box.add_user_field(
        "deal", "UF_CRM_SIZE", "enumeration", options=["Small", {"VALUE": "Big", "XML_ID": "b"}], title="Size"
    )
    box.add_user_field("deal", "UF_CRM_RATE", "double", settings={"PRECISION": 4}, mandatory=True)
    box.add_user_field(
        "deal", "UF_CRM_TRADE", "crm_status", multiple=True, settings={"ENTITY_TYPE": "INDUSTRY"}
    )
    items, classic = _fields(client, 2), client("crm.deal.fields").result
    options = [{"ID": str(small), "VALUE": "Small"}, {"ID": str(big), "VALUE": "Big"}]
    assert items["ufCrmSize"].items() >= {"title": "Size", "items": options, "isDynamic": True}.items()
    labels = {"title": "UF_CRM_SIZE", "listLabel": "Size", "formLabel": "Size", "filterLabel": "Size"}
    assert classic["UF_CRM_SIZE"].items() >= {**labels, "items": options}.items()
    for field in (items["ufCrmRate"], classic["UF_CRM_RATE"]):
        assert (field["settings"]["PRECISION"], field["isRequired"], field["type"]) == (4, True, "double")
    assert (items["ufCrmTrade"]["statusType"], items["ufCrmTrade"]["isMultiple"]) == ("INDUSTRY", True)
    assert "ufCrmSize" not in _fields(client, 2, useOriginalUfNames="Y")
    assert "UF_CRM_SIZE" in _fields(client, 2, useOriginalUfNames="Y")


def test_of_two_user_fields_with_one_name_the_second_keeps_its_own(box, client):
    for name in ("UF_CRM_TAX_CODE", "UF_CRM_TAX__CODE"):
        box.add_user_field("deal", name)
    fields = _fields(client, 2)
    assert fields["ufCrmTaxCode"]["upperName"] == "UF_CRM_TAX_CODE"
    assert fields["UF_CRM_TAX__CODE"]["upperName"] == "UF_CRM_TAX__CODE"


def test_an_unknown_type_of_user_field_is_refused(box):
    with pytest.raises(ValueError, match="'text' is no type of user field"):
        box.add_user_field("deal", "UF_CRM_X", "text")
    box.add_user_field("deal", "UF_CRM_X", "rest_app_colour")


@pytest.mark.parametrize(("kind", "name"), [("deal", "contacts"), ("contact", "companies")])
def test_fields_that_are_described_and_can_not_be_used(box, client, kind, name):
    type_id = _TYPES[kind]
    assert _fields(client, type_id)[name].items() >= {"isMultiple": True, "upperName": name.upper()}.items()
    box.add_item(kind, {"COMMENTS": "x"})
    item = {"entityTypeId": type_id, "id": 1}
    assert name not in client("crm.item.get", item).result["item"]
    listed = client("crm.item.list", {"entityTypeId": type_id, "select": ["id", name]}).result["items"]
    assert listed == [{"id": 1}]
    refused = client("crm.item.list", {"entityTypeId": type_id, "filter": {name: 1}})
    assert refused.error[1] == "INVALID_ARG_VALUE"
    assert client("crm.item.update", {**item, "fields": {name: [1]}}).error[:2] == (400, "100")


def test_single_links_are_marked_where_a_list_replaces_them(client):
    marked = {
        kind: [name for name, entry in _fields(client, type_id).items() if entry.get("isDeprecated")]
        for kind, type_id in _TYPES.items()
    }
    links = {"lead": ["contactId"], "deal": ["contactId"], "contact": ["companyId"], "company": []}
    assert marked == {**links, "quote": ["contactId"]}
