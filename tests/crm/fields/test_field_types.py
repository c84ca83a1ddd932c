"""What the API's values of each type are in Python."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.columns import ValueType

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
KINDS = [
    "integer", "double", "money", "boolean", "char", "date", "datetime", "enumeration", "crm_status", "user",
    "employee", "crm", "crm_entity", "iblock_element", "file", "string", "url", "address", "object", "novel",
]  # fmt: skip


@cases(
    ("kind", "value", "found"),
    [
        ("integer", 7, 7),
        ("integer", "7", 7),
        ("integer", "7.00", 7),
        ("integer", 7.0, 7),
        ("integer", 0, 0),
        ("integer", "0", 0),
        ("integer", "", None),
        ("integer", None, None),
        ("integer", False, None),
        ("user", 0, None),
        ("user", "0", None),
        ("crm_contact", "12", 12),
        ("enumeration", "17", 17),
        ("employee", "", None),
        ("double", 0.1, Decimal("0.100000")),
        ("double", "1000.50", Decimal("1000.500000")),
        ("double", 0, Decimal("0E-6")),
        ("double", "", None),
        ("boolean", "Y", True),
        ("boolean", "N", False),
        ("boolean", "1", True),
        ("boolean", "0", False),
        ("boolean", False, False),
        ("char", "", None),
        ("date", "2026-05-04T03:00:00+03:00", date(2026, 5, 4)),
        ("date", "2026-05-04", date(2026, 5, 4)),
        ("date", "", None),
        ("datetime", "2026-05-04T10:00:00+03:00", datetime(2026, 5, 4, 7, tzinfo=UTC)),
        ("datetime", "", None),
        ("datetime", {}, None),
        ("string", "", None),
        ("string", "text", "text"),
        ("string", 12, "12"),
        ("crm_status", "C1:NEW", "C1:NEW"),
        ("crm", "D_1", "D_1"),
        ("crm", 5, "5"),
        ("crm_enum_ownertype", "2", 2),
        ("file", {"id": 9, "url": "https://portal/?auth=secret"}, 9),
        ("file", "", None),
        ("file", {}, None),
        ("file", [], None),
        ("address", "Main street 1|;|12", "Main street 1|;|12"),
        ("object", [], None),
        ("object", {"a": [1]}, {"a": [1]}),
        ("novel", {"a": 1}, '{"a": 1}'),
    ],
)
def test_a_value_becomes_one_of_its_fields_type(kind, value, found):
    read = ft.read_as(kind, 6)(value)
    assert read == found
    assert type(read) is type(found)


@cases(
    ("kind", "value"),
    [
        ("integer", "12abc"),
        ("integer", True),
        ("integer", 7.5),
        ("integer", [4]),
        ("integer", 2**63),
        ("integer", "9" * 30),
        ("double", "12,5"),
        ("double", "1_000"),
        ("double", True),
        ("double", 10**13),
        ("double", float("inf")),
        ("boolean", "maybe"),
        ("date", "04.05.2026"),
        ("date", "2026-02-30"),
        ("datetime", "2026-05-04T10:00:00"),
        ("datetime", "2026-05-04"),
        ("datetime", "soon"),
        ("datetime", "0001-01-01T00:00:00+03:00"),
        ("user", "ann"),
    ],
)
def test_a_value_of_another_type_is_refused_and_not_told(kind, value):
    with pytest.raises(ft.NotOfTypeError) as caught:
        ft.read_as(kind, 6)(value)
    assert str(value) not in str(caught.value)


def test_money_has_an_amount_and_a_currency():
    assert ft.money_of(2)("100.5|USD") == Decimal("100.50")
    assert ft.currency("100.5|USD") == "USD"
    assert ft.money_of(2)("") is None
    assert ft.currency("100.5") is None
    assert ft.currency("") is None


@given(st.lists(st.tuples(st.none() | st.integers(0, 999), st.sampled_from(["", "USD", "EUR"]))))
def test_amounts_and_currencies_of_a_list_stand_at_the_same_places(monies):
    texts = [("" if amount is None else str(amount), code) for amount, code in monies]
    sent = [f"{amount}|{code}" if amount or code else "" for amount, code in texts]
    amounts = ft.many_monies(ft.money_of(2))(sent) or []
    codes = ft.many_monies(ft.currency)(sent) or []
    wanted = [(amount, code or None) for amount, code in monies if amount is not None or code]
    assert list(zip(amounts, codes, strict=True)) == wanted


@cases("empty", [None, "", False, [], {}])
def test_a_list_of_nothing_is_nothing(empty):
    assert ft.many(ft.integer)(empty) is None


def test_a_list_is_read_value_by_value():
    assert ft.many(ft.link)(["3", 0, 4]) == [3, 4]
    assert ft.many(ft.link)({"1": "3", "7": "4"}) == [3, 4]
    assert ft.many(ft.text)("single") == ["single"]
    with pytest.raises(ft.NotOfTypeError):
        ft.many(ft.link)([1, "x"])


@given(st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, places=6))
def test_a_decimal_keeps_its_digits(number):
    if -(10**12) < number < 10**12:
        assert ft.decimal_of(6)(str(number)) == number
        assert ft.decimal_of(6)(format(number, "f")) == number


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_cents_survive_the_float_that_the_api_sends(cents):
    amount = Decimal(cents) / 100
    assert ft.decimal_of(2)(float(amount)) == amount


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1)),
    st.integers(min_value=-12 * 60, max_value=14 * 60),
)
def test_a_moment_is_the_same_instant_in_utc(clock, minutes):
    shown = clock.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    read = ft.instant(shown.isoformat())
    assert read == shown
    assert read.utcoffset() == timedelta()


@given(st.sampled_from(KINDS), JSON)
def test_whatever_comes_is_of_the_columns_type_or_refused(kind, value):
    types = {
        ValueType.INTEGER: int, ValueType.DECIMAL: Decimal, ValueType.BOOLEAN: bool, ValueType.DATE: date,
        ValueType.TIMESTAMP: datetime, ValueType.TEXT: str,
    }  # fmt: skip
    try:
        read = ft.read_as(kind, 4)(value)
    except (ValueError, TypeError, AttributeError):
        return
    expected = types.get(ft.value_type(kind))
    assert read is None or expected is None or type(read) is expected
