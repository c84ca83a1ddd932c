from __future__ import annotations

import pytest
from bad_values import BAD_IDS, BAD_TYPES, GOOD_TYPES
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.items import ENTITY_TYPES, CrmItem, parse_entity_type
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_DYNAMIC = st.one_of(st.integers(128, 191), st.integers(515, 10**6).map(lambda number: 2 * number))
_TYPES = st.one_of(st.sampled_from(sorted(ENTITY_TYPES)), _DYNAMIC.map("dynamic_{}".format))
_ITEMS = st.builds(CrmItem, _TYPES, st.integers(1, 2**63 - 1))


@cases(("value", "name"), GOOD_TYPES)
def test_a_type(value, name):
    assert parse_entity_type(value, "entity_type") == name


@cases("value", BAD_TYPES)
def test_no_type(value):
    with pytest.raises(InvalidInputError) as caught:
        parse_entity_type(value, "entity_type")
    message = str(caught.value)
    assert message.startswith(f"entity_type: {shown(value)} is not a type of CRM item. Give its name: deal")


@cases(
    ("value", "item"),
    [
        pytest.param(value, item, id=shown(value))
        for value, item in [
            (("deal", 10), CrmItem("deal", 10)),
            (["deal", "10"], CrmItem("deal", 10)),
            ((" Deal ", 10), CrmItem("deal", 10)),
            ({"entity_type": "deal", "entity_id": 10}, CrmItem("deal", 10)),
            ({"ENTITY_TYPE": "DEAL", "ENTITY_ID": "10"}, CrmItem("deal", 10)),
            ({"entity_type": "deal", "ENTITY_ID": 10}, CrmItem("deal", 10)),
            (CrmItem("deal", 10), CrmItem("deal", 10)),
            ("D_10", CrmItem("deal", 10)),
            (" D_10 ", CrmItem("deal", 10)),
            ("d_10", CrmItem("deal", 10)),
            ("deal_10", CrmItem("deal", 10)),
            ("DEAL_10", CrmItem("deal", 10)),
            ("L_1", CrmItem("lead", 1)),
            ("C_2", CrmItem("contact", 2)),
            ("CO_3", CrmItem("company", 3)),
            ("Q_4", CrmItem("quote", 4)),
            ("I_5", CrmItem("invoice", 5)),
            ("SI_6", CrmItem("smart_invoice", 6)),
            ("smart_invoice_6", CrmItem("smart_invoice", 6)),
            ("O_7", CrmItem("order", 7)),
            ("DO_8", CrmItem("smart_document", 8)),
            ("T80_6", CrmItem("dynamic_128", 6)),
            ("T4c4_6", CrmItem("dynamic_1220", 6)),
            ("T4C4_6", CrmItem("dynamic_1220", 6)),
            ("Tfa0_6", CrmItem("dynamic_4000", 6)),
            ("dynamic_1042_6", CrmItem("dynamic_1042", 6)),
        ]
    ],
)
def test_an_item(value, item):
    assert CrmItem.parse(value) == item


@cases(
    "value",
    [
        pytest.param(value, id="a set" if isinstance(value, set) else shown(value))
        for value in [
            None,
            7,
            "",
            "D",
            "10",
            "D_",
            "_10",
            "X_10",
            "D_10_20",
            "D-10",
            "D 10",
            "deal",
            "smart_invoice",
            "dynamic_128",
            "dynamic_12_5",
            "deal_1e3",
            "deal_ 10",
            "deal_0",
            "D_-5",
            "D_\u0661",
            "D_9223372036854775808",
            "Tc0_6",
            "T413_6",
            "Tzz_6",
            "2_10",
            (),
            ("deal",),
            ("deal", 10, 20),
            frozenset({"deal"}),
            b"D_10",
            10.0,
        ]
    ],
)
def test_no_item(value):
    with pytest.raises(InvalidInputError) as caught:
        CrmItem.parse(value, "source")
    assert str(caught.value).startswith("source: ")
    assert caught.value.remedy


@cases("value", BAD_IDS)
@cases(
    "spelling",
    [
        lambda value: ("deal", value),
        lambda value: {"entity_type": "deal", "entity_id": value},
        lambda value: {"ENTITY_TYPE": "deal", "ENTITY_ID": value},
    ],
    ids=["tuple", "mapping", "the API's mapping"],
)
def test_an_item_with_a_bad_id(spelling, value):
    with pytest.raises(InvalidInputError) as caught:
        CrmItem.parse(spelling(value), "items[3]")
    assert str(caught.value).startswith(f"items[3].entity_id: {shown(value)} is not an id")


@cases("value", BAD_TYPES)
def test_an_item_with_a_bad_type(value):
    with pytest.raises(InvalidInputError) as caught:
        CrmItem.parse((value, 10))
    assert str(caught.value).startswith(f"item.entity_type: {shown(value)} is not a type")


@cases(
    ("mapping", "problem"),
    [
        ({"entity_type": "deal"}, "has no 'entity_id'"),
        ({"entity_id": 10}, "has no 'entity_type'"),
        ({}, "has no 'entity_type'"),
        (
            {"entity_type": "deal", "ENTITY_TYPE": "deal", "entity_id": 10},
            "has both 'entity_type' and 'ENTITY_TYPE'",
        ),
        (
            {"entity_type": "deal", "entity_id": 10, "ENTITY_ID": 11},
            "has both 'entity_id' and 'ENTITY_ID'",
        ),
        ({"entity_type": "deal", "entity_id": 10, "record_id": 5}, "has an unknown key 'record_id'"),
        ({"entity_type": "deal", "entity_id": 10, 7: 5}, "has an unknown key 7"),
        ({"entityTypeId": 2, "id": 10}, "has an unknown key 'entityTypeId'"),
    ],
)
def test_a_mapping_that_is_no_item(mapping, problem):
    with pytest.raises(InvalidInputError) as caught:
        CrmItem.parse(mapping, "item")
    message = str(caught.value)
    assert message.startswith("item: the mapping of [")
    assert problem in message
    assert caught.value.remedy


@given(_ITEMS)
def test_every_spelling_of_an_item_is_the_item(item):
    kind, number = item.entity_type, item.entity_id
    spellings = [
        (kind, number),
        [kind.upper(), str(number)],
        {"entity_type": kind, "entity_id": number},
        {"ENTITY_TYPE": kind.upper(), "ENTITY_ID": str(number)},
        f"{kind}_{number}",
        item,
    ]
    short = ENTITY_TYPES.get(kind) or (f"T{int(kind[8:]):x}" if kind.startswith("dynamic_") else "")
    if short:
        spellings.append(f"{short}_{number}")
    assert {CrmItem.parse(spelling) for spelling in spellings} == {item}


@given(st.text())
def test_a_text_is_an_item_only_where_it_names_its_number(text):
    try:
        item = CrmItem.parse(text)
    except InvalidInputError:
        return
    assert int(text.strip().rpartition("_")[2]) == item.entity_id
    assert parse_entity_type(item.entity_type, "type") == item.entity_type


def test_an_item_in_words():
    assert str(CrmItem("deal", 10)) == "deal 10"
    assert sorted([CrmItem("lead", 1), CrmItem("deal", 2)]) == [CrmItem("deal", 2), CrmItem("lead", 1)]


@pytest.mark.parametrize("text", ['["deal", 10]', '{"entity_type": "deal", "entity_id": "10"}'])
def test_an_item_may_be_one_json_text(text):
    assert CrmItem.parse(text) == CrmItem("deal", 10)


@cases("text", ['["deal", 10', "{'entity_type': 'deal'}", '["deal", 10.0]', "[]"])
def test_a_json_text_that_is_no_item(text):
    with pytest.raises(InvalidInputError):
        CrmItem.parse(text)


def test_an_endlessly_nested_json_text():
    with pytest.raises(InvalidInputError, match=r"item: .* is not JSON"):
        CrmItem.parse("[" * 200_000)
