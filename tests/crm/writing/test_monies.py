"""Money of user fields."""

from __future__ import annotations

from decimal import Decimal

import pytest
from field_writers import PLACE, parse, read_file, writer

from airflow_provider_bitrix24.rest.errors import InvalidInputError


def both(one, amount, currency):
    return one.parse({"uf_crm_1": amount, "UF_CRM_1_CURRENCY": currency}, PLACE)


def test_money_is_an_amount_and_a_currency_from_one_column_or_two():
    price = writer("money")
    assert price.columns == ("uf_crm_1", "uf_crm_1_currency")
    assert both(price, Decimal("100.50"), "USD") == "100.50|USD"
    assert parse(price, "100.50|USD") == both(price, "100.50|USD", "USD") == "100.50|USD"
    assert both(price, None, "USD") is both(price, "", "") is None
    assert price.sent("100.50|USD", None, read_file) == {"ufCrm_1": "100.50|USD"}


def test_an_amount_and_its_currency_come_together():
    price = writer("money")
    for given in (
        {"uf_crm_1": 987},
        {"uf_crm_1": 987, "uf_crm_1_currency": ""},
        {"uf_crm_1_currency": "XTS"},
        {"uf_crm_1": "987|XTS", "uf_crm_1_currency": "EUR"},
        {"uf_crm_1": 987, "uf_crm_1_currency": "xts"},
        {"uf_crm_1": "much", "uf_crm_1_currency": "XTS"},
        {"uf_crm_1": 987, "uf_crm_1_currency": True},
    ):
        with pytest.raises(InvalidInputError, match=r"^rows\[3\]") as caught:
            price.parse(given, PLACE)
        assert not any(value in str(caught.value) for value in ("987", "XTS", "xts", "much"))
    assert price.parse({"uf_crm_1_currency": None}, PLACE) is None
    for amount, currency in ((float("nan"), None), (5, float("nan"))):
        with pytest.raises(InvalidInputError, match=r"NaN, NaT or NA.*df\.notna"):
            both(price, amount, currency)


def test_a_list_of_monies_has_as_many_amounts_as_currencies():
    prices = writer("money", isMultiple=True)
    assert both(prices, "[100.5, 7]", '["USD", "EUR"]') == ["100.5|USD", "7|EUR"]
    assert parse(prices, ["100.5|USD", "7|EUR"]) == ["100.5|USD", "7|EUR"]
    assert both(prices, [None], ["USD"]) is None
    for amounts, currencies in (([1, 2], ["USD"]), ([1], None), ("100|USD", None)):
        with pytest.raises(InvalidInputError):
            both(prices, amounts, currencies)


def test_money_agrees_by_amount_and_currency():
    price, prices = writer("money"), writer("money", isMultiple=True)
    assert price.agrees("100.50|USD", {"ufCrm_1": "100.5|USD"})
    assert not price.agrees("100.50|USD", {"ufCrm_1": "100.5|EUR"})
    assert price.agrees(None, {"ufCrm_1": ""})
    assert price.taken("100.504|USD", {"ufCrm_1": "100.5|USD"})
    assert prices.agrees(["100.50|USD"], {"ufCrm_1": ["100.5|USD"]})
    assert not prices.agrees(["100.50|USD"], {"ufCrm_1": ["100.5|USD", "1|USD"]})
