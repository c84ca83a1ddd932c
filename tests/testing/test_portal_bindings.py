"""Every row of the table of ``crm.timeline.bindings.*`` in the reference."""

from __future__ import annotations

import pytest
from portal_client import Client


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Deal"}, item_id=10)


@pytest.fixture
def record(box, deal):
    return box.add_comment("deal", deal, "Hello")


def test_bind_and_unbind(box, client, record):
    box.add_item("contact", {"NAME": "A"}, item_id=39)
    assert client.pair("bind", record, "contact", 39).result is True
    assert box.bindings(record) == [("contact", 39), ("deal", 10)]
    assert client.pair("unbind", record, "contact", 39).result is True
    assert box.bindings(record) == [("deal", 10)]


def test_bind_twice_leaves_one_row(box, client, record):
    assert client.pair("bind", record, "deal", 10).result is True
    assert client.pair("bind", record, "DEAL", "10").result is True
    assert box.bindings(record) == [("deal", 10)]


def test_record_that_does_not_exist_is_bound_all_the_same(box, client, deal):
    assert client.pair("bind", 777, "deal", deal).result is True
    assert box.bindings(777) == [("deal", 10)]
    assert client("crm.timeline.comment.get", {"id": 777}).error[2] == "Not found."


def test_item_that_does_not_exist(box, client, record):
    assert client.pair("bind", record, "deal", 999).result is True
    assert Client(box, 2).pair("bind", record, "deal", 998).result is False
    assert box.bindings(record) == [("deal", 10), ("deal", 999)]


def test_no_right_to_update_is_a_false_result(box, record):
    box.add_user(4, may_update=[("deal", 10)])
    box.add_item("deal", item_id=11)
    assert Client(box, 3).pair("bind", record, "deal", 11).result is False
    assert Client(box, 3).pair("unbind", record, "deal", 10).result is False
    assert Client(box, 4).pair("bind", record, "deal", 11).result is False
    assert Client(box, 4).pair("bind", 5, "deal", 10).result is True
    assert box.bindings(record) == [("deal", 10)]


@pytest.mark.parametrize("value", ["None", "", "0x1A", None, [], -1, "-5", 0, False, "abc", {}])
def test_values_that_are_no_number(client, deal, value):
    assert client.pair("bind", value, "deal", deal).error == (400, "", "OWNER_ID is not defined or invalid.")
    assert client.pair("bind", 1, "deal", value).error == (400, "", "ENTITY_ID is not defined or invalid.")


@pytest.mark.parametrize(
    ("value", "stored"),
    [("12abc", 12), ("1,2", 1), (" 7", 7), ("1e3", 1000), ("1.9", 1), (True, 1), ([5], 1), (2.9, 2)],
)
def test_casts(box, client, deal, value, stored):
    assert client.pair("bind", value, "deal", deal).result is True
    assert box.bindings(stored) == [("deal", 10)]
    assert client.pair("bind", 500, "contact", value).result is True
    assert box.bindings(500) == [("contact", stored)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deal", "deal"),
        (" Deal ", "deal"),
        ("D", "deal"),
        ("l", "lead"),
        ("C", "contact"),
        ("CO", "company"),
        ("quote", "quote"),
        ("Q", "quote"),
        ("invoice", "invoice"),
        ("order", "order"),
        ("OP", "order_payment"),
        ("OS", "order_shipment"),
        ("shipment_document", "shipment_document"),
        ("activity", "activity"),
        ("SI", "smart_invoice"),
        ("smart_document", "smart_document"),
        ("SBD", "smart_b2e_doc"),
        ("dynamic_1042", "dynamic_1042"),
    ],
)
def test_entity_types(box, client, name, kind):
    box.add_smart_process(1042)
    assert client.pair("bind", 1, name, 5).result is True
    rows = client("crm.timeline.bindings.list", {"filter": {"OWNER_ID": 1}}).result
    assert rows == [{"OWNER_ID": "1", "ENTITY_ID": "5", "ENTITY_TYPE": kind}]


@pytest.mark.parametrize(
    "name", ["2", 2, "T80", "dynamic_1044", "requisite", "", None, "dynamic_", "x", True]
)
def test_rejected_entity_types(client, name):
    assert client.pair("bind", 1, name, 5).error == (400, "", "ENTITY_TYPE is not defined or invalid.")


def test_order_of_checks(box, client):
    guest = Client(box, 3)
    assert "OWNER_ID" in guest.pair("unbind", 0, "x", 0).error[2]
    assert "ENTITY_ID" in guest.pair("unbind", 1, "x", 0).error[2]
    assert "ENTITY_TYPE" in guest.pair("unbind", 1, "x", 1).error[2]
    assert guest.pair("unbind", 1, "deal", 1).result is False
    assert client.pair("unbind", 1, "deal", 1).error == (400, "", "Not found.")


@pytest.mark.parametrize("key", ["fields", "FIELDS", "Fields", "arFields"])
def test_spellings_of_fields(client, key):
    fields = {"OWNER_ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": 1}
    assert client("crm.timeline.bindings.bind", {key: fields}).result is True


@pytest.mark.parametrize("params", [{}, {"fields": None}, {"fields": {}}, {"FiElDs": {"OWNER_ID": 1}}])
def test_missing_fields(client, params):
    answer = client("crm.timeline.bindings.bind", params)
    assert answer.error == (400, "", "OWNER_ID is not defined or invalid.")


@pytest.mark.parametrize("fields", ["text", 5, True])
def test_type_errors_are_html(box, client, fields):
    answer = client("crm.timeline.bindings.bind", {"fields": fields})
    assert (answer.status, answer.response.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "<html>" in answer.response.text
    assert client.pair("bind", 1, ["deal"], 1).status == 500


def test_no_scope(box):
    box.add_user(4, scopes=("im",))
    assert Client(box, 4).pair("bind", 1, "deal", 1).error[1] == "insufficient_scope"


def test_list(box, client, record):
    client.pair("bind", record, "contact", 39)
    answer = client(
        "crm.timeline.bindings.list",
        {"filter": {"OWNER_ID": record, "ENTITY_TYPE": "contact"}, "select": ["ENTITY_ID"]},
    )
    assert sorted(row["ENTITY_TYPE"] for row in answer.result) == ["contact", "deal"]
    assert answer.result[0].keys() == {"OWNER_ID", "ENTITY_ID", "ENTITY_TYPE"}
    assert answer.body["total"] == 2
    assert "next" not in answer.body


def test_list_does_not_look_at_rights(box, record):
    box.add_user(4, may_read=[("contact", 1)])
    assert len(Client(box, 4)("crm.timeline.bindings.list", {"filter": {"OWNER_ID": record}}).result) == 1


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"filter": {"=OWNER_ID": 1}},
        {"filter": {"owner_id": 1}},
        {"filter": {"OWNER_ID": "x"}},
        {"filter": "x"},
    ],
)
def test_list_needs_the_exact_key(client, params):
    answer = client("crm.timeline.bindings.list", params)
    assert answer.error == (400, "", "OWNER_ID is not defined or invalid.")


def test_list_of_an_unknown_record(client):
    answer = client("crm.timeline.bindings.list", {"filter": {"OWNER_ID": 12345}})
    assert (answer.result, answer.body["total"]) == ([], 0)


def test_list_pages(box, client):
    for number in range(1, 121):
        box.bind(7, "deal", number)

    def page(start):
        answer = client("crm.timeline.bindings.list", {"filter": {"OWNER_ID": 7}, "start": start})
        return [int(row["ENTITY_ID"]) for row in answer.result], answer.body["total"], answer.body.get("next")

    first = page(0)
    assert (len(first[0]), *first[1:]) == (50, 120, 50)
    assert page(60)[1:] == (120, 100)
    assert page(60)[0] == page(50)[0]
    last = page(100)
    assert (len(last[0]), *last[1:]) == (20, 120, None)
    assert len({*first[0], *page(50)[0], *last[0]}) == 120
    assert page(150) == first, "beyond the end comes the first page again"
    assert page(-1) == first, "counting cannot be switched off here"


def test_fields(client):
    fields = client("crm.timeline.bindings.fields").result
    assert fields.keys() == {"OWNER_ID", "ENTITY_ID", "ENTITY_TYPE"}
    assert (
        fields["ENTITY_TYPE"].items()
        >= {
            "type": "string",
            "isRequired": True,
            "isReadOnly": False,
            "isImmutable": True,
            "isMultiple": False,
            "isDynamic": False,
        }.items()
    )


def test_last_binding_removed(box, client, record):
    assert client.pair("unbind", record, "deal", 10).result is True
    assert [r.record_id for r in box.comments()] == [record]
    assert client("crm.timeline.comment.get", {"id": record}).error == (400, "", "Access denied.")
    fields = {"COMMENT": "x"}
    assert client("crm.timeline.comment.update", {"id": record, "fields": fields}).error[1] == "NOT_FOUND"
    assert client("crm.timeline.comment.delete", {"id": record}).error[1] == "NOT_FOUND"


def test_deleting_an_item(box, client, record):
    shared = box.add_comment("deal", 10, "Shared")
    client.pair("bind", shared, "contact", 39)
    assert client("crm.deal.delete", {"id": 10}).result is True
    assert box.bindings(shared) == [("contact", 39)]
    assert box.bindings(record) == []
    assert [r.record_id for r in box.records()] == [shared]


def test_name_of_a_smart_process_that_is_gone(box, client):
    kind = box.add_smart_process(1042)
    box.bind(1, kind, 5)
    box.remove_smart_process(1042)
    rows = client("crm.timeline.bindings.list", {"filter": {"OWNER_ID": 1}}).result
    assert rows == [{"OWNER_ID": "1", "ENTITY_ID": "5", "ENTITY_TYPE": ""}]
