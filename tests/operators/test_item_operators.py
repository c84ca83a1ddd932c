"""The operators that write items, executed on their own: results, log, links, second tries."""

from __future__ import annotations

import numpy
import pytest
from operator_alone import Store, card, context_of, fails, run

from airflow_provider_bitrix24.hooks.errors import (
    AmbiguousWriteError,
    Bitrix24Error,
    InvalidInputError,
    ValueNotTakenError,
)
from airflow_provider_bitrix24.operators.items import (
    CreateCrmItemsOperator,
    DeleteCrmItemsOperator,
    UpdateCrmItemsOperator,
    UpsertCrmItemsOperator,
)

ADD, UPDATE, DELETE = (f"crm.item.{verb}" for verb in ("add", "update", "delete"))
DEALS = {"entity_type": "deal"}


def statuses(rows):
    return [row["STATUS"] for row in rows]


def test_rows_are_created_and_their_own_columns_come_back(portal, written):
    rows = [{"title": "Fair", "invoice": "A-1"}, {"title": "Show", "invoice": None}]
    operator, result, pushed = run(CreateCrmItemsOperator, **DEALS, rows=rows, pass_through=["invoice"])
    numbers = [row["ENTITY_ID"] for row in result]
    assert [portal.items("deal")[number]["TITLE"] for number in numbers] == ["Fair", "Show"]
    assert [row["invoice"] for row in result] == ["A-1", None]
    assert set(result[0]) == {"ENTITY_TYPE", "ENTITY_ID", "STATUS", "invoice"}
    assert pushed == {}
    assert operator.card_address == card(portal, "deal", numbers[0])
    assert f"Deal {numbers[0]} and deal {numbers[1]} were created." in written()


def test_rows_may_be_json_and_the_log_counts_many(portal, written):
    rows = "[" + ",".join(f'{{"title": "Deal {n}"}}' for n in range(7)) + "]"
    _, result, _ = run(CreateCrmItemsOperator, **DEALS, rows=rows)
    assert statuses(result) == ["created"] * 7
    assert "7 items: 7 created." in written()


def test_a_table_is_refused_with_how_to_give_its_rows(portal):
    """Else each of its columns would be a row that failed."""
    table = numpy.array([["id", "title"]], dtype=object)
    error, _ = fails(UpdateCrmItemsOperator, InvalidInputError, **DEALS, rows=table, fail_on="never")
    assert "rows: a value of the type ndarray is not a list of rows" in str(error)
    assert "df.to_dict('records')" in str(error)


def test_what_failed_is_told_by_row_and_reason(portal, written):
    rows = [{"id": 1, "title": "New"}, {"id": 999, "title": "New"}]
    error, pushed = fails(UpdateCrmItemsOperator, Bitrix24Error, **DEALS, rows=rows)
    assert statuses(pushed["outcomes"]) == ["updated", "failed"]
    assert "rows[1]: deal 999 was not changed" in str(error)
    assert "Failed: rows[1]: crm.item.get at" in written()


def test_literals_are_checked_when_the_dag_file_is_parsed():
    wrong = [
        (CreateCrmItemsOperator, {"entity_type": "dael", "rows": []}, "entity_type"),
        (CreateCrmItemsOperator, {"entity_type": "activity", "rows": []}, "entity_type"),
        (UpsertCrmItemsOperator, {**DEALS, "rows": [], "key": []}, "key"),
        (UpsertCrmItemsOperator, {**DEALS, "rows": [], "key": "x", "timezone": "Mars"}, "timezone"),
        (UpdateCrmItemsOperator, {**DEALS, "rows": [], "phones": "both"}, "phones"),
        (UpdateCrmItemsOperator, {**DEALS, "rows": [], "nulls": "none"}, "nulls"),
        (UpdateCrmItemsOperator, {**DEALS, "rows": [], "skip_unchanged": 1}, "skip_unchanged"),
        (DeleteCrmItemsOperator, {**DEALS, "ids": [], "max_items": 0}, "max_items"),
    ]
    for cls, arguments, name in wrong:
        with pytest.raises(InvalidInputError, match=f"^{name}"):
            cls(task_id="t", **arguments)


def test_no_rows_are_nothing_to_do(portal, written):
    assert run(UpsertCrmItemsOperator, **DEALS, rows=[], key="origin_id")[1] == []
    assert "The list of items is empty: nothing to do." in written()


def test_a_second_try_goes_on_where_the_first_ended(portal):
    store = Store()
    rows = [{"title": f"Deal {n}"} for n in range(60)]
    portal.inject("error", ADD, code="", status=400, params={"fields": {"title": "Deal 7"}})
    fails(CreateCrmItemsOperator, Bitrix24Error, context_of(1, 1, task_state_store=store), **DEALS, rows=rows)
    _, result, _ = run(CreateCrmItemsOperator, context_of(2, 1, task_state_store=store), **DEALS, rows=rows)
    assert statuses(result) == ["created"] * 60
    titles = [item["TITLE"] for item in portal.items("deal").values()]
    assert [titles.count(row["title"]) for row in rows] == [1] * 60


def test_an_item_that_did_not_take_a_value_is_not_created_again(portal):
    """A second try changes the item that the first one made."""
    store = Store()
    rows = [{"title": "Fair", "company_id": 999}]
    error, pushed = fails(
        CreateCrmItemsOperator,
        ValueNotTakenError,
        context_of(1, 1, task_state_store=store),
        **DEALS,
        rows=rows,
    )
    number = pushed["outcomes"][0]["ENTITY_ID"]
    assert "company_id" in str(error)
    portal.add_item("company", {"TITLE": "Late"}, 999)
    _, result, _ = run(CreateCrmItemsOperator, context_of(2, 1, task_state_store=store), **DEALS, rows=rows)
    assert [(row["ENTITY_ID"], row["STATUS"]) for row in result] == [(number, "created")]
    assert portal.items("deal")[number]["COMPANY_ID"] == "999"


def test_without_a_store_a_second_try_creates_nothing_twice(portal, long_waits_skipped):
    rows = [{"title": "Fair", "origin_id": "A1"}]
    run(CreateCrmItemsOperator, **DEALS, rows=rows)
    _, pushed = fails(CreateCrmItemsOperator, AmbiguousWriteError, context_of(2, 1), **DEALS, rows=rows)
    assert statuses(pushed["outcomes"]) == ["failed"]
    _, result, _ = run(CreateCrmItemsOperator, context_of(2, 1), **DEALS, rows=rows, key="origin_id")
    assert statuses(result) == ["unchanged"]
    assert len(portal.calls(ADD)) == 1


def test_a_task_that_deletes_too_much_deletes_nothing(portal, written):
    numbers = list(portal.items("deal"))
    fails(DeleteCrmItemsOperator, InvalidInputError, **DEALS, ids=[*numbers, 7, 8, 9], max_items=2)
    assert list(portal.items("deal")) == numbers
    _, result, _ = run(DeleteCrmItemsOperator, **DEALS, ids=[numbers[0]])
    assert statuses(result) == ["deleted"]
    assert f"Deal {numbers[0]} was deleted." in written()
