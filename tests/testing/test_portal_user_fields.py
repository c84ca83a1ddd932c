"""User fields of every type: how each family of methods shows them, and ``crm.*.userfield.list``."""

from __future__ import annotations

import base64

import pytest


def _define(box, kind, **more):
    return box.add_user_field("deal", "UF_CRM_X", kind, **more)


def _both(client, value):
    """Write a value through ``crm.item.add`` and return what both families show."""
    added = client("crm.item.add", {"entityTypeId": 2, "fields": {} if value is None else {"ufCrmX": value}})
    item = added.result["item"]
    row = client("crm.deal.get", {"id": item["id"]}).result
    [listed] = client("crm.deal.list", {"filter": {"ID": item["id"]}}).result
    assert listed["UF_CRM_X"] == row["UF_CRM_X"]
    return item["ufCrmX"], row["UF_CRM_X"]


@pytest.mark.parametrize(
    ("kind", "sent", "item", "classic"),
    [
        ("string", "a", "a", "a"),
        ("url", "https://example.com/", "https://example.com/", "https://example.com/"),
        ("integer", "7", 7, "7"),
        ("double", 99.505, 99.5, "99.5"),
        ("double", 3, 3, "3"),
        ("boolean", "Y", "Y", "1"),
        ("boolean", "N", "N", "0"),
        ("date", "2024-08-30", "2024-08-30T03:00:00+03:00", "2024-08-30T03:00:00+03:00"),
        ("datetime", "2024-08-30T10:00:00Z", "2024-08-30T13:00:00+03:00", "2024-08-30T13:00:00+03:00"),
        ("money", "100|USD", "100|USD", "100|USD"),
        ("crm_status", "CALL", "CALL", "CALL"),
        ("employee", 2, 2, "2"),
        ("crm", "D_1", "D_1", "D_1"),
        ("iblock_element", 12, 12, "12"),
        ("address", "Main Street 1|50.1;8.2", "Main Street 1|50.1;8.2", "Main Street 1|50.1;8.2"),
        ("rest_app_colour", "red", "red", "red"),
    ],
)
def test_values_are_typed_in_items_and_text_in_classic_methods(box, client, kind, sent, item, classic):
    _define(box, kind)
    assert _both(client, sent) == (item, classic)
    assert _both(client, None) == (None, None)


@pytest.mark.parametrize(
    ("kind", "sent", "item", "classic"),
    [
        ("string", ["a", "b"], ["a", "b"], ["a", "b"]),
        ("integer", [1, "2"], [1, 2], ["1", "2"]),
        ("double", [1.25], [1.25], ["1.25"]),
        ("date", ["2024-08-30"], ["2024-08-30T03:00:00+03:00"], ["2024-08-30T03:00:00+03:00"]),
        ("money", ["1|USD", "2|EUR"], ["1|USD", "2|EUR"], ["1|USD", "2|EUR"]),
        ("crm", ["D_1", "C_2"], ["D_1", "C_2"], ["D_1", "C_2"]),
        ("employee", [1, 2], [1, 2], ["1", "2"]),
        ("resourcebooking", [3], [3], ["3"]),
    ],
)
def test_several_values_are_a_list_and_none_is_empty_or_false(box, client, kind, sent, item, classic):
    _define(box, kind, multiple=True)
    assert _both(client, sent) == (item, classic)
    assert _both(client, None) == ([], False)


def test_a_number_has_as_many_digits_as_its_field(box, client):
    _define(box, "double", settings={"PRECISION": 4})
    assert _both(client, "0.123456") == (0.1235, "0.1235")


def test_a_list_holds_ids_of_options(box, client):
    _, big = _define(box, "enumeration", options=["Small", "Big"])
    assert _both(client, big) == (big, str(big))
    assert _both(client, "Small") == (None, None), "a label is no value"
    assert _both(client, 99999) == (None, None)
    found = client("crm.item.list", {"entityTypeId": 2, "filter": {"ufCrmX": big}}).result["items"]
    assert [item["id"] for item in found] == [1]
    _define(box, "enumeration", options=[{"VALUE": "A", "ID": 7}, {"VALUE": "B", "ID": 8}], multiple=True)
    assert _both(client, [8, 7]) == ([8, 7], ["8", "7"])


def test_filters_find_one_of_several_values(box, client):
    _define(box, "string", multiple=True)
    box.add_items("deal", [{"UF_CRM_X": ["a", "b"]}, {"UF_CRM_X": ["b"]}, {}])

    def found(filters):
        rows = client("crm.deal.list", {"filter": filters, "order": {"ID": "ASC"}}).result
        return [int(row["ID"]) for row in rows]

    assert found({"UF_CRM_X": "a"}) == [1]
    assert found({"@UF_CRM_X": ["a", "b"]}) == [1, 2]
    assert found({"!UF_CRM_X": "a"}) == [2, 3]
    assert found({"%UF_CRM_X": "B"}) == [1, 2]
    assert found({"=UF_CRM_X": ""}) == [3]


def test_links_of_files_carry_what_leads_to_them(box, client, application):
    _define(box, "file")
    item, classic = _both(client, ["a.txt", base64.b64encode(b"hi").decode()])
    assert item.keys() == {"id", "url", "urlMachine"}
    assert classic.keys() == {"id", "showUrl", "downloadUrl"}
    assert item["id"] == classic["id"] == 1
    assert "token=" in item["urlMachine"]
    assert "?auth=&" in classic["downloadUrl"]
    row = application("crm.deal.get", {"id": 1}).result
    assert "?auth=&" not in row["UF_CRM_X"]["downloadUrl"], "an application's links carry its token"
    box.add_item("contact", {"PHOTO": {"fileData": ["a.png", "aGk="]}})
    contact = client("crm.item.get", {"entityTypeId": 3, "id": 1}).result["item"]
    assert contact["photo"] == 2, "of a standard field the number alone"
    assert client("crm.contact.get", {"id": 1}).result["PHOTO"].keys() == classic.keys()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("UF_CRM_1747309879", "ufCrm_1747309879"), ("UF_CRM_3_1747309727", "ufCrm3_1747309727")],
)
def test_a_user_field_has_a_name_of_its_own_in_items(box, client, name, shown):
    box.add_user_field("deal", name, "integer")
    box.add_item("deal", {name: 5})
    listed = client("crm.item.list", {"entityTypeId": 2, "select": ["id", shown]}).result["items"]
    assert listed == [{"id": 1, shown: 5}]
    fields = client("crm.item.fields", {"entityTypeId": 2}).result["fields"]
    assert fields[shown]["upperName"] == name


# ---------------------------------------------------------------- definitions


def _definitions(client, kind="deal", **params):
    return client(f"crm.{kind}.userfield.list", params)


def test_definitions_have_options_with_their_codes(box, client):
    options = ["Small", {"VALUE": "Big", "XML_ID": "BIG", "SORT": 5, "DEF": "Y"}]
    small, big = _define(box, "enumeration", options=options, multiple=True, xml_id="code", mandatory=True)
    box.add_user_field("deal", "UF_CRM_RATE", "double", settings={"PRECISION": 4})
    answer = _definitions(client, filter={"FIELD_NAME": "UF_CRM_X"})
    [entry] = answer.result
    assert answer.body["total"] == 1
    assert entry["LIST"] == [
        {"ID": str(big), "SORT": "5", "VALUE": "Big", "DEF": "Y", "XML_ID": "BIG"},
        {"ID": str(small), "SORT": "10", "VALUE": "Small", "DEF": "N", "XML_ID": f"option_{small}"},
    ]
    assert (
        entry.items()
        >= {
            "ENTITY_ID": "CRM_DEAL",
            "FIELD_NAME": "UF_CRM_X",
            "USER_TYPE_ID": "enumeration",
            "XML_ID": "code",
            "SORT": "100",
            "MULTIPLE": "Y",
            "MANDATORY": "Y",
        }.items()
    )
    names = [row["FIELD_NAME"] for row in _definitions(client, order={"ID": "ASC"}).result]
    assert names == ["UF_CRM_DOCUMENT", "UF_CRM_X", "UF_CRM_RATE"]
    [rate] = _definitions(client, filter={"USER_TYPE_ID": "double"}).result
    assert (rate["SETTINGS"]["PRECISION"], "LIST" in rate) == (4, False)
    assert client("crm.deal.userfield.get", {"id": rate["ID"]}).result["FIELD_NAME"] == "UF_CRM_RATE"
    assert client("crm.deal.userfield.get", {"id": 99999}).error[0] == 400
    for kind in ("lead", "contact", "company", "quote"):
        assert _definitions(client, kind).result == []


def test_labels_come_only_with_a_language(box, client):
    _define(box, "string", title="Colour")
    wanted = {"FIELD_NAME": "UF_CRM_X"}
    [entry] = _definitions(client, filter=wanted).result
    assert not [name for name in entry if name.endswith("LABEL")]
    [entry] = _definitions(client, filter={**wanted, "LANG": "en"}).result
    labels = ("EDIT_FORM_LABEL", "LIST_COLUMN_LABEL", "LIST_FILTER_LABEL")
    assert [entry[name] for name in labels] == ["Colour"] * 3
    got = client("crm.deal.userfield.get", {"id": entry["ID"]}).result
    assert got["EDIT_FORM_LABEL"] == {"en": "Colour"}


def test_types_of_an_application_have_an_owner(box, client):
    _define(box, "rest_7_colour")
    [entry] = _definitions(client, filter={"FIELD_NAME": "UF_CRM_X"}).result
    assert (entry["USER_TYPE_ID"], entry["USER_TYPE_OWNER"]) == ("colour", "rest_7")


def test_another_process_defines_fields_through_the_control_address(box, client):
    sent = {"name": "add_user_field", "args": ["deal", "UF_CRM_X", "enumeration"]}
    answer = client.send("POST", f"{box.url}/_portal/do", json={**sent, "kwargs": {"options": ["A", "B"]}})
    assert len(answer.result) == 2
    assert _definitions(client, filter={"FIELD_NAME": "UF_CRM_X"}).result[0]["LIST"][1]["VALUE"] == "B"


def test_a_field_is_removed_with_its_values(box, client):
    _define(box, "string")
    number = box.add_item("deal", {"UF_CRM_X": "a"})
    box.remove_user_field("deal", "UF_CRM_X")
    assert "ufCrmX" not in client("crm.item.fields", {"entityTypeId": 2}).result["fields"]
    _define(box, "string")
    assert client("crm.deal.get", {"id": number}).result["UF_CRM_X"] in ("", None)
