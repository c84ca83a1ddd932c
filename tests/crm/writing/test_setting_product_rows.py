"""Product rows of items as a plan: which items they become, what is asked and sent, what the answers mean."""

from __future__ import annotations

import pytest
from feeding import fed

from airflow_provider_bitrix24.crm.writing.product_rows import parse_owned_rows, set_product_rows
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, InvalidInputError, NotFoundError
from airflow_provider_bitrix24.rest.progress import Progress

LIST, SET = "crm.item.productrow.list", "crm.item.productrow.set"
NONE = {"productRows": []}


def cup(owner, **values):
    return {"owner_id": owner, "product_name": "Cup", "price": 2, "quantity": 1, **values}


def held(number, owner, **values):
    return {"id": number, "ownerId": owner, "productName": "Cup", "price": 2, "quantity": 1, **values}


def carried_out(owned, answers, *, skip_unchanged=True, progress=None):
    """Return the outcomes as rows, and the methods that travelled together."""
    outcomes, works = fed(
        set_product_rows(owned, progress or Progress(), skip_unchanged=skip_unchanged),
        lambda call: answers[call.method](call.params),
    )
    return [outcome.to_json() for outcome in outcomes], [[call.method for call in work] for work in works]


def echoed(params):
    rows = [held(number, params["ownerId"], **row) for number, row in enumerate(params["productRows"], 1)]
    return {"productRows": rows}


def statuses(rows):
    return {row["ENTITY_ID"]: row.get("ERROR", row["STATUS"]) for row in rows}


def test_rows_of_an_item_belong_together_wherever_they_stand():
    owned = parse_owned_rows("deal", [cup(5, sort=20), cup(4), cup("5", product_name="Mug", sort=10)], [6, 4])
    assert [(str(rows.item), [row.sent["productName"] for row in rows.rows]) for rows in owned] == [
        ("deal 5", ["Mug", "Cup"]),
        ("deal 4", ["Cup"]),
        ("deal 6", []),
    ]
    assert owned[2].call().params == {"ownerType": "D", "ownerId": 6, "productRows": []}


def test_an_item_with_a_row_that_is_not_valid_fails_as_a_whole():
    owned = parse_owned_rows("deal", [cup(4), cup(5), cup(4, price="x"), cup(6)], keep_invalid=True)
    assert [rows.item.entity_id for rows in owned] == [5, 6]
    rows, _ = carried_out(owned, {LIST: lambda _: NONE, SET: echoed, "profile": lambda _: {}})
    assert statuses(rows) == {5: "set", 6: "set"}
    outcomes = fed(
        set_product_rows(owned, Progress(), skip_unchanged=False), lambda call: echoed(call.params)
    )[0]
    assert statuses(outcome.to_json() for outcome in owned.complete(outcomes)) == {
        4: "INVALID_INPUT",
        5: "set",
        6: "set",
    }


def test_a_row_whose_owner_cannot_be_told_is_refused_even_if_the_others_would_be_done():
    for owner in (None, "", "x", 0, 1.5):
        with pytest.raises(InvalidInputError) as caught:
            parse_owned_rows("deal", [cup(4), cup(owner)], keep_invalid=True)
        assert caught.value.description == "rows[1].owner_id: the value is no id"
    with pytest.raises(InvalidInputError, match=r"rows\[0\] is no mapping but a value of the type tuple"):
        parse_owned_rows("deal", [(1, "Jane Doe")], keep_invalid=True)


def test_rows_that_are_no_list_are_not_shown():
    for value in ('{"product_name": "Jane Doe"', cup(1, product_name="Jane Doe"), "Jane Doe", b"Jane Doe"):
        with pytest.raises(InvalidInputError, match="is not a list of product rows") as caught:
            parse_owned_rows("deal", value)
        assert "Jane" not in str(caught.value)


def test_types_without_product_rows_are_refused():
    for kind in ("contact", "company", "order", "activity"):
        with pytest.raises(
            InvalidInputError, match=f"entity_type: items of the type {kind} have no product rows"
        ):
            parse_owned_rows(kind, [])
    [owned] = parse_owned_rows("dynamic_1042", [cup(1, owner_type="T412")])
    assert owned.call().params["ownerType"] == "T412"


def test_columns_that_the_portal_fills_are_named_once_and_not_sent():
    row = cup(1, id=7, priceNetto=3, xml_id=None, owner_type="D")
    owned = parse_owned_rows("deal", [row, cup(2, id=8)])
    assert (
        owned.note == "These columns are not written, because the portal fills them: id, priceNetto, xml_id."
    )
    assert set(owned[0].rows[0].sent) == {"productName", "price", "quantity"}
    assert parse_owned_rows("deal", [cup(1)]).note == ""


def test_an_administrator_reads_fifty_items_with_a_call_and_others_each_by_itself():
    owned = parse_owned_rows("deal", [cup(number) for number in range(1, 121)])
    for admin, calls in ((True, 3), (False, 120)):
        answers = {
            "profile": lambda _, a=admin: {"ADMIN": a},
            LIST: lambda _: NONE,
            SET: echoed,
        }
        rows, works = carried_out(owned, answers)
        assert works == [["profile"], [LIST] * calls, [SET] * 120]
        assert {row["STATUS"] for row in rows} == {"set"}


def test_where_the_portal_drops_a_list_of_items_each_is_read_by_itself():
    def listed(params):
        owner = params["filter"]["=ownerId"]
        return {"productRows": [held(1, 99)] if isinstance(owner, list) else [held(owner, owner)]}

    owned = parse_owned_rows("deal", [cup(4), cup(5, price=3)])
    answers = {"profile": lambda _: {"ADMIN": True}, LIST: listed, SET: echoed}
    rows, works = carried_out(owned, answers)
    assert works == [["profile"], [LIST], [LIST] * 2, [SET]]
    assert statuses(rows) == {4: "unchanged", 5: "set"}


def test_an_item_that_cannot_be_read_is_not_set_and_does_not_hinder_the_others():
    def listed(params):
        return AccessDeniedError("no") if params["filter"]["=ownerId"] == 4 else {"productRows": []}

    owned = parse_owned_rows("deal", [cup(4), cup(5)])
    rows, works = carried_out(owned, {"profile": lambda _: {}, LIST: listed, SET: echoed})
    assert works[-1] == [SET]
    assert statuses(rows) == {4: "ACCESS_DENIED", 5: "set"}


def test_an_item_without_rows_that_is_to_have_none_has_to_exist():
    answers = {
        LIST: lambda _: NONE,
        "crm.item.get": lambda _: NotFoundError("Not found", code="NOT_FOUND"),
    }
    rows, works = carried_out(parse_owned_rows("deal", [], [9]), answers)
    assert works == [[LIST], ["crm.item.get"]]
    assert statuses(rows) == {9: "NOT_FOUND"}
    assert rows[0]["ERROR_DESCRIPTION"].startswith(
        "crm.item.get: NOT_FOUND the list of product rows of deal 9 was not replaced: deal 9 does not exist"
    )


def test_what_the_portal_did_not_take_is_named_by_row_and_column():
    owned = parse_owned_rows("deal", [cup(1), cup(2)])
    cheaper = {"productRows": [held(3, 1, price=1)]}
    answers = {SET: lambda params: cheaper if params["ownerId"] == 1 else NONE}
    rows, _ = carried_out(owned, answers, skip_unchanged=False)
    assert statuses(rows) == {1: "VALUE_NOT_TAKEN", 2: "VALUE_NOT_TAKEN"}
    assert "deal 1 were set, but the portal did not take rows[0].price." in rows[0]["ERROR_DESCRIPTION"]
    assert "deal 2 were set, but the portal answered 0 of 1 row." in rows[1]["ERROR_DESCRIPTION"]


def test_what_an_earlier_try_set_is_neither_read_nor_set_again():
    owned = parse_owned_rows("deal", [cup(4), cup(5)])
    rows, works = carried_out(owned, {LIST: lambda _: NONE, SET: echoed}, progress=Progress({0: "set"}))
    assert works == [[LIST], [SET]]
    assert statuses(rows) == {4: "set", 5: "set"}
