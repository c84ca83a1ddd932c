"""Classic lists: filters, order, selection, pages."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits
from airflow_provider_bitrix24.testing.listing import split_key

_DEALS = {
    1: {"TITLE": "Alpha", "OPPORTUNITY": 100, "STAGE_ID": "NEW", "CONTACT_ID": 5, "CLOSEDATE": "2024-01-10"},
    2: {
        "TITLE": "alphabet",
        "OPPORTUNITY": 20,
        "STAGE_ID": "WON",
        "CONTACT_ID": 6,
        "CLOSEDATE": "2024-02-10",
    },
    3: {"TITLE": "Beta 50%", "OPPORTUNITY": 3, "STAGE_ID": "NEW", "CLOSEDATE": "2024-03-10"},
    4: {"TITLE": "Gamma_x", "OPPORTUNITY": 100, "STAGE_ID": "C1:NEW"},
}


@pytest.fixture
def deals(box):
    for number, fields in _DEALS.items():
        box.add_item("deal", fields, item_id=number)


def _ids(client, filters=None, order=None, **params):
    answer = client("crm.deal.list", {"filter": filters or {}, "order": order or {"ID": "ASC"}, **params})
    return [int(row["ID"]) for row in answer.result]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"ID": 2}, [2]),
        ({"=ID": "2x"}, [2]),
        ({"ID": [1, 3, 99]}, [1, 3]),
        ({"@ID": [3, 1]}, [1, 3]),
        ({"!@ID": [1, 3]}, [2, 4]),
        ({"!ID": 2}, [1, 3, 4]),
        ({"!=ID": 2}, [1, 3, 4]),
        ({">ID": 2}, [3, 4]),
        ({">=ID": 2, "<ID": 4}, [2, 3]),
        ({"<=ID": 2}, [1, 2]),
        ({">ID": ["array"]}, [2, 3, 4]),
        ({">ID": []}, [1, 2, 3, 4]),
        ({">ID": "2", "@ID": [1, 4]}, [4]),
        ({"TITLE": "alpha"}, [1]),
        ({"!TITLE": "alpha"}, [2, 3, 4]),
        ({"%TITLE": "ALPHA"}, [1, 2]),
        ({"!%TITLE": "alpha"}, [3, 4]),
        ({"%TITLE": "50%"}, [3]),
        ({"=%TITLE": "alpha%"}, [1, 2]),
        ({"%=TITLE": "%a"}, [1]),
        ({"=%TITLE": "gamma_x"}, [4]),
        ({"!=%TITLE": "alpha%"}, [3, 4]),
        ({"!%=TITLE": "alpha%"}, [3, 4]),
        ({">OPPORTUNITY": 20}, [1, 4]),
        ({">=OPPORTUNITY": "20"}, [1, 2, 4]),
        ({"OPPORTUNITY": "100"}, [1, 4]),
        ({"STAGE_ID": "new"}, [1, 3]),
        ({"%STAGE_ID": "NEW"}, [1, 3]),
        ({"@STAGE_ID": ["WON", "C1:NEW"]}, [2, 4]),
        ({"CONTACT_ID": 5}, [1]),
        ({"CONTACT_ID": ""}, [3, 4]),
        ({"!CONTACT_ID": ""}, [1, 2]),
        ({">CLOSEDATE": "2024-01-31"}, [2, 3]),
        ({"<CLOSEDATE": "2024-02-10T00:00:00+03:00"}, [1]),
        ({"STAGE_ID": "NEW", ">ID": 1}, [3]),
    ],
)
def test_filters(client, deals, filters, found):
    assert _ids(client, filters) == found


@pytest.mark.parametrize("filters", [{"id": 1}, {"stageId": "WON"}, {"TITEL": "x"}, {"CONTACT_IDS": [5]}])
def test_unknown_filters_are_dropped(client, deals, filters):
    assert _ids(client, filters) == [1, 2, 3, 4]


def test_phone_filter_is_exact(box, client):
    for phone in ("+100", "+1005"):
        box.add_item("contact", {"PHONE": [{"VALUE": phone}]})
    for key in ("PHONE", "%PHONE", "=PHONE"):
        rows = client("crm.contact.list", {"filter": {key: "+100"}}).result
        assert [row["ID"] for row in rows] == ["1"]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({"ID": "DESC"}, [4, 3, 2, 1]),
        ({"ID": "desc"}, [4, 3, 2, 1]),
        ({"OPPORTUNITY": "ASC", "ID": "DESC"}, [3, 2, 4, 1]),
        ({"OPPORTUNITY": "DESC", "TITLE": "ASC"}, [1, 4, 2, 3]),
        ({"CONTACT_ID": "ASC"}, [3, 4, 1, 2]),
        ({"NONSENSE": "ASC"}, [1, 2, 3, 4]),
    ],
)
def test_order(client, deals, order, found):
    assert _ids(client, order=order) == found


@pytest.mark.parametrize("style", ["{}", "ar{}"])
def test_spellings(client, deals, style):
    for change in (str.lower, str.upper, str.capitalize):
        if style != "{}" and change is not str.capitalize:
            continue
        params = {style.format(change("filter")): {"ID": 2}, style.format(change("select")): ["ID"]}
        assert client("crm.deal.list", params).result == [{"ID": "2"}]


def test_wrong_types(client):
    for name in ("filter", "order", "select"):
        assert client("crm.deal.list", {name: "x"}).error == (400, "", f"Parameter '{name}' must be array.")


def test_select(box, client, deals):
    def names(kind, select):
        return set(client(f"crm.{kind}.list", {"select": select}).result[0])

    assert names("deal", ["TITLE", "NONSENSE"]) == {"TITLE"}
    assert names("deal", []) == names("deal", ["*", "UF_*"]) == set(client("crm.deal.get", {"id": 1}).result)
    assert "UF_CRM_DOCUMENT" not in names("deal", ["*"])
    assert names("deal", ["ID", "UF_*"]) == {"ID", "UF_CRM_DOCUMENT"}
    box.add_item("contact", {"PHONE": [{"VALUE": "+1"}]})
    assert "PHONE" not in names("contact", [])
    assert "PHONE" in names("contact", ["*", "PHONE"])


# ---------------------------------------------------------------- pages


@pytest.fixture
def many(box):
    for number in range(1, 121):
        box.add_item("deal", {"OPPORTUNITY": number % 2}, item_id=number)


def _page(client, start=None, **params):
    answer = client("crm.deal.list", {"start": start, "order": {"ID": "ASC"}, **params})
    ids = [int(row["ID"]) for row in answer.result]
    return (ids[0], ids[-1], len(ids), answer.body["total"], answer.body.get("next"))


def test_pages(client, many):
    assert _page(client) == (1, 50, 50, 120, 50)
    assert _page(client, 50) == (51, 100, 50, 120, 100)
    assert _page(client, "60") == (51, 100, 50, 120, 100)
    assert _page(client, 100) == (101, 120, 20, 120, None)
    assert _page(client, 150) == (1, 50, 50, 120, 50), "beyond the end comes the first page again"
    assert _page(client, 100, order={"ID": "DESC"}) == (20, 1, 20, 120, None)
    assert _page(client, 500, order={"ID": "DESC"}) == (120, 71, 50, 120, 50)


def test_pages_with_a_condition(client, many):
    assert _page(client, 50, filter={"OPPORTUNITY": 1}) == (101, 119, 10, 60, None)
    assert _page(client, 100, filter={"OPPORTUNITY": 1}) == (1, 99, 50, 60, 50)


def test_exact_pages(client, many):
    assert _page(client, filter={"<=ID": 50}) == (1, 50, 50, 50, None)


def test_without_counting(client, many):
    assert _page(client, -1) == (1, 50, 50, 0, None)
    assert _page(client, "-1", filter={">ID": 100}) == (101, 120, 20, 0, None)
    assert _page(client, -1, order={"ID": "DESC"}) == (120, 71, 50, 0, None)
    assert _page(client, -1, order={"OPPORTUNITY": "DESC"}) == (1, 99, 50, 0, None)
    assert _page(client, -1, filter={"OPPORTUNITY": 1, ">ID": 10}) == (11, 109, 50, 0, None)


def test_empty(client):
    answer = client("crm.deal.list", {"start": 50})
    assert (answer.result, answer.body["total"], "next" in answer.body) == ([], 0, False)


def test_deleted_items_are_gone_from_pages(box, client, many):
    for number in range(1, 51):
        box.delete_item("deal", number)
    assert _page(client) == (51, 100, 50, 70, 50)


@cases(
    ("key", "parts"),
    [
        ("ID", ("", "ID")),
        ("=ID", ("", "ID")),
        ("!=ID", ("!", "ID")),
        ("!=%ID", ("!=%", "ID")),
        ("!%=ID", ("!=%", "ID")),
        ("%=ID", ("=%", "ID")),
        (">=ID", (">=", "ID")),
        ("!@ID", ("!@", "ID")),
    ],
)
def test_operators(key, parts):
    assert split_key(key) == parts


@pytest.mark.slow
def test_large_lists():
    """A hundred thousand deals: filling, and pages by a cursor on the id."""
    with Bitrix24Portal(limits=Limits.off()) as portal:
        portal.add_items("deal", ({"TITLE": f"Deal {n}", "OPPORTUNITY": n} for n in range(100_000)))
        from portal_client import Client

        client = Client(portal)
        for last in range(0, 100_000, 2_000):
            rows = client(
                "crm.deal.list",
                {"filter": {">ID": last}, "order": {"ID": "ASC"}, "start": -1, "select": ["ID", "TITLE"]},
            ).result
            assert [int(row["ID"]) for row in rows] == list(range(last + 1, last + 51))
        for last in (0, 50_000, 99_990):
            answer = client(
                "crm.deal.list", {"filter": {">ID": last}, "order": {"ID": "ASC"}, "select": ["ID"]}
            )
            assert answer.body["total"] == 100_000 - last
