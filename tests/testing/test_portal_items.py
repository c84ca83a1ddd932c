"""``crm.item.*``."""

from __future__ import annotations

import base64
import http.client

import pytest
from portal_client import Client

_LEAD, _DEAL, _CONTACT, _COMPANY, _QUOTE, _INVOICE = 1, 2, 3, 4, 7, 31


def _call(client, method, type_id=_DEAL, **params):
    return client(f"crm.item.{method}", {"entityTypeId": type_id, **params})


def _item(client, number, type_id=_DEAL, **params):
    return _call(client, "get", type_id, id=number, **params).result["item"]


def _ids(answer):
    return [item["id"] for item in answer.result["items"]]


@pytest.mark.parametrize("type_id", [_LEAD, _DEAL, _CONTACT, _COMPANY, _QUOTE, _INVOICE, 1042])
def test_life_of_an_item(box, client, type_id):
    box.add_smart_process(1042)
    sent = {"comments": "a", "assignedById": "2", "nonsense": 1}
    made = _call(client, "add", type_id, fields=sent).result["item"]
    assert (made["id"], made["comments"], made["assignedById"], made["entityTypeId"]) == (1, "a", 2, type_id)
    assert "nonsense" not in made
    changed = _call(client, "update", type_id, id=1, fields={"comments": "b"}).result["item"]
    assert changed == _item(client, 1, type_id)
    assert (changed["comments"], changed["assignedById"]) == ("b", 2)
    assert _ids(_call(client, "list", type_id)) == [1]
    assert _call(client, "delete", type_id, id=1).result == []
    assert _call(client, "delete", type_id, id=1).error[:2] == (400, "NOT_FOUND")


@pytest.mark.parametrize("method", ["get", "update", "delete", "add", "list", "fields"])
def test_errors_of_types(client, method):
    params = {"id": 1, "fields": {}}
    assert _call(client, method, 999, **params).error[:2] == (400, "NOT_FOUND")
    for type_id in (5, 6, 8, 14):
        assert _call(client, method, type_id, **params).error[1] == "ENTITY_TYPE_NOT_SUPPORTED"
    assert client(f"crm.item.{method}").error[:2] == (400, "100")


def test_errors_of_items(box, client):
    box.add_item("deal", item_id=10)
    for method in ("get", "update", "delete"):
        assert _call(client, method, id=99, fields={}).error[:2] == (400, "NOT_FOUND")
        assert _call(client, method, fields={}).error[1] == "100"
    for method in ("add", "update"):
        assert _call(client, method, id=10).error[:2] == (400, "100")


def test_rights(box, client):
    for number in (10, 11):
        box.add_item("deal", item_id=number)
    guest = Client(box, 3)
    assert _item(guest, 10)["id"] == 10
    for method in ("add", "update", "delete"):
        assert _call(guest, method, id=10, fields={"title": "x"}).error[:2] == (400, "ACCESS_DENIED")
    box.add_user(4, may_read=[("deal", 11)], may_update=[("deal", 11)])
    clerk = Client(box, 4)
    assert _call(clerk, "get", id=10).error[1] == "ACCESS_DENIED"
    answer = _call(clerk, "list")
    assert (_ids(answer), answer.body["total"]) == ([11], 1)
    assert _call(clerk, "update", id=11, fields={"title": "x"}).result["item"]["updatedBy"] == 4


def test_values(client):
    client("crm.deal.add", {"fields": {"TITLE": "x", "OPPORTUNITY": "99.5", "CLOSEDATE": "2024-08-30"}})
    expected = {
        "id": 1,
        "title": "x",
        "opportunity": 99.5,
        "companyId": 0,
        "contactId": None,
        "contactIds": [],
        "closed": "N",
        "opened": "Y",
        "closedate": "2024-08-30T03:00:00+03:00",
        "createdTime": "2025-09-09T16:31:11+03:00",
        "updatedTime": "2025-09-09T16:31:11+03:00",
        "movedTime": "2025-09-09T16:31:11+03:00",
        "createdBy": 1,
        "updatedBy": 1,
        "assignedById": 1,
        "stageId": "NEW",
        "stageSemanticId": "P",
        "categoryId": 0,
        "entityTypeId": 2,
    }
    assert _item(client, 1).items() >= expected.items()
    _call(client, "update", id=1, fields={"closedate": "", "opportunity": 5})
    assert (_item(client, 1)["closedate"], _item(client, 1)["opportunity"]) == (None, 5)
    _call(client, "update", id=1, fields={"closedate": "some day", "createdBy": 3})
    assert (_item(client, 1)["closedate"], _item(client, 1)["createdBy"]) == (None, 1)


@pytest.mark.parametrize(
    ("sent", "read"),
    [(True, "Y"), ("Y", "Y"), ("y", "Y"), ("true", "Y"), (1, "N"), ("1", "N"), (False, "N"), ("N", "N")],
)
def test_booleans(box, client, sent, read):
    box.add_user_field("deal", "UF_CRM_URGENT", "boolean")
    _call(client, "add", fields={"opened": sent, "ufCrmUrgent": sent})
    item = _item(client, 1)
    assert (item["opened"], item["ufCrmUrgent"]) == (read, read)
    wanted = {"ufCrmUrgent": 1 if read == "Y" else 0}
    assert _ids(_call(client, "list", filter=wanted)) == [1]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("UF_CRM_3_1747309727", "ufCrm3_1747309727"),
        ("UF_CRM_1747309879", "ufCrm_1747309879"),
        ("UF_CRM_3_DIGIT", "ufCrm3Digit"),
        ("UF_CRM_3_DIGIT10", "ufCrm_3_DIGIT10"),
        ("UF_CRM_TAX_CODE", "ufCrmTaxCode"),
    ],
)
def test_names_of_user_fields(box, client, name, shown):
    box.add_user_field("deal", name)
    _call(client, "add", fields={shown: "a", name: "ignored"})
    assert _item(client, 1)[shown] == "a"
    assert name not in _item(client, 1)
    original = {"useOriginalUfNames": "Y"}
    assert _item(client, 1, **original)[name] == "a"
    _call(client, "update", id=1, fields={name: "b", shown: "ignored"}, **original)
    assert _item(client, 1)[shown] == "b"
    assert _ids(_call(client, "list", filter={f"={name}": "b"}, **original)) == [1]


def test_files(box, client):
    box.add_user_field("deal", "UF_CRM_FILES", "file", multiple=True)
    pair = ["a.txt", base64.b64encode(b"hi").decode()]
    _call(client, "add", fields={"ufCrmDocument": pair, "ufCrmFiles": [pair, pair]})
    item = _item(client, 1)
    assert item["ufCrmDocument"].keys() == {"id", "url", "urlMachine"}
    assert client.send("GET", item["ufCrmDocument"]["urlMachine"]).response.content == b"hi"
    assert "USER_LOGIN" in client.send("GET", box.url + item["ufCrmDocument"]["url"]).body
    assert [client.send("GET", file["urlMachine"]).body for file in item["ufCrmFiles"]] == ["hi", "hi"]
    _call(client, "update", id=1, fields={"ufCrmDocument": ""})
    assert _item(client, 1)["ufCrmDocument"] is None


@pytest.fixture
def document(box, client):
    """The link of a deal's file, as ``crm.item.get`` gives it to a user."""
    box.add_item("deal", {"UF_CRM_DOCUMENT": {"fileData": ["contract.pdf", "AGJpbmFyeQ=="]}}, item_id=1)

    def link(user_id=1):
        answer = Client(box, user_id)("crm.item.get", {"entityTypeId": 2, "id": 1})
        return answer.result["item"]["ufCrmDocument"]["urlMachine"]

    return link


def test_the_link_for_machines_carries_the_callers_credentials(box, client, document):
    assert f"/rest/1/{box.webhook_code()}/download/?token=" in document()
    assert box.webhook_code(2) in document(2)
    response = client.send("GET", document()).response
    assert (response.content, response.headers["Content-Type"]) == (b"\x00binary", "application/pdf")
    assert 'filename="contract.pdf"' in response.headers["Content-Disposition"]
    assert box.webhook_code() not in box.requests[-1].path
    wrong = document().replace(box.webhook_code(), "wrong")
    assert client.send("GET", wrong).error[1] == "INVALID_CREDENTIALS"


def test_a_signature_is_enough_for_a_download(box, client, document):
    signed = f"{box.url}/rest/download.json?{document().partition('?')[2]}"
    assert client.send("GET", signed).response.content == b"\x00binary"
    assert [entry.result for entry in box.calls("download")] == ["contract.pdf"]
    forged = client.send("GET", signed[:-6] + "AAAAAA")
    assert forged.error[:2] == (401, "INVALID_CREDENTIALS")


def test_download_without_a_user_agent(box, document):
    connection = http.client.HTTPConnection(box.host, box.port, timeout=5)
    connection.request("GET", document().removeprefix(box.url))
    answer = connection.getresponse()
    assert (answer.status, b"nginx" in answer.read()) == (404, True)
    connection.close()


def test_multi_fields(client):
    phone = {"typeId": "PHONE", "valueType": "WORK", "value": "+1"}
    mail = {"typeId": "EMAIL", "valueType": "HOME", "value": "a@example.com"}
    made = _call(client, "add", _CONTACT, fields={"name": "Ada", "fm": {"n0": phone, "n1": mail}})
    first, second = made.result["item"]["fm"]
    assert first == {"id": first["id"], **phone}
    assert second["value"] == "a@example.com"
    assert made.result["item"]["hasPhone"] == "Y"
    assert (made.result["item"]["phone"], made.result["item"]["emailWork"]) == ("+1", None)
    change = {str(first["id"]): {"value": "+2"}, str(second["id"]): {"value": ""}, "n0": phone}
    fm = _call(client, "update", _CONTACT, id=1, fields={"fm": change}).result["item"]["fm"]
    assert [(entry["typeId"], entry["value"]) for entry in fm] == [("PHONE", "+2"), ("PHONE", "+1")]
    assert "fm" in _call(client, "list", _CONTACT).result["items"][0]
    assert "fm" not in _call(client, "list", _CONTACT, select=["id", "fm"]).result["items"][0]


# ---------------------------------------------------------------- links


def test_contacts(box, client):
    for number in (5, 6, 9):
        box.add_item("contact", item_id=number)
    box.add_item("company", item_id=7)
    _call(client, "add", fields={"contactIds": [5, 6], "companyId": 7})
    item = _item(client, 1)
    assert (item["contactId"], item["contactIds"], item["companyId"]) == (5, [5, 6], 7)
    _call(client, "update", id=1, fields={"contactId": 9})
    assert _item(client, 1)["contactIds"] == [9], "one contact replaces all of them"
    assert _ids(_call(client, "list", filter={"contactId": 9})) == [1]
    contact = box.add_item("contact", {"NAME": "Ada", "COMPANY_IDS": [3, 4]})
    assert _item(client, contact, _CONTACT)["companyIds"] == [3, 4]


def test_contact_items_of_a_deal(box, client):
    deal = box.add_item("deal", {"CONTACT_IDS": [5, 6]})

    def contacts():
        rows = client("crm.deal.contact.items.get", {"id": deal}).result
        return [(row["CONTACT_ID"], row["IS_PRIMARY"]) for row in rows]

    assert client("crm.deal.contact.items.get", {"id": deal}).result[0] == {
        "CONTACT_ID": 5,
        "SORT": 10,
        "ROLE_ID": 0,
        "IS_PRIMARY": "Y",
    }
    assert contacts() == [(5, "Y"), (6, "N")]
    entries = [{"CONTACT_ID": 8, "SORT": 20}, {"CONTACT_ID": 7, "SORT": 30, "IS_PRIMARY": "Y"}]
    assert client("crm.deal.contact.items.set", {"id": deal, "items": entries}).result is True
    assert contacts() == [(7, "Y"), (8, "N")]
    assert client("crm.deal.contact.items.delete", {"id": deal}).result is True
    assert contacts() == []
    single = box.add_item("deal", {"CONTACT_ID": 5})
    assert len(client("crm.deal.contact.items.get", {"ID": single}).result) == 1


def test_contact_items_errors(box, client):
    deal = box.add_item("deal")
    method = "crm.deal.contact.items"
    assert "ownerEntityID" in client(f"{method}.get", {"id": 0}).error[2]
    assert client(f"{method}.get", {"id": 99}).error == (400, "", "Not found.")
    assert client(f"{method}.set", {"id": deal, "items": "x"}).error[1] == ""
    box.add_user(4, may_read=[("contact", 1)])
    assert Client(box, 4)(f"{method}.get", {"id": deal}).error[2] == "Access denied."
    assert Client(box, 3)(f"{method}.delete", {"id": deal}).error[2] == "Access denied."


def test_parents(box, client):
    deal = box.add_item("deal", {"TITLE": "x"})
    kind = box.add_smart_process(128)
    made = _call(client, "add", 128, fields={"title": "Delivery", "parentId2": deal}).result["item"]
    assert made["parentId2"] == deal
    assert made["parentId1"] is None
    assert _ids(_call(client, "list", 128, filter={"parentId2": deal})) == [made["id"]]
    assert _item(client, deal)["parentId128"] is None
    assert box.items(kind)[1]["PARENT_ID_2"] == "1"


def test_lead_of_a_deal(box, client):
    lead = box.add_item("lead", {"STATUS_ID": "CONVERTED"})
    deal = box.add_item("deal", {"LEAD_ID": lead})
    assert _item(client, deal)["leadId"] == lead
    item = _item(client, lead, _LEAD)
    assert (item["stageId"], item["stageSemanticId"]) == ("CONVERTED", "S")


# ---------------------------------------------------------------- lists


@pytest.fixture
def deals(box):
    rows = (("Alpha", 10, "NEW"), ("Beta", 20, "WON"), ("Gamma", 30, "NEW"), ("Delta", 30, "LOSE"))
    for title, amount, stage in rows:
        box.add_item("deal", {"TITLE": title, "OPPORTUNITY": amount, "STAGE_ID": stage})


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"title": "beta"}, [2]),
        ({"=title": "Beta"}, [2]),
        ({"!title": "Beta"}, [1, 3, 4]),
        ({"%title": "a", ">opportunity": 10}, [2, 3, 4]),
        ({"@stageId": ["WON", "LOSE"]}, [2, 4]),
        ({"stageId": ["WON", "NEW"], "<=id": 2}, [1, 2]),
        ({"stageSemanticId": "P"}, [1, 3]),
        ({">id": "2"}, [3, 4]),
        ({"0": {"logic": "OR", "0": {"title": "Alpha"}, "1": {"opportunity": 20}}}, [1, 2]),
        ({"0": {"logic": "OR", "0": {"title": "Alpha"}, "1": {"opportunity": 30}}, ">id": 1}, [3, 4]),
        ({"0": {"0": {"opportunity": 30}, "1": {"stageId": "NEW"}}}, [3]),
        ({">=createdTime": "2025-09-09T13:31:11Z"}, [1, 2, 3, 4]),
        ({">createdTime": "2025-09-09T13:31:11Z"}, []),
    ],
)
def test_filters(client, deals, filters, found):
    assert _ids(_call(client, "list", filter=filters, order={"id": "ASC"})) == found


@pytest.mark.parametrize(
    "filters",
    [
        {"DATE_CREATE": "2025-09-09T13:31:11Z"},
        {"titel": "x"},
        {"><opportunity": [1, 2]},
        {">opportunity": [1]},
        {"fm": "x"},
        {"LINK": "x"},
        {"0": {"logic": "OR", "0": {"titel": "x"}}},
        {"0": "x"},
    ],
)
def test_unknown_names_in_a_filter_are_an_error(client, deals, filters):
    assert _call(client, "list", filter=filters).error[:2] == (400, "INVALID_ARG_VALUE")


def test_order_and_select(client, deals):
    answer = _call(client, "list", order={"opportunity": "DESC", "title": "ASC"}, select=["id", "title", "x"])
    assert [item["title"] for item in answer.result["items"]] == ["Delta", "Gamma", "Beta", "Alpha"]
    assert answer.result["items"][0].keys() == {"id", "title"}
    assert _call(client, "list", order={"DATE_CREATE": "ASC"}).error[:2] == (400, "INVALID_ARG_VALUE")
    assert "stageId" in _call(client, "list", select=["x"]).result["items"][0]
    assert "ufCrmDocument" in _call(client, "list", select=["id", "UF_*"]).result["items"][0]


def test_names_may_be_written_in_upper_case(client, deals):
    """As the documentation of the methods says; answers have camelCase all the same."""
    client("crm.item.update", {"entityTypeId": _DEAL, "id": 4, "fields": {"TITLE": "Omega"}})
    filters = {">ID": 1, "0": {"logic": "OR", "0": {"TITLE": "Beta"}, "1": {"=TITLE": "Omega"}}}
    answer = _call(
        client, "list", filter=filters, order={"ID": "DESC"}, select=["ID", "TITLE", "CREATED_TIME"]
    )
    assert [(item["id"], item["title"]) for item in answer.result["items"]] == [(4, "Omega"), (2, "Beta")]
    assert answer.result["items"][0].keys() == {"id", "title", "createdTime"}
    assert _ids(_call(client, "list", filter={">CREATED_TIME": "2025-09-09T13:31:11Z"})) == []


def test_pages(box, client):
    box.add_items("deal", [{"TITLE": str(n)} for n in range(120)])
    answer = _call(client, "list", order={"id": "ASC"})
    assert (_ids(answer), answer.body["total"], answer.body["next"]) == ([*range(1, 51)], 120, 50)
    assert _ids(_call(client, "list", order={"id": "ASC"}, start=110)) == [*range(101, 121)]
    beyond = _call(client, "list", start=150)
    assert (_ids(beyond), beyond.body["total"]) == ([], 120), "here the page beyond the end is empty"
    window = _call(client, "list", order={"id": "ASC"}, filter={">id": 50}, start=-1)
    assert _ids(window) == [*range(51, 101)]
    assert window.body.keys().isdisjoint({"total", "next"})


# ---------------------------------------------------------------- fields, doors


def test_fields(box, client):
    box.add_user_field("deal", "UF_CRM_3_DIGIT")
    fields = _call(client, "fields").result["fields"]
    assert fields["id"].items() >= {"isReadOnly": True, "type": "integer", "upperName": "ID"}.items()
    assert fields["ufCrm3Digit"].items() >= {"isDynamic": True, "upperName": "UF_CRM_3_DIGIT"}.items()
    assert fields["contactIds"]["isMultiple"] is True


def test_items_for_tests_take_either_name(box):
    kind = box.add_smart_process(128)
    assert box.add_item(kind, {"title": "a", "parentId2": 5}) == 1
    assert box.add_item("deal", {"stageId": "WON", "TITLE": "b"}) == 1
    assert box.items("deal")[1].items() >= {"STAGE_ID": "WON", "TITLE": "b"}.items()
    with pytest.raises(ValueError, match="titel"):
        box.add_item(kind, {"titel": "a"})


def test_by_batch(box, client):
    answer = client.batch(
        {
            "add": "crm.item.add?entityTypeId=2&fields[title]=x",
            "get": "crm.item.get?entityTypeId=2&id=$result[add][item][id]",
        }
    )
    assert answer["result"]["get"]["item"]["title"] == "x"
