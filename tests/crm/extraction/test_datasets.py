"""Which datasets there are, and which calls read them."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.extraction.datasets import (
    ListDataset,
    OwnedDataset,
    SmallDataset,
    parse_dataset,
)
from airflow_provider_bitrix24.crm.fields.schema import schema_of
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import (
    IncompleteListError,
    InvalidInputError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

SCHEMA = schema_of("deal", {"id": {"type": "integer"}, "title": {}}, names="snake", method="crm.item.fields")


def answered(plan, *answers):
    """Carry a plan out with these results, and return the calls it made and what it returned."""
    made = []
    work = next(plan)
    for results in answers:
        made.append(work.calls)
        outcomes = [
            Outcome(call, Reply(result)) if not isinstance(result, Exception) else Outcome(call, error=result)
            for call, result in zip(work.calls, results, strict=True)
        ]
        try:
            work = plan.send(outcomes)
        except StopIteration as stop:
            return made, stop.value
    raise AssertionError(f"the plan wants more: {work}")


@cases(
    ("name", "method", "type_id", "changed"),
    [
        ("lead", "crm.item.list", 1, "updatedTime"),
        (" Deal ", "crm.item.list", 2, "updatedTime"),
        ("contact", "crm.item.list", 3, "updatedTime"),
        ("company", "crm.item.list", 4, "updatedTime"),
        ("quote", "crm.item.list", 7, "updatedTime"),
        ("smart_invoice", "crm.item.list", 31, "updatedTime"),
        ("dynamic_1042", "crm.item.list", 1042, "updatedTime"),
        ("deal.stage_history", "crm.stagehistory.list", 2, "CREATED_TIME"),
        ("dynamic_1042.stage_history", "crm.stagehistory.list", 1042, "CREATED_TIME"),
    ],
)
def test_lists_by_id(name, method, type_id, changed):
    found = parse_dataset(name)
    assert isinstance(found, ListDataset)
    call = found.call(SCHEMA, {">id": 5})
    assert (call.method, call.params["entityTypeId"], call.params["filter"]) == (method, type_id, {">id": 5})
    assert found.changed_name == changed
    assert found.takes_filter


def test_items_are_selected_field_by_field():
    assert parse_dataset("deal").call(SCHEMA).params == {"entityTypeId": 2, "select": ["id", "title"]}


def test_activities():
    found = parse_dataset("activity")
    assert (found.method, found.id_name, found.changed_name) == ("crm.activity.list", "ID", "LAST_UPDATED")
    assert found.ids_call().params == {"select": ["ID"]}


@cases(
    "name",
    [
        "statuses",
        "stages",
        "pipelines",
        "users",
        "departments",
        "currencies",
        "deal.fields",
        "deal.enum_values",
    ],
)
def test_small_ones_have_no_date_and_no_filter(name):
    found = parse_dataset(name)
    assert isinstance(found, SmallDataset)
    assert not found.changed_name
    assert not found.takes_filter


@cases(
    "name",
    ["dael", "", None, 2, "deal.", "deal.dael", "contact.stage_history", "company.product_rows", "order", "2",
     "dynamic_7", "users.fields", "deal.fields.more", ["deal"]],
)  # fmt: skip
def test_what_is_no_dataset_is_refused(name):
    with pytest.raises(InvalidInputError, match=r"dataset: .* is not a dataset"):
        parse_dataset(name)


def test_what_was_meant_is_told():
    with pytest.raises(InvalidInputError) as caught:
        parse_dataset("deal.product_row")
    assert "deal.product_rows" in caught.value.remedy


@pytest.mark.parametrize("name", ["dynamic_9999", "dynamic_7", "dynamic_9999.stage_history"])
def test_a_number_that_no_smart_process_has_is_refused_with_those_they_have(name):
    with pytest.raises(InvalidInputError, match=r"128 to 191, or even ones from 1030 up.*crm\.type\.list"):
        parse_dataset(name)


@cases("name", ["tasks", "catalog", "dynamic1042", "dynamic_1042.dael"])
def test_where_no_dataset_is_near_all_are_told(name):
    with pytest.raises(InvalidInputError, match=r"Known are lead, deal, .*users"):
        parse_dataset(name)


@pytest.mark.parametrize(
    ("name", "near"), [("dael", "deal"), ("deals", "deal"), ("invoice", "smart_invoice")]
)
def test_a_dataset_that_is_near_is_told(name, near):
    with pytest.raises(InvalidInputError, match=rf"Write .*'{near}'.*, if you meant"):
        parse_dataset(name)


# --- product rows ---


def row(number, owner):
    return {"id": number, "ownerId": owner, "price": 1}


def test_product_rows_of_fifty_items_come_with_one_call():
    dataset = parse_dataset("dynamic_1042.product_rows")
    assert isinstance(dataset, OwnedDataset)
    plan = dataset.read(list(range(1, 121)), together=True)
    pages = [{"productRows": [row(1, 1)]}, {"productRows": [row(2, 60)]}, {"productRows": [row(3, 120)]}]
    [calls], rows = answered(plan, pages)
    assert [len(call.params["filter"]["=ownerId"]) for call in calls] == [50, 50, 20]
    assert {call.params["filter"]["=ownerType"] for call in calls} == {"T412"}
    assert [found["id"] for found in rows] == [1, 2, 3]


def test_a_full_page_of_product_rows_is_followed_by_the_next():
    plan = parse_dataset("deal.product_rows").read([4], together=True)
    first = [row(number, 4) for number in range(1, 51)]
    made, rows = answered(plan, [{"productRows": first}], [{"productRows": [row(99, 4)]}])
    assert made[1][0].params["filter"] == {"=ownerType": "D", "=ownerId": 4, ">id": 50}
    assert len(rows) == 51


def test_a_user_with_fewer_rights_asks_item_by_item():
    plan = parse_dataset("deal.product_rows").read([4, 5], together=False)
    made, _ = answered(plan, [{"productRows": []}, {"productRows": []}])
    assert [call.params["filter"]["=ownerId"] for call in made[0]] == [4, 5]


@cases(
    ("answer", "error"),
    [
        ({"productRows": [row(1, 77)]}, IncompleteListError),  # the filter was dropped
        ({"productRows": [row(2, 4), row(1, 4)]}, IncompleteListError),
        ({"productRows": [{"price": 5}]}, IncompleteListError),
        ({"productRows": "none"}, UnexpectedResultError),
        ({"productRows": ["none"]}, UnexpectedResultError),
        (False, UnexpectedResultError),
    ],
)
def test_other_rows_than_were_asked_for_are_an_error(answer, error):
    with pytest.raises(error):
        answered(parse_dataset("deal.product_rows").read([4], together=True), [answer])


# --- reference data ---


def test_stages_say_whose_they_are_and_what_they_mean():
    rows = [
        {"ID": "1", "ENTITY_ID": "STATUS", "STATUS_ID": "NEW", "SEMANTICS": None},
        {"ID": "2", "ENTITY_ID": "DEAL_STAGE", "STATUS_ID": "WON", "SEMANTICS": "S"},
        {"ID": "3", "ENTITY_ID": "DEAL_STAGE_5", "STATUS_ID": "C5:LOSE", "SEMANTICS": "F"},
        {"ID": "4", "ENTITY_ID": "DYNAMIC_1042_STAGE_7", "STATUS_ID": "DT1042_7:NEW"},
        {"ID": "5", "ENTITY_ID": "SMART_INVOICE_STAGE_3", "STATUS_ID": "DT31_3:N"},
        {"ID": "6", "ENTITY_ID": "SOURCE", "STATUS_ID": "CALL"},
    ]
    _, found = answered(parse_dataset("stages").read(), [rows])
    assert [
        (stage["ENTITY_TYPE"], stage["CATEGORY_ID"], stage["STAGE_ID"], stage["STAGE_SEMANTIC_ID"])
        for stage in found
    ] == [
        ("lead", None, "NEW", "P"), ("deal", 0, "WON", "S"), ("deal", "5", "C5:LOSE", "F"),
        ("dynamic_1042", "7", "DT1042_7:NEW", "P"), ("smart_invoice", "3", "DT31_3:N", "P"),
    ]  # fmt: skip


def test_options_of_list_fields_are_rows():
    described = {
        "title": {"type": "string", "upperName": "TITLE"},
        "ufCrmColour": {
            "type": "enumeration",
            "upperName": "UF_CRM_COLOUR",
            "items": [{"ID": "7", "VALUE": "Red"}, {"ID": "9", "VALUE": "Blue"}],
        },
    }
    _, rows = answered(parse_dataset("deal.enum_values").read(), [{"fields": described}])
    assert rows == [
        {"field": "uf_crm_colour", "id": "7", "value": "Red", "sort": 0},
        {"field": "uf_crm_colour", "id": "9", "value": "Blue", "sort": 1},
    ]


@cases("name", ["statuses", "stages", "currencies", "deal.fields"])
@cases("answer", [False, None, "<html>", {"x": 1}, [1]])
def test_small_datasets_take_no_other_answer_for_rows(name, answer):
    with pytest.raises(UnexpectedResultError):
        answered(parse_dataset(name).read(), [answer])
