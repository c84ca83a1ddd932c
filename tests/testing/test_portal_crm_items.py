from __future__ import annotations

import pytest
from portal_client import Client

_KINDS = ("lead", "deal", "contact", "company", "quote")


@pytest.mark.parametrize("kind", _KINDS)
def test_life_of_an_item(box, client, kind):
    number = client(f"crm.{kind}.add", {"fields": {"COMMENTS": "a", "ASSIGNED_BY_ID": 2}}).result
    assert number == 1
    assert client(f"crm.{kind}.get", {"id": number}).result["COMMENTS"] == "a"
    assert client(f"crm.{kind}.update", {"ID": "1", "fields": {"COMMENTS": "b"}}).result is True
    rows = client(f"crm.{kind}.list").result
    assert [(row["ID"], row["COMMENTS"], row["ASSIGNED_BY_ID"]) for row in rows] == [("1", "b", "2")]
    assert client(f"crm.{kind}.delete", {"id": number}).result is True
    assert box.items(kind) == {}


def test_numbers_are_never_given_twice(box, client):
    assert [client("crm.deal.add", {"fields": {"TITLE": "x"}}).result for _ in range(2)] == [1, 2]
    client("crm.deal.delete", {"id": 2})
    assert client("crm.deal.add", {"fields": {"TITLE": "x"}}).result == 3
    number = box.add_comment("deal", 1, "x")
    client("crm.timeline.comment.delete", {"id": number})
    assert box.add_comment("deal", 1, "x") == number + 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("deal", "Not found"),
        ("lead", "Lead is not found"),
        ("contact", "Contact is not found"),
        ("company", "Company is not found"),
    ],
)
def test_errors(client, kind, text):
    fields = {"fields": {"COMMENTS": "x"}}
    assert client(f"crm.{kind}.get", {"id": 99}).error == (400, "", "Not found")
    assert client(f"crm.{kind}.update", {"id": 99, **fields}).error == (400, "", text)
    assert client(f"crm.{kind}.delete", {"id": 99}).error == (400, "", text)
    for method in ("get", "update", "delete"):
        for value in (None, 0, "x", -1):
            assert client(f"crm.{kind}.{method}", {"id": value}).error[2] == "ID is not defined or invalid."
    for fields in ({}, {"fields": "x"}, {"fields": 5}):
        assert client(f"crm.{kind}.add", fields).error[2] == "Parameter 'fields' must be array."


def test_rights(box, client):
    for number in (10, 11):
        box.add_item("deal", item_id=number)
    guest = Client(box, 3)
    denied = (400, "", "Access denied.")
    assert guest("crm.deal.add", {"fields": {"TITLE": "x"}}).error == denied
    assert guest("crm.deal.update", {"id": 10, "fields": {"TITLE": "x"}}).error == denied
    assert guest("crm.deal.delete", {"id": 10}).error == denied
    assert guest("crm.deal.get", {"id": 10}).result["ID"] == "10"
    box.add_user(4, may_read=[("deal", 11)], may_update=[("deal", 11)])
    clerk = Client(box, 4)
    assert clerk("crm.deal.get", {"id": 10}).error == denied
    answer = clerk("crm.deal.list")
    assert ([row["ID"] for row in answer.result], answer.body["total"]) == (["11"], 1)
    assert clerk("crm.deal.update", {"id": 11, "fields": {"TITLE": "x"}}).result is True
    assert client("crm.deal.get", {"id": 11}).result["MODIFY_BY_ID"] == "4"


def test_values_are_text(box, client):
    box.add_item("company", item_id=12)
    fields = {
        "TITLE": 5,
        "OPPORTUNITY": 1_000_000,
        "PROBABILITY": "7x",
        "OPENED": "N",
        "COMPANY_ID": "12abc",
        "CLOSEDATE": "2024-08-30",
        "BEGINDATE": "30.08.2024",
        "COMMENTS": ["array"],
    }
    client("crm.deal.add", {"fields": fields})
    row = client("crm.deal.get", {"id": 1}).result
    assert (
        row.items()
        >= {
            "ID": "1",
            "TITLE": "5",
            "OPPORTUNITY": "1000000.00",
            "PROBABILITY": "7",
            "OPENED": "N",
            "COMPANY_ID": "12",
            "CLOSEDATE": "2024-08-30T03:00:00+03:00",
            "BEGINDATE": "2024-08-30T03:00:00+03:00",
            "COMMENTS": None,
            "CONTACT_ID": None,
            "DATE_CREATE": "2025-09-09T16:31:11+03:00",
            "STAGE_ID": "NEW",
            "CREATED_BY_ID": "1",
        }.items()
    )


def test_unknown_and_read_only_fields_are_dropped(client):
    fields = {"title": "x", "NONSENSE": 1, "ID": 77, "CREATED_BY_ID": 3, "DATE_CREATE": "2001-01-01"}
    assert client("crm.deal.add", {"fields": fields}).result == 1
    row = client("crm.deal.get", {"id": 1}).result
    assert (row["TITLE"], row["CREATED_BY_ID"], row["DATE_CREATE"][:4]) == ("Deal", "1", "2025")
    assert "NONSENSE" not in row
    client("crm.deal.update", {"id": 1, "fields": {"CATEGORY_ID": 5}})
    assert client("crm.deal.get", {"id": 1}).result["CATEGORY_ID"] == "0", "only at the creation"


def test_unreadable_dates_change_nothing(client):
    client("crm.deal.add", {"fields": {"CLOSEDATE": "2024-08-30"}})
    client("crm.deal.update", {"id": 1, "fields": {"CLOSEDATE": "some day"}})
    assert client("crm.deal.get", {"id": 1}).result["CLOSEDATE"][:10] == "2024-08-30"
    client("crm.deal.update", {"id": 1, "fields": {"CLOSEDATE": ""}})
    assert client("crm.deal.get", {"id": 1}).result["CLOSEDATE"] == ""


def test_times_of_user_fields_are_converted(box, client):
    box.add_user_field("deal", "UF_CRM_AT", "datetime")
    for sent, read in (
        ("2024-08-30T10:00:00Z", "2024-08-30T13:00:00+03:00"),
        ("2024-08-30 10:00", "2024-08-30T10:00:00+03:00"),
        ("now", "2025-09-09T16:31:11+03:00"),
        ("tomorrow", "2025-09-10T00:00:00+03:00"),
    ):
        number = client("crm.deal.add", {"fields": {"UF_CRM_AT": sent}}).result
        assert client("crm.deal.get", {"id": number}).result["UF_CRM_AT"] == read


def test_stages(client, clock):
    client("crm.deal.add", {"fields": {"TITLE": "x"}})
    clock.now += 60
    client("crm.deal.update", {"id": 1, "fields": {"STAGE_ID": "WON"}})
    row = client("crm.deal.get", {"id": 1}).result
    assert (row["STAGE_SEMANTIC_ID"], row["CLOSED"], row["MOVED_TIME"][14:19]) == ("S", "Y", "32:11")
    client("crm.lead.add", {"fields": {"STATUS_ID": "JUNK"}})
    assert client("crm.lead.get", {"id": 1}).result["STATUS_SEMANTIC_ID"] == "F"


def test_multi_fields(client):
    client("crm.contact.add", {"fields": {"PHONE": [{"VALUE": "+1", "VALUE_TYPE": "WORK"}, {"VALUE": ""}]}})

    def phones():
        return client("crm.contact.get", {"id": 1}).result.get("PHONE", [])

    first = phones()[0]
    assert first == {"ID": first["ID"], "VALUE_TYPE": "WORK", "VALUE": "+1", "TYPE_ID": "PHONE"}

    def update(*entries):
        client("crm.contact.update", {"id": 1, "fields": {"PHONE": list(entries)}})
        return [entry["VALUE"] for entry in phones()]

    assert update({"VALUE": "+2"}) == ["+1", "+2"], "without an ID it is added"
    assert update({"ID": first["ID"], "VALUE": "+3"}) == ["+3", "+2"]
    assert update({"ID": first["ID"], "DELETE": "Y", "VALUE": "+3"}) == ["+2"]
    assert client("crm.contact.get", {"id": 1}).result["HAS_PHONE"] == "Y"


def test_contact_ids(box, client):
    for number in (5, 6):
        box.add_item("contact", item_id=number)
    client("crm.deal.add", {"fields": {"CONTACT_IDS": [5, "6x"]}})
    row = client("crm.deal.get", {"id": 1}).result
    assert row["CONTACT_ID"] == "5"
    assert "CONTACT_IDS" not in row
    assert box.items("deal")[1]["CONTACT_IDS"] == [5, 6]


def test_links_to_a_file_lead_to_the_sign_in_page(box, client):
    file_data = {"fileData": ["contract.pdf", "aGk="]}
    client("crm.deal.add", {"fields": {"UF_CRM_DOCUMENT": file_data}})
    value = client("crm.deal.get", {"id": 1}).result["UF_CRM_DOCUMENT"]
    assert value.keys() == {"id", "showUrl", "downloadUrl"}
    for name in ("showUrl", "downloadUrl"):
        assert value[name].startswith(
            "/bitrix/components/bitrix/crm.deal.show/show_file.php?auth=&ownerId=1&"
        )
        assert box.webhook_code() not in value[name]
        response = client.send("GET", box.url + value[name]).response
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "USER_LOGIN" in response.text
    assert client("crm.deal.list").result[0]["UF_CRM_DOCUMENT"] == value
    client("crm.deal.update", {"id": 1, "fields": {"UF_CRM_DOCUMENT": {"remove": "Y"}}})
    assert client("crm.deal.get", {"id": 1}).result["UF_CRM_DOCUMENT"] is None


def test_multiple_file_field(box, client):
    box.add_user_field("deal", "UF_CRM_FILES", "file", multiple=True)
    files = [{"fileData": [f"{n}.txt", "aGk="]} for n in range(2)]
    client("crm.deal.add", {"fields": {"UF_CRM_FILES": files}})
    client("crm.deal.add", {"fields": {"TITLE": "Without files"}})
    links = [entry["downloadUrl"] for entry in client("crm.deal.get", {"id": 1}).result["UF_CRM_FILES"]]
    assert [link.partition("fileId=")[2] for link in links] == ["1&download=y", "2&download=y"]
    assert client("crm.deal.get", {"id": 2}).result["UF_CRM_FILES"] is False


def test_multiple_user_field(box, client):
    box.add_user_field("deal", "UF_CRM_TAGS", multiple=True)
    client("crm.deal.add", {"fields": {"UF_CRM_TAGS": ["a", "", "b"]}})
    assert client("crm.deal.get", {"id": 1}).result["UF_CRM_TAGS"] == ["a", "b"]


def test_fields(client):
    fields = client("crm.deal.fields").result
    assert fields["ID"]["isReadOnly"] is True
    assert fields["CATEGORY_ID"]["isImmutable"] is True
    assert fields["UF_CRM_DOCUMENT"].items() >= {"type": "file", "isDynamic": True}.items()
    assert fields["CONTACT_IDS"]["isMultiple"] is True


def test_add_item_for_tests(box, client):
    assert (
        box.add_item("deal", {"UF_CRM_SCORE": 5, "DATE_CREATE": "2001-01-01T00:00:00+03:00"}, item_id=7) == 7
    )
    assert box.add_item("deal") == 8
    assert box.add_item("deal", item_id=3) == 3
    row = client("crm.deal.get", {"id": 7}).result
    assert (row["UF_CRM_SCORE"], row["DATE_CREATE"]) == ("5", "2001-01-01T00:00:00+03:00")
    assert [row["ID"] for row in client("crm.deal.list", {"order": {"ID": "ASC"}}).result] == ["3", "7", "8"]
    for arguments in (
        ("deal", {"TITEL": "x"}),
        ("nonsense",),
        ("deal", None, 7),
        ("dynamic_1042",),
        ("deal", {"DATE_CREATE": "?"}),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - different messages
            box.add_item(*arguments)
    box.add_smart_process(1042)
    assert box.add_item("dynamic_1042", {"title": "x"}) == 1
    with pytest.raises(ValueError, match="smart process"):
        box.add_smart_process(1043)
