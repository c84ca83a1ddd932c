"""What an item is connected with, and the plan of asking whether items exist, without a portal."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import (
    check_readable,
    fields_of,
    is_readable,
    item_call,
    item_result,
    read_related_items,
    related_items,
)
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    Bitrix24Error,
    InvalidInputError,
    NotFoundError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

DEAL = CrmItem("deal", 10)
LEAD = CrmItem("lead", 11)
ORDER = CrmItem("order", 12)


# ---------------------------------------------------------------- which items can be asked for


@cases("item", ["L_1", "D_1", "C_1", "CO_1", "Q_1", "SI_1", "dynamic_1042_1", "dynamic_128_1"])
def test_an_item_whose_connections_can_be_asked_for(item):
    parsed = CrmItem.parse(item)
    assert is_readable(parsed)
    assert check_readable(parsed) is parsed


@cases("item", ["I_1", "O_1", "OP_1", "OS_1", "DO_1", "SBD_1", "activity_1"])
@cases(("field", "name"), [({}, "related_to"), ({"field": "item"}, "item")])
def test_an_item_whose_connections_cannot_be_asked_for(item, field, name):
    parsed = CrmItem.parse(item)
    assert not is_readable(parsed)
    problem = (
        f"{name}: the fields of {parsed} cannot be read. Give an item of one of the types "
        "lead, deal, contact, company, quote, smart_invoice, dynamic_<number>."
    )
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}$"):
        check_readable(parsed, **field)


def test_the_call_for_an_item_of_a_type_without_a_number():
    with pytest.raises(InvalidInputError, match="no number of the type 'smart_b2e_doc' is known"):
        item_call(CrmItem("smart_b2e_doc", 1))


# ---------------------------------------------------------------- what it is connected with


@pytest.mark.parametrize("number", [10, "10"])
def test_the_fields_of_an_item(number):
    fields = {"id": number, "title": "A"}
    assert fields_of(DEAL, {"item": fields}) == fields


@cases(
    "answer", [None, [], {}, "item", {"item": []}, {"item": {}}, {"item": {"id": 11}}, {"item": {"id": None}}]
)
@cases("read", [fields_of, related_items])
def test_an_answer_that_is_another_item(read, answer):
    problem = "crm.item.get: asked for deal 10, the portal answered another or none"
    with pytest.raises(UnexpectedResultError, match=f"^{problem}$"):
        read(DEAL, answer)


@pytest.mark.parametrize("field", [{}, {"field": "related_to"}])
def test_an_item_that_does_not_exist_is_named_by_where_it_stands(field):
    gone = Outcome(item_call(DEAL), error=NotFoundError("gone", code="X", portal="p"))
    with pytest.raises(NotFoundError) as raised:
        item_result(DEAL, gone, **field)
    assert raised.value.description == f"{field.get('field', 'item')}: deal 10 does not exist"
    assert (raised.value.code, raised.value.portal) == ("X", "p")


def read_related(item: CrmItem, answer: Any, **field: str) -> list[CrmItem]:
    plan = read_related_items(item, **field)
    [call] = next(plan).calls
    assert call == item_call(item)
    error = answer if isinstance(answer, Bitrix24Error) else None
    try:
        plan.send([Outcome(call, None if error else Reply(answer), error)])
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it asks for more")


def test_what_an_item_is_connected_with_is_read_in_one_call():
    answer = {"item": {"id": 10, "companyId": 4, "contactIds": [3]}}
    assert read_related(DEAL, answer) == [CrmItem("company", 4), CrmItem("contact", 3)]


@pytest.mark.parametrize(("field", "name"), [({}, "item"), ({"field": "related_to"}, "related_to")])
def test_connections_that_cannot_be_read(field, name):
    with pytest.raises(NotFoundError, match=f"{name}: deal 10 does not exist"):
        read_related(DEAL, NotFoundError("gone"), **field)
    with pytest.raises(InvalidInputError, match=f"^{name}: the fields of order 12 cannot be read"):
        next(read_related_items(ORDER, **field))
    with pytest.raises(AccessDeniedError):
        read_related(DEAL, AccessDeniedError("denied"), **field)
    with pytest.raises(UnexpectedResultError):
        read_related(DEAL, {"item": {"id": 11}}, **field)


def related(**fields: Any) -> list[str]:
    return [str(item) for item in related_items(DEAL, {"item": {"id": 10} | fields})]


@cases(
    ("name", "found"),
    [
        ("contactId", ["contact 7"]),
        ("contactIds", ["contact 7"]),
        ("companyId", ["company 7"]),
        ("companyIds", ["company 7"]),
        ("leadId", ["lead 7"]),
        ("dealId", ["deal 7"]),
        ("quoteId", ["quote 7"]),
        ("parentId1", ["lead 7"]),
        ("parentId31", ["smart_invoice 7"]),
        ("parentId1042", ["dynamic_1042 7"]),
        ("mycompanyId", []),
        ("parentId0", []),
        ("parentId", []),
        ("parentId1042x", []),
        ("xparentId1042", []),
        ("title", []),
    ],
)
def test_the_field_of_a_connection(name, found):
    assert related(**{name: 7}) == found


@cases(
    ("value", "found"),
    [
        (1, ["contact 1"]),
        ("1", ["contact 1"]),
        ([3, "2"], ["contact 2", "contact 3"]),
        ([2, "2", 0, None, ""], ["contact 2"]),
        (0, []),
        ("0", []),
        (-1, []),
        (None, []),
        ("", []),
        ([], []),
        ("1.5", []),
        ("\u0661", []),
        ("\u00b2", []),
        ({"id": 1}, []),
    ],
)
def test_the_ids_in_a_field(value, found):
    assert related(contactIds=value) == found


def test_connections_are_told_once_in_order_and_without_the_item_itself():
    found = related(contactIds=[4, 3], contactId=3, companyId="7", parentId2=10, dealId=9, parentId1042=5)
    assert found == ["company 7", "contact 3", "contact 4", "deal 9", "dynamic_1042 5"]
