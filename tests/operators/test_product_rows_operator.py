"""Product rows set by the operator and the hook in the portal in a box."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from operator_alone import GONE, Store, card, context_of, fails, quick, run

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, ValueNotTakenError
from airflow_provider_bitrix24.operators.items import SetProductRowsOperator

SET = "crm.item.productrow.set"
CUP = {"productName": "Cup", "price": 2.5, "quantity": 4}


def outcome(number, status):
    return {"ENTITY_TYPE": "deal", "ENTITY_ID": number, "STATUS": status}


def rows_of(portal, number):
    return [
        (row["PRODUCT_NAME"], row["PRICE"], row["QUANTITY"]) for row in portal.product_rows("deal", number)
    ]


def opportunity(number):
    item = Bitrix24Hook().call("crm.item.get", {"entityTypeId": 2, "id": number})["item"]
    return item["opportunity"]


def test_what_was_extracted_is_changed_and_set_again(portal, written):
    discount = {"discountRate": 10, "taxRate": 20, "taxIncluded": "Y", "productId": 7, "sort": 20}
    amount = {"discountTypeId": 1, "discountSum": 3, "taxRate": 0, "sort": 10}
    portal.add_product_rows("deal", 1, [{**CUP, **discount}, {**CUP, "productName": "Mug", **amount}])
    portal.add_product_rows("deal", 2, [CUP, CUP])
    hook = Bitrix24Hook()
    rows = [row for row in hook.crm_rows("deal.product_rows") if row["owner_id"] in (1, 2)]
    unchanged = [outcome(1, "unchanged"), outcome(2, "unchanged")]
    assert run(SetProductRowsOperator, entity_type="deal", rows=rows)[1] == unchanged
    assert "deal 1 already had 2 product rows; deal 2 already had 2 product rows." in written()
    assert portal.calls(SET) == []
    for row in rows:
        if row["product_name"] == "Mug":
            row |= {"price": Decimal("4.75"), "quantity": Decimal(2)}
    operator, result, _ = run(SetProductRowsOperator, entity_type="deal", rows=rows)
    assert result == [outcome(1, "set"), outcome(2, "unchanged")]
    assert rows_of(portal, 1) == [("Mug", 4.75, 2.0), ("Cup", 2.5, 4.0)]
    assert opportunity(1) == 19.5
    assert operator.card_address == card(portal, "deal", 1)
    after = [row for row in hook.crm_rows("deal.product_rows") if row["owner_id"] in (1, 2)]
    again = hook.set_product_rows("deal", after)
    assert sorted(again, key=lambda row: row["ENTITY_ID"]) == unchanged
    assert {row["discount_sum"] for row in after if row["product_name"] == "Mug"} == {Decimal(3)}
    lines = written()
    assert "deal 1 now has 2 product rows; deal 2 already had 2 product rows." in lines
    assert "These columns are not written, because the portal fills them: id, price_account, " in lines


def test_rows_come_as_json_and_from_other_tasks(portal):
    rows = json.dumps([{"owner_id": "1", "product_name": "Cup", "price": 0.1, "quantity": 3}])
    assert run(SetProductRowsOperator, entity_type="Deal", rows=rows)[1] == [outcome(1, "set")]
    assert portal.calls(SET)[0].params["productRows"] == [
        {"productName": "Cup", "price": "0.1", "quantity": "3"}
    ]
    lazy = ({"owner_id": n, "product_name": "Cup", "price": 1, "quantity": 1} for n in (2, 3))
    assert run(SetProductRowsOperator, entity_type="deal", rows=lazy)[1] == [
        outcome(2, "set"),
        outcome(3, "set"),
    ]


def test_items_that_are_named_lose_rows_that_are_not_given(portal):
    portal.add_product_rows("deal", 1, [CUP])
    _, result, _ = run(SetProductRowsOperator, entity_type="deal", rows=[], owner_ids=["1", 2])
    assert result == [outcome(1, "set"), outcome(2, "unchanged")]
    assert rows_of(portal, 1) == []
    assert opportunity(1) == 0
    assert run(SetProductRowsOperator, entity_type="deal", rows=[])[1] == []


def test_outcomes_of_items_that_fail_are_pushed_before_the_task_fails(portal, guest, written):
    rows = [{"owner_id": n, "product_name": "Jane Doe", "price": 1, "quantity": 1} for n in (1, GONE)]
    for skip in (True, False):
        _, pushed = fails(
            SetProductRowsOperator, Exception, entity_type="deal", rows=rows, skip_unchanged=skip
        )
        assert [row.get("ERROR") for row in pushed["outcomes"]] == [None, "OWNER_NOT_FOUND"]
        assert "the portal has no deal 999999." in pushed["outcomes"][1]["ERROR_DESCRIPTION"]
    rows[0]["owner_id"] = 2
    _, pushed = fails(SetProductRowsOperator, Exception, entity_type="deal", rows=rows, **guest)
    assert [row.get("ERROR") for row in pushed["outcomes"]] == ["ACCESS_DENIED", "ACCESS_DENIED"]
    assert "Jane Doe" not in written()


def test_a_value_that_the_portal_changes_is_an_error_that_does_not_repeat_it(portal, written):
    answer = {"productRows": [{"id": 5, "ownerId": 1, "productName": "Other", "price": 1, "quantity": 2}]}
    portal.inject("result", SET, result=answer)
    rows = [{"owner_id": 1, "product_name": "Jane Doe", "price": 1, "quantity": 2}]
    error, pushed = fails(SetProductRowsOperator, ValueNotTakenError, entity_type="deal", rows=rows)
    assert "did not take rows[0].product_name" in str(error)
    assert pushed["outcomes"][0]["ERROR"] == "VALUE_NOT_TAKEN"
    assert "Jane Doe" not in written() + str(error) + json.dumps(pushed)


def test_a_request_without_an_answer_is_sent_again(portal):
    portal.inject("drop_after", SET)
    rows = [{"owner_id": 1, "product_name": "Cup", "price": 1, "quantity": 1}]
    assert run(SetProductRowsOperator, entity_type="deal", rows=rows)[1] == [outcome(1, "set")]
    assert len(portal.calls(SET)) == 2
    assert rows_of(portal, 1) == [("Cup", 1.0, 1.0)]


def test_another_try_sets_only_what_is_left(portal):
    rows = [{"owner_id": n, "product_name": "Cup", "price": 1, "quantity": 1} for n in (1, 2)]
    arguments = {"entity_type": "deal", "rows": rows, "skip_unchanged": False}
    portal.inject("error", SET, code="ACCESS_DENIED", params={"ownerId": 2}, times=None)
    store = Store()
    fails(SetProductRowsOperator, Exception, context_of(1, 1, task_state_store=store), **arguments)
    assert "Cup" not in repr(store)
    portal.faults.clear()
    portal.clear_journal()
    operator = quick(SetProductRowsOperator, **arguments)
    type(operator).__name__ = "SetProductRowsOperator"
    result = operator.execute(context_of(2, 1, task_state_store=store))
    assert result == [outcome(1, "set"), outcome(2, "set")]
    assert [call.params["ownerId"] for call in portal.calls(SET)] in ([2], ["2"])


def test_what_stands_in_the_dag_file_is_checked_when_it_is_parsed():
    for arguments, message in [
        ({"entity_type": "contact", "rows": "{{ rows }}"}, "have no product rows"),
        (
            {"entity_type": "deal", "rows": [{"owner_id": 1, "price": "x"}]},
            r"rows\[0\].price: the value is no",
        ),
        ({"entity_type": "deal", "rows": [], "owner_ids": ["x"]}, r"owner_ids\[0\]: 'x' is not an id"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            SetProductRowsOperator(task_id="t", **arguments)


def test_fail_on_never_sets_the_other_items(portal):
    rows = [{"owner_id": n, "product_name": "Cup", "price": p, "quantity": 1} for n, p in ((1, "x"), (2, 1))]
    _, result, _ = run(SetProductRowsOperator, entity_type="deal", rows=rows, fail_on="never")
    assert [(row["ENTITY_ID"], row.get("ERROR")) for row in result] == [(1, "INVALID_INPUT"), (2, None)]
