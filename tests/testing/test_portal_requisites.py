"""Requisites of companies and contacts, and bank details."""

from __future__ import annotations

import pytest
from portal_client import Client


def _ids(answer):
    return [int(row["ID"]) for row in answer.result]


@pytest.fixture
def company(box):
    return box.add_item("company")


def test_a_row_of_each(box, client, company):
    requisite = box.add_requisite("company", company, {"NAME": "Organization", "RQ_INN": 1717586110})
    row = client("crm.requisite.get", {"id": requisite}).result
    assert (row["ENTITY_TYPE_ID"], row["ENTITY_ID"], row["RQ_INN"]) == ("4", "1", "1717586110")
    assert (row["DATE_CREATE"], row["DATE_MODIFY"]) == ("2025-09-09T16:31:11+03:00", "")
    assert (row["SORT"], row["RQ_KPP"], row["MODIFY_BY_ID"]) == ("500", None, None)
    assert len([name for name in row if name.startswith("RQ_")]) > 50
    account = box.add_bank_detail(requisite, {"RQ_IBAN": "DE02120300000000202051"})
    (shown,) = client("crm.requisite.bankdetail.list").result
    assert shown == client("crm.requisite.bankdetail.get", {"id": account}).result
    assert (shown["ENTITY_ID"], shown["RQ_IBAN"]) == (str(requisite), "DE02120300000000202051")
    assert "ENTITY_TYPE_ID" not in shown
    assert client("crm.requisite.fields").result.keys() == row.keys()


def test_lists_are_counted_even_without_asking(box, client, company):
    """With ``start=-1`` other lists leave the counting out."""
    numbers = [box.add_requisite("company", company) for _ in range(60)]
    for start in (-1, 0):
        answer = client("crm.requisite.list", {"start": start})
        assert (_ids(answer), answer.body["total"], answer.body["next"]) == (numbers[:50], 60, 50)
    rest = client("crm.requisite.list", {"filter": {">ID": numbers[49]}, "order": {"ID": "ASC"}, "start": -1})
    assert (_ids(rest), rest.body["total"]) == (numbers[50:], 10)
    assert client("crm.requisite.list", {"select": ["ID", "NO_SUCH"]}).result[0] == {"ID": "1"}


def test_changed_ones_by_one_date_and_new_ones_by_the_other(box, client, clock, company):
    first, _ = box.add_requisite("company", company), box.add_requisite("company", company)
    clock.now += 60
    change = {"id": first, "fields": {"RQ_INN": "5", "ENTITY_ID": 9, "ID": 7, "NO_SUCH": 1}}
    assert client("crm.requisite.update", change).result is True
    third = box.add_requisite("company", company)
    since = "2025-09-09T13:32:00Z"
    assert _ids(client("crm.requisite.list", {"filter": {">=DATE_MODIFY": since}})) == [first]
    assert _ids(client("crm.requisite.list", {"filter": {">=DATE_CREATE": since}})) == [third]
    row = client("crm.requisite.get", {"id": first}).result
    assert (row["RQ_INN"], row["ENTITY_ID"], row["MODIFY_BY_ID"]) == ("5", "1", "1")


def test_rights_come_from_the_company_or_contact(box, company):
    contact = box.add_item("contact")
    own, other = box.add_requisite("contact", contact), box.add_requisite("company", company)
    box.add_bank_detail(own)
    hidden = box.add_bank_detail(other)
    box.add_user(4, may_read=[("contact", contact)], may_update=False)
    client = Client(box, 4)
    assert _ids(client("crm.requisite.list")) == [own]
    assert len(client("crm.requisite.bankdetail.list").result) == 1
    for method, number in (("requisite", other), ("requisite.bankdetail", hidden)):
        assert client(f"crm.{method}.get", {"id": number}).error == (400, "", "Access denied.")
    assert client("crm.requisite.update", {"id": own, "fields": {}}).error[2] == "Access denied."
    missing = client("crm.requisite.bankdetail.get", {"id": 99}).error
    assert missing == (400, "", "The RequisiteBankDetail with ID '99' is not found")


def test_they_go_with_their_company(box, client, company):
    other = box.add_item("company")
    box.add_bank_detail(box.add_requisite("company", company))
    kept = box.add_requisite("company", other)
    box.delete_item("company", company)
    assert _ids(client("crm.requisite.list")) == [kept]
    assert client("crm.requisite.bankdetail.list").result == []


def test_what_a_test_cannot_add(box, company):
    box.add_item("deal")
    with pytest.raises(ValueError, match="no company or contact"):
        box.add_requisite("deal", 1)
    with pytest.raises(ValueError, match="is no field of a requisite"):
        box.add_requisite("company", company, {"INN": "1"})
    with pytest.raises(ValueError, match="no requisites 9"):
        box.add_bank_detail(9)
