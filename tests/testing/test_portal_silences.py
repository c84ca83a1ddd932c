"""What lists leave out or let pass without a word."""

from __future__ import annotations

import pytest

_TYPES = {"deal": 2, "contact": 3, "company": 4}


@pytest.fixture
def deals(box):
    return box.add_items("deal", [{"TITLE": title} for title in ("a", "b", "c")])


def _classic(client, kind="deal", **params):
    answer = client(f"crm.{kind}.list", {"order": {"ID": "ASC"}, **params})
    ids = [int(row["ID"]) for row in answer.result]
    assert answer.body["total"] == len(ids)
    return ids


def _items(client, kind="deal", **params):
    answer = client("crm.item.list", {"entityTypeId": _TYPES[kind], "order": {"id": "ASC"}, **params})
    ids = [item["id"] for item in answer.result["items"]]
    assert answer.body["total"] == len(ids)
    return ids


@pytest.mark.parametrize(
    "filters", [{"titel": "a"}, {"title": "a"}, {"@ID": []}, {"!@ID": []}, {"@TITLE": []}]
)
def test_classic_lists_drop_unknown_names_and_empty_lists_of_a_filter(client, deals, filters):
    assert _classic(client, filter=filters) == deals
    assert _classic(client, filter={**filters, "TITLE": "b"}) == [deals[1]]


def test_universal_lists_do_not_drop_an_empty_list(client, deals):
    assert _items(client, filter={"=id": []}) == []
    answer = client("crm.item.list", {"entityTypeId": 2, "filter": {"@id": []}})
    assert answer.error[:2] == (400, "0")


def test_unknown_names_in_select_are_dropped(client, deals):
    rows = client("crm.deal.list", {"select": ["ID", "title", "nonsense"]}).result
    assert [row.keys() for row in rows] == [{"ID"}] * 3
    rows = client("crm.item.list", {"entityTypeId": 2, "select": ["id", "nonsense", "UF_CRM_DOCUMENT"]})
    assert [row.keys() for row in rows.result["items"]] == [{"id"}] * 3


def test_original_names_of_user_fields_cost_a_select_its_standard_fields(box, client):
    box.add_item("deal", {"TITLE": "a", "UF_CRM_X": "b"})
    original = {"entityTypeId": 2, "useOriginalUfNames": "Y"}

    def row(**params):
        [item] = client("crm.item.list", {**original, **params}).result["items"]
        return item

    assert row(select=["id", "title"]) == []
    assert row(select=["id", "UF_CRM_X"]) == {"UF_CRM_X": "b"}
    for params in ({}, {"select": ["*"]}, {"select": ["*", "UF_CRM_X"]}):
        assert row(**params).items() >= {"id": 1, "title": "a", "UF_CRM_X": "b"}.items()


def test_classic_lists_of_deals_leave_templates_out(box, client):
    box.add_items("deal", [{"TITLE": "a"}, {"TITLE": "template", "IS_RECURRING": "Y"}])
    for filters in ({}, {">ID": 0}, {"<=ID": 2}, {"%TITLE": "t"}, {"!IS_RECURRING": "N"}):
        assert 2 not in _classic(client, filter=filters)
    for filters in ({"IS_RECURRING": "Y"}, {"=IS_RECURRING": "Y"}, {"@ID": [2]}, {"ID": 2}, {"=ID": "2"}):
        assert _classic(client, filter=filters) == [2]
    assert _items(client, filter={">id": 0}) == [1, 2]
    assert _items(client, filter={"isRecurring": "N"}) == [1]


@pytest.mark.parametrize("kind", ["contact", "company"])
def test_classic_methods_do_not_know_other_categories(box, client, kind):
    box.add_items(kind, [{"COMMENTS": "a"}, {"COMMENTS": "b", "categoryId": 5}])
    assert (_classic(client, kind), _items(client, kind)) == ([1], [1, 2])
    assert _items(client, kind, filter={"!=categoryId": 0}) == [2]
    assert client(f"crm.{kind}.get", {"id": 2}).error[0] == 400
    assert client(f"crm.{kind}.update", {"id": 2, "fields": {"COMMENTS": "c"}}).error[0] == 400
    item = client("crm.item.get", {"entityTypeId": _TYPES[kind], "id": 2}).result["item"]
    assert (item["categoryId"], item["comments"]) == (5, "b")
    assert _classic(client, kind, filter={"CATEGORY_ID": 5}) == [1], "a name it does not know"


def test_lists_leave_out_what_a_user_may_not_read(box, client, deals):
    box.hide_items("deal", [1, 3])
    assert (_classic(client), _items(client)) == ([2], [2])
    assert client("crm.item.get", {"entityTypeId": 2, "id": 1}).error[:2] == (400, "ACCESS_DENIED")
    assert client("crm.item.get", {"entityTypeId": 2, "id": 9}).error[:2] == (400, "NOT_FOUND")
    assert client("crm.deal.get", {"id": 3}).error[2] == "Access denied."
    box.hide_items("deal", [1], hidden=False)
    assert (_classic(client), _items(client)) == ([1, 2], [1, 2])
