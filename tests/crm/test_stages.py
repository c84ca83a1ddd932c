"""Pipelines and their stages, and where an item's card is."""

from __future__ import annotations

import re

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.cards import card_address
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.stages import Stage, check_semantic, has_stages, stages_call, stages_of
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError


@cases(
    ("item", "category", "entity_id"),
    [
        ("L_1", 0, "STATUS"),
        ("D_1", 0, "DEAL_STAGE"),
        ("D_1", 3, "DEAL_STAGE_3"),
        ("Q_1", 0, "QUOTE_STATUS"),
        ("L_1", 3, "STATUS"),
        ("Q_1", 3, "QUOTE_STATUS"),
        ("SI_1", 2, "SMART_INVOICE_STAGE_2"),
        ("SI_1", 0, "SMART_INVOICE_STAGE_0"),
        ("dynamic_1042_1", 7, "DYNAMIC_1042_STAGE_7"),
    ],
)
def test_the_list_of_a_pipeline(item, category, entity_id):
    assert stages_call(CrmItem.parse(item), category).params == {"filter": {"ENTITY_ID": entity_id}}


@cases(
    ("row", "meaning"),
    [
        ({"SEMANTICS": None, "EXTRA": {"SEMANTICS": "process"}}, "process"),
        ({"SEMANTICS": "F", "EXTRA": {"SEMANTICS": "failure"}}, "failure"),
        ({"SEMANTICS": "F", "EXTRA": {"SEMANTICS": "apology"}}, "failure"),
        ({"SEMANTICS": "F", "EXTRA": {"SEMANTICS": "success"}}, "success"),
        ({"EXTRA": {"SEMANTICS": "success"}}, "success"),
        ({"SEMANTICS": "S", "EXTRA": {"SEMANTICS": ""}}, "success"),
        ({"SEMANTICS": "S", "EXTRA": {}}, "success"),
        ({"SEMANTICS": "S", "EXTRA": []}, "success"),
        ({"SEMANTICS": "S"}, "success"),
        ({"SEMANTICS": "success"}, "success"),
        ({"SEMANTICS": "apology"}, "failure"),
        ({"SEMANTICS": "F"}, "failure"),
        ({"SEMANTICS": "f"}, "failure"),
        ({"SEMANTICS": "Success"}, "success"),
        ({"SEMANTICS": "P"}, "process"),
        ({"SEMANTICS": "X"}, "process"),
        ({"SEMANTICS": ""}, "process"),
        ({"EXTRA": []}, "process"),
        ({}, "process"),
    ],
)
def test_what_a_stage_means(row, meaning):
    assert stages_of([{"STATUS_ID": "A"} | row]) == {"A": Stage("A", "", meaning)}


def test_stages_keep_their_order_and_their_ids_are_texts():
    rows = [{"STATUS_ID": "WON", "SEMANTICS": "S"}, {"STATUS_ID": 5}, {"STATUS_ID": "LOSE", "SEMANTICS": "F"}]
    assert [(key, stage.stage_id, stage.semantic) for key, stage in stages_of(rows).items()] == [
        ("WON", "WON", "success"),
        ("5", "5", "process"),
        ("LOSE", "LOSE", "failure"),
    ]


def test_a_stage_is_named_as_people_call_it():
    assert str(stages_of([{"STATUS_ID": "C1:EXECUTING", "NAME": "Execute"}])["C1:EXECUTING"]) == (
        "Execute (C1:EXECUTING)"
    )
    assert str(stages_of([{"STATUS_ID": "NEW"}])["NEW"]) == "NEW"


@pytest.mark.parametrize("answer", [[], {}])
def test_a_pipeline_without_stages(answer):
    assert stages_of(answer) == {}


@cases("answer", [None, [{}], ["x"], [None], [{"ID": 1}], 7])
def test_an_answer_that_is_no_list_of_stages(answer):
    with pytest.raises(UnexpectedResultError, match=r"^crm\.status\.list: a list without stages$"):
        stages_of(answer)


@pytest.mark.parametrize("value", ["success", "failure", "process"])
def test_what_a_stage_may_be_waited_to_mean(value):
    assert check_semantic(value) == value


@cases("value", [None, "", "Success", "S", "apology", 1, ["success"]])
def test_what_no_stage_means(value):
    problem = f"stage_semantic: {value!r} is none of success, failure, process"
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}$"):
        check_semantic(value)


@cases(
    ("item", "expected"),
    [
        ("L_1", True),
        ("D_1", True),
        ("Q_1", True),
        ("SI_1", True),
        ("dynamic_1042_1", True),
        ("C_1", False),
        ("CO_1", False),
        ("I_1", False),
        ("O_1", False),
    ],
)
def test_which_items_stand_in_stages(item, expected):
    assert has_stages(CrmItem.parse(item)) is expected


@cases(
    ("item", "path"),
    [
        ("D_10", "/crm/deal/details/10/"),
        ("L_1", "/crm/lead/details/1/"),
        ("Q_2", "/crm/type/7/details/2/"),
        ("SI_2", "/crm/type/31/details/2/"),
        ("dynamic_1042_3", "/crm/type/1042/details/3/"),
        ("O_4", "/shop/orders/details/4/"),
        ("OP_4", "/shop/orders/payment/details/4/"),
    ],
)
def test_where_a_card_is(item, path):
    assert card_address("https://p.bitrix24.com", CrmItem.parse(item)) == f"https://p.bitrix24.com{path}"


@cases("item", ["I_1", "shipment_document_1", "activity_1", "SBD_1"])
def test_what_has_no_card(item):
    assert card_address("https://p.bitrix24.com", CrmItem.parse(item)) == ""


def test_the_numbers_of_types():
    for number in (1, 2, 3, 4, 5, 7, 14, 16, 17, 31, 36, 128, 1042):
        assert CrmItem.of_type_id(number, 1).type_id == number
    with pytest.raises(InvalidInputError, match="no number of the type 'smart_b2e_doc' is known"):
        _ = CrmItem("smart_b2e_doc", 1).type_id
