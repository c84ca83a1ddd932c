"""One product row: which values are taken, how they are sent, and that no message holds one of them."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from undecided import Undecided

from airflow_provider_bitrix24.crm.writing.product_rows import parse_owned_rows
from airflow_provider_bitrix24.rest.errors import InvalidInputError

ROW = {"owner_id": 5, "product_name": "Cup", "price": 2, "quantity": 1}
SECRET = "Jane Doe"


def read(**values):
    """Return the product row of deal 5 with these values."""
    [owned] = parse_owned_rows("deal", [{**ROW, **values}])
    return owned.rows[0]


def refusal(**values):
    with pytest.raises(InvalidInputError) as caught:
        read(**values)
    return str(caught.value)


def test_values_are_sent_by_their_type():
    for column, given_value, name, sent in [
        ("price", 2.5, "price", "2.5"),
        ("price", Decimal("1E+2"), "price", "100"),
        ("price", "-0.10", "price", "-0.10"),
        ("QUANTITY", numpy.int64(3), "quantity", "3"),
        ("quantity", 0.1 + 0.2, "quantity", "0.30000000000000004"),
        ("product_id", "7", "productId", 7),
        ("product_id", 7.0, "productId", 7),
        ("measureCode", Decimal(796), "measureCode", 796),
        ("tax_rate", 0, "taxRate", "0"),
        ("tax_rate", numpy.float32(19.6), "taxRate", "19.6"),
        ("tax_included", True, "taxIncluded", "Y"),
        ("tax_included", 1, "taxIncluded", "Y"),
        ("tax_included", numpy.bool_(False), "taxIncluded", "N"),
        ("tax_included", "n", "taxIncluded", "N"),
        ("sort", -5, "sort", -5),
        ("product_name", 4711, "productName", "4711"),
    ]:
        row = {key: value for key, value in ROW.items() if key != column.lower()} | {column: given_value}
        [owned] = parse_owned_rows("deal", [row])
        assert owned.rows[0].sent[name] == sent, column


def test_a_column_that_holds_nothing_is_not_sent():
    for nothing in (None, "", " ", float("nan"), Undecided()):
        sent = read(product_id=nothing, tax_rate=nothing, discount_sum=nothing, sort=nothing).sent
        assert sent == {"productName": "Cup", "price": "2", "quantity": "1"}
    assert "productId" not in read(product_id=0).sent


def test_a_value_of_another_type_is_refused_and_not_repeated():
    for column, value in [
        *(
            (column, SECRET)
            for column in ("product_id", "price", "quantity", "tax_rate", "sort", "measure_code")
        ),
        *(("price", value) for value in (True, "1 234", "1234,56", "5|USD", "1_0", "0x10", "1e3", [SECRET])),
        *(
            ("price", value)
            for value in (float("inf"), Decimal("NaN"), Decimal("1e999999"), 10**12, {"a": SECRET})
        ),
        *(("product_id", value) for value in (True, 1.5, -1, 1e300, 2.0**60, "7a", [SECRET])),
        ("discount_type_id", 3),
        ("tax_included", SECRET),
        ("tax_included", 2),
        ("product_name", [SECRET]),
        ("product_name", SECRET + "\x00"),
        ("owner_id", SECRET),
        ("owner_type", SECRET),
    ]:
        message = refusal(**{column: value})
        assert message.startswith(f"rows[0].{column}: "), message
        assert SECRET not in message


_VALUES = st.text(min_size=1) | st.lists(st.text()) | st.floats() | st.binary()


@settings(max_examples=50)
@given(_VALUES, st.sampled_from(("price", "sort")))
def test_what_is_no_number_never_reaches_the_portal(value, column):
    with suppress(InvalidInputError):
        sent = read(**{column: value}).sent
        assert column not in sent or Decimal(sent[column]) == Decimal(str(value).strip())


def test_a_row_needs_a_price_a_quantity_and_a_product():
    assert "rows[0].price: it is missing or empty" in refusal(price=None)
    assert "rows[0].quantity: it is missing or empty" in refusal(quantity="")
    assert "rows[0]: product_id and product_name are missing or empty" in refusal(
        product_name=None, product_id=0
    )


def test_of_two_discounts_the_one_that_its_kind_goes_by_is_sent():
    both = {"discount_rate": 10, "discount_sum": 4}
    assert "discountSum" not in read(**both).sent
    assert "discountSum" not in read(discount_type_id=2, **both).sent
    assert "discountRate" not in read(discount_type_id=1, **both).sent
    assert "discountSum" not in read(discount_sum=0).sent
    assert "rows[0].discount_sum: the portal ignores it with discount_type_id 2" in refusal(discount_sum=4)
    assert "rows[0].discount_rate: the portal ignores it with discount_type_id 1" in refusal(
        discount_rate=4, discount_type_id=1
    )


def test_unknown_columns_and_those_that_stand_twice_are_refused():
    message = refusal(prise=2)
    assert message.startswith("rows[0]: 'prise' is not a field of product_rows")
    assert "'price'" in message
    assert "rows[0]: product_name and productName are the same column" in refusal(productName="Cup")
    assert refusal(**{"": 1}).startswith("rows[0]: '' is not a field")


def test_a_row_is_compared_with_what_the_portal_counts_with_where_it_leaves_a_value_out():
    held = {"productId": 0, "productName": "Cup", "price": 2.0, "quantity": 1, "discountTypeId": 2}
    held |= {"discountRate": 0, "discountSum": 0, "taxRate": None, "taxIncluded": "N", "sort": 10}
    row = read()
    assert row.is_held_by(held)
    assert row.is_held_by({**held, "price": 2.0000000001, "measureCode": 5})
    for change in [
        {"price": 2.01}, {"quantity": 2}, {"productName": "Mug"}, {"productId": 3}, {"discountTypeId": 1},
        {"discountRate": 5}, {"taxRate": 0}, {"taxIncluded": "Y"}, {"price": None},
    ]:  # fmt: skip
        assert not row.is_held_by({**held, **change}), change
    assert row.not_taken({"price": 3, "productName": "Cup", "quantity": "1.00"}) == ["rows[0].price"]
