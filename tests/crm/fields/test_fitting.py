"""Values that fit their columns, and what is said of those that do not."""

from __future__ import annotations

import pickle

import pytest
from cases import cases
from column_values import UNFIT, chunks
from hypothesis import given

from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.crm.fields.fitting import UnfitValueError, fitted

ODD = "a\0b\ud83d"
KEPT = "a\ufffdb\ufffd"


@given(chunks())
def test_what_fits_stays_as_it_is(chunk):
    assert list(fitted(chunk).rows()) == list(chunk.rows())


@cases(("column", "value"), UNFIT)
def test_a_value_that_does_not_fit_is_told_by_its_column_and_row(column, value):
    chunk = Chunk(
        [Column(name="id", type=ValueType.INTEGER), column], [[1, 2, 3, 4], [None, None, value, value]]
    )
    with pytest.raises(UnfitValueError) as caught:
        fitted(chunk)
    error = caught.value
    assert (error.column, error.row) == ("c", 2)
    assert str(error) == f"column c, row 2: {error.reason}"
    assert error.__cause__ is None
    assert pickle.loads(pickle.dumps(error)).row == 2


@cases(("column", "value"), UNFIT)
def test_a_customers_value_is_in_no_message(column, value):
    with pytest.raises(UnfitValueError) as caught:
        fitted(Chunk([column], [[value]]))
    assert "77777" not in str(caught.value)


@cases(
    ("column", "value", "kept"),
    [
        (Column(name="c", type=ValueType.TEXT), ODD, KEPT),
        (Column(name="c", type=ValueType.TEXT), "\0", "\ufffd"),
        (Column(name="c", type=ValueType.TEXT, multiple=True), ["x", None, ODD], ["x", None, KEPT]),
        (Column(name="c", type=ValueType.JSON), {ODD: [ODD]}, {KEPT: [KEPT]}),
        (
            Column(name="c", type=ValueType.MULTIFIELD),
            {"kind": ODD, "value": "x"},
            {"kind": KEPT, "value": "x"},
        ),
        (Column(name="c", type=ValueType.MULTIFIELD, multiple=True), [{"value": ODD}], [{"value": KEPT}]),
    ],
    ids=["text", "nul", "texts", "json", "multifield", "multifields"],
)
def test_characters_that_no_database_keeps_are_replaced(column, value, kept):
    assert fitted(Chunk([column], [[None, value]])).values == [[None, kept]]


def test_an_odd_character_hides_no_value_that_does_not_fit():
    column = Column(name="c", type=ValueType.MULTIFIELD)
    with pytest.raises(UnfitValueError):
        fitted(Chunk([column], [[{"kind": "\0", "value": 1}]]))
