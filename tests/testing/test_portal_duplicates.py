"""``crm.duplicate.findbycomm``, and how the database compares texts."""

from __future__ import annotations

import pytest
from portal_client import Client


def _find(client, type_id, values, **params):
    return client("crm.duplicate.findbycomm", {"type": type_id, "values": values, **params})


@pytest.fixture
def ada(box):
    """A lead, two contacts and a company that share a phone or an e-mail."""
    phone, mail = [{"VALUE": "+1 (555) 010-1;12"}], [{"VALUE": "Ada@Example.com"}]
    box.add_item("lead", {"PHONE": phone})
    box.add_items("contact", [{"PHONE": phone, "EMAIL": mail}, {"PHONE": [{"VALUE": "15550101"}]}])
    box.add_item("company", {"EMAIL": mail})


def test_items_are_found_by_any_of_the_values(box, client, ada):
    assert _find(client, "PHONE", ["1555 0101 ext. 7", "+7"]).result == {"LEAD": [1], "CONTACT": [1, 2]}
    assert _find(client, "EMAIL", ["ada@example.COM"]).result == {"CONTACT": [1], "COMPANY": [1]}
    assert _find(client, "PHONE", ["15550101"], entity_type="CONTACT").result == {"CONTACT": [1, 2]}
    assert _find(client, "EMAIL", ["nobody@example.com"]).result == []
    assert _find(client, "PHONE", ["abc"]).result == []
    box.hide_items("contact", [1])
    assert _find(client, "EMAIL", ["ada@example.com"]).result == {"COMPANY": [1]}


def test_only_the_first_twenty_values_count_and_only_texts(client, ada):
    filler = [f"+7{number}" for number in range(20)]
    assert _find(client, "PHONE", [*filler, "15550101"]).result == []
    assert _find(client, "PHONE", [*filler[1:], "15550101"]).result != []
    assert _find(client, "PHONE", [15550101]).result == []


def test_twenty_items_of_a_type_end_the_search(box, client, ada):
    box.add_many("lead", 25, fields={"EMAIL": [{"VALUE": "ada@example.com"}]})
    found = _find(client, "EMAIL", ["ada@example.com"]).result
    assert found.keys() == {"LEAD"}
    assert len(found["LEAD"]) == 20
    assert _find(client, "EMAIL", ["ada@example.com"], entity_type="COMPANY").result == {"COMPANY": [1]}


def test_what_has_to_be_named(box, client):
    assert _find(client, None, ["x"]).error == (400, "", "Communication type is not defined.")
    assert _find(client, "WEB", ["x"]).error[:2] == (400, "")
    for values in (None, [], "x"):
        assert _find(client, "PHONE", values).error[:2] == (400, "")
    box.add_user(4, may_read=False)
    assert _find(Client(box, 4), "PHONE", ["x"]).error[2] == "Access denied."


def test_filters_ignore_case_and_spaces_at_the_end(box, client):
    origins = ("Ab", "AB ", " ab", "abc", "ab\u00a0")
    box.add_items("deal", [{"ORIGIN_ID": origin, "ORIGINATOR_ID": "Shop"} for origin in origins])
    box.add_user_field("deal", "UF_CRM_KEY")
    client("crm.deal.update", {"id": 1, "fields": {"UF_CRM_KEY": "K1 "}})

    def items(**filters):
        found = client("crm.item.list", {"entityTypeId": 2, "filter": filters, "order": {"id": "ASC"}})
        return [item["id"] for item in found.result["items"]]

    assert items(**{"@originId": ["aB  ", "none"], "=originatorId": "SHOP"}) == [1, 2]
    assert items(**{"=originId": "ab"}) == [1, 2]
    assert items(**{"!originId": "ab"}) == [3, 4, 5]
    assert items(**{"@ufCrmKey": ["k1"]}) == [1]
    rows = client("crm.deal.list", {"filter": {"@ORIGIN_ID": ["AB"]}, "order": {"ID": "ASC"}}).result
    assert [row["ID"] for row in rows] == ["1", "2"]
    box.add_item("contact", {"EMAIL": [{"VALUE": "ada@example.com"}]})
    rows = client("crm.contact.list", {"filter": {"EMAIL": "ADA@example.com "}}).result
    assert [row["ID"] for row in rows] == ["1"]
    box.add_many("deal", 60, fields={"ORIGIN_ID": "many"})
    answer = client("crm.item.list", {"entityTypeId": 2, "filter": {"@originId": ["MANY"]}})
    assert (len(answer.result["items"]), answer.body["total"]) == (50, 60)
