from __future__ import annotations

import pytest

from airflow_provider_bitrix24.crm.cards import card_address
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import related_items
from airflow_provider_bitrix24.crm.stages import stages_call, stages_of
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError


@pytest.mark.parametrize(
    ("item", "category", "entity_id"),
    [
        ("L_1", 0, "STATUS"),
        ("D_1", 0, "DEAL_STAGE"),
        ("D_1", 3, "DEAL_STAGE_3"),
        ("Q_1", 0, "QUOTE_STATUS"),
        ("SI_1", 2, "SMART_INVOICE_STAGE_2"),
        ("dynamic_1042_1", 7, "DYNAMIC_1042_STAGE_7"),
    ],
)
def test_the_list_of_a_pipeline(item, category, entity_id):
    assert stages_call(CrmItem.parse(item), category).params == {"filter": {"ENTITY_ID": entity_id}}


def test_what_stages_mean():
    rows = [
        {"STATUS_ID": "NEW", "SEMANTICS": None, "EXTRA": {"SEMANTICS": "process"}},
        {"STATUS_ID": "WON", "SEMANTICS": "S"},
        {"STATUS_ID": "LOSE", "SEMANTICS": "F", "EXTRA": {"SEMANTICS": "failure"}},
        {"STATUS_ID": "APOLOGY", "SEMANTICS": "F", "EXTRA": {"SEMANTICS": "apology"}},
        {"STATUS_ID": "PLAIN", "EXTRA": []},
        {"STATUS_ID": "OLD", "SEMANTICS": "success"},
    ]
    assert list(stages_of(rows).values()) == [
        "process",
        "success",
        "failure",
        "failure",
        "process",
        "success",
    ]


@pytest.mark.parametrize("answer", [None, {}, [{}], ["x"], [{"ID": 1}], 7])
def test_an_answer_that_is_no_list_of_stages(answer):
    if answer == {}:
        assert stages_of(answer) == {}
        return
    with pytest.raises(UnexpectedResultError):
        stages_of(answer)


def test_what_an_item_is_connected_with():
    fields = {
        "id": 10,
        "contactId": 3,
        "contactIds": [3, "4"],
        "companyId": "7",
        "mycompanyId": 9,
        "leadId": 0,
        "quoteId": None,
        "parentId1042": 5,
        "parentId2": 10,
        "parentId31": "",
        "title": "contactId",
    }
    found = related_items(CrmItem("deal", 10), {"item": fields})
    assert [str(item) for item in found] == ["company 7", "contact 3", "contact 4", "dynamic_1042 5"]


@pytest.mark.parametrize("answer", [None, [], {}, {"item": []}, {"item": {"id": 11}}])
def test_an_answer_that_is_another_item(answer):
    with pytest.raises(UnexpectedResultError):
        related_items(CrmItem("deal", 10), answer)


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("item", ["I_1", "shipment_document_1", "activity_1", "SBD_1"])
def test_what_has_no_card(item):
    assert card_address("https://p.bitrix24.com", CrmItem.parse(item)) == ""


def test_the_numbers_of_types():
    for number in (1, 2, 3, 4, 5, 7, 14, 16, 17, 31, 36, 128, 1042):
        assert CrmItem.of_type_id(number, 1).type_id == number
    with pytest.raises(InvalidInputError, match="no number of the type 'smart_b2e_doc' is known"):
        _ = CrmItem("smart_b2e_doc", 1).type_id
