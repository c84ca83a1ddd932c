"""Fields of every type: added, changed and read by both families of methods, with plain requests."""

from __future__ import annotations

import pytest

_FILE = ["a.txt", "aGk="]
_FIRST_DAY, _LAST_DAY = "2024-08-30T03:00:00+03:00", "2024-12-31T03:00:00+03:00"
#: Type of a user field: two values as they are written, as items show them, as classic methods show them.
_USER_FIELDS = {
    "string": (("a", "b "), ("a", "b "), ("a", "b ")),
    "url": (("https://a.example", "b"), ("https://a.example", "b"), ("https://a.example", "b")),
    "integer": ((5, "-7"), (5, -7), ("5", "-7")),
    "double": ((5.25, "1000000"), (5.25, 1_000_000), ("5.25", "1000000")),
    "boolean": (("Y", "N"), ("Y", "N"), ("1", "0")),
    "date": (("2024-08-30", "2024-12-31"), (_FIRST_DAY, _LAST_DAY), (_FIRST_DAY, _LAST_DAY)),
    "datetime": (
        ("2024-08-30T10:00:00Z", "2024-08-30T10:00:00+05:00"),
        ("2024-08-30T13:00:00+03:00", "2024-08-30T08:00:00+03:00"),
        ("2024-08-30T13:00:00+03:00", "2024-08-30T08:00:00+03:00"),
    ),
    "money": (("100.50|USD", "7|EUR"), ("100.50|USD", "7|EUR"), ("100.50|USD", "7|EUR")),
    "enumeration": ((71, "72"), (71, 72), ("71", "72")),
    "crm_status": (("CALL", "WEB"), ("CALL", "WEB"), ("CALL", "WEB")),
    "employee": ((1, "2"), (1, 2), ("1", "2")),
    "crm": (("D_1", "CO_2"), ("D_1", "CO_2"), ("D_1", "CO_2")),
    "iblock_element": ((5, "6"), (5, 6), ("5", "6")),
    "iblock_section": ((5, "6"), (5, 6), ("5", "6")),
    "address": (("Main St 1", "Side St 2"), ("Main St 1", "Side St 2"), ("Main St 1", "Side St 2")),
    "resourcebooking": ((5, "6"), (5, 6), ("5", "6")),
    "rest_7_rating": (("five", "six"), ("five", "six"), ("five", "six")),
}
#: What may be written into a standard field, by its type.
_STANDARD = {
    "string": "x",
    "text": "x",
    "integer": 5,
    "double": 5.5,
    "boolean": "Y",
    "user": 2,
    "date": "2024-08-30",
    "crm_currency": "EUR",
    "location": "7",
    "crm_company": 1,
    "crm_contact": 1,
    "crm_deal": 1,
    "crm_lead": 1,
    "crm_quote": 1,
    "crm_entity": 1,
    "crm_webform": 9,
}


@pytest.mark.parametrize("multiple", [False, True])
def test_user_fields_of_every_type(box, client, multiple):
    options = [{"VALUE": "Gold", "ID": 71}, {"VALUE": "Silver", "ID": 72}]
    for kind in _USER_FIELDS:
        choices = options if kind == "enumeration" else ()
        box.add_user_field("deal", f"UF_CRM_{kind.upper()}", kind, multiple=multiple, options=choices)
    fields = client("crm.item.fields", {"entityTypeId": 2}).result["fields"]
    names = {field["upperName"]: name for name, field in fields.items() if field["isDynamic"]}
    names = {kind: names[f"UF_CRM_{kind.upper()}"] for kind in _USER_FIELDS}

    def expected(column, place):
        pairs = {kind: values[column] for kind, values in _USER_FIELDS.items()}
        return {kind: [pair[place], pair[0]] if multiple else pair[place] for kind, pair in pairs.items()}

    def sent(place):
        return {names[kind]: value for kind, value in expected(0, place).items()}

    def classic(place):
        return {f"UF_CRM_{kind.upper()}": value for kind, value in expected(0, place).items()}

    def check_item(item, place):
        assert {kind: item[name] for kind, name in names.items()} == expected(1, place)

    def check(number, place):
        by_id = {"entityTypeId": 2, "filter": {"=id": number}, "select": ["id", "UF_*"]}
        check_item(client("crm.item.get", {"entityTypeId": 2, "id": number}).result["item"], place)
        check_item(client("crm.item.list", by_id).result["items"][0], place)
        by_id = {"filter": {"ID": number}, "select": ["UF_*"]}
        for row in (client("crm.deal.get", {"id": number}).result, client("crm.deal.list", by_id).result[0]):
            assert {kind: row[f"UF_CRM_{kind.upper()}"] for kind in names} == expected(2, place)

    item = client("crm.item.add", {"entityTypeId": 2, "fields": sent(0)}).result["item"]
    check_item(item, 0)
    number = item["id"]
    check(number, 0)
    check_item(
        client("crm.item.update", {"entityTypeId": 2, "id": number, "fields": sent(1)}).result["item"], 1
    )
    check(number, 1)
    assert client("crm.deal.update", {"id": number, "fields": classic(0)}).result is True
    check(number, 0)
    check(client("crm.deal.add", {"fields": classic(1)}).result, 1)


def test_standard_fields_of_every_type(box, client):
    kind = box.add_smart_process(128)
    for owner in ("lead", "deal", "contact", "company", "quote", kind):
        box.add_item(owner)
    owners = {1: "lead", 2: "deal", 3: "contact", 4: "company", 7: "quote", 31: "smart_invoice", 128: kind}
    for type_id, owner in owners.items():
        fields = client("crm.item.fields", {"entityTypeId": type_id}).result["fields"]
        sent = {}
        for name, field in fields.items():
            if (
                field["type"] in _STANDARD
                and not field["isReadOnly"]
                and name not in ("contacts", "companies")
            ):
                value = _STANDARD[field["type"]]
                sent[name] = [value] if field["isMultiple"] else value
        item = client("crm.item.add", {"entityTypeId": type_id, "fields": sent}).result["item"]
        read = client("crm.item.get", {"entityTypeId": type_id, "id": item["id"]}).result["item"]
        assert item == read == box.item(owner, item["id"])
        assert len(sent) > 15
        for name, value in sent.items():
            shown = read[name][:10] if fields[name]["type"] == "date" else read[name]
            assert shown == value, (type_id, name)
        again = client("crm.item.update", {"entityTypeId": type_id, "id": item["id"], "fields": sent}).result
        assert again["item"] == read
        assert box.journal[-1].started == ()


def test_files_of_both_families(box, client):
    box.add_user_field("deal", "UF_CRM_FILES", "file", multiple=True)
    sent = {"ufCrmDocument": _FILE, "ufCrmFiles": [_FILE, _FILE]}
    item = client("crm.item.add", {"entityTypeId": 2, "fields": sent}).result["item"]
    shown = client("crm.deal.get", {"id": item["id"]}).result
    assert [file["id"] for file in shown["UF_CRM_FILES"]] == [file["id"] for file in item["ufCrmFiles"]]
    assert shown["UF_CRM_DOCUMENT"]["id"] == item["ufCrmDocument"]["id"]
    for file in (item["ufCrmDocument"], *item["ufCrmFiles"]):
        assert client.send("GET", file["urlMachine"]).response.content == b"hi"
