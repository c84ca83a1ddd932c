"""Columns and rows as Arrow has them."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from cases import cases
from column_values import UNFIT, chunks
from hypothesis import given

from airflow_provider_bitrix24.crm.extraction.arrow import arrow_schema, record_batch
from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column, ValueType
from airflow_provider_bitrix24.crm.fields.fitting import UnfitValueError
from airflow_provider_bitrix24.rest.errors import InvalidInputError

TYPES = {
    ValueType.INTEGER: (7, pa.int64()),
    ValueType.DECIMAL: (Decimal("1.5"), pa.decimal128(18, 2)),
    ValueType.BOOLEAN: (True, pa.bool_()),
    ValueType.DATE: (date(2026, 1, 2), pa.date32()),
    ValueType.TIMESTAMP: (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), pa.timestamp("us", tz="UTC")),
    ValueType.TEXT: ("Дом", pa.string()),
    ValueType.MULTIFIELD: (
        {"id": 1, "kind": "WORK", "value": "x"},
        pa.struct({"id": pa.int64(), "kind": pa.string(), "value": pa.string()}),
    ),
    ValueType.JSON: ({"a": ["Дом"]}, pa.string()),
}


@cases("kind", ValueType)
@cases("multiple", [False, True], ids=["one", "list"])
def test_each_type_has_its_arrow_type(kind, multiple):
    value, arrow_type = TYPES[kind]
    column = Column(name="c", type=kind, multiple=multiple)
    batch = record_batch(Chunk([column], [[None, [value, None] if multiple else value]]))
    shown = '{"a":["Дом"]}' if kind is ValueType.JSON else value
    assert batch.schema == pa.schema([pa.field("c", pa.list_(arrow_type) if multiple else arrow_type)])
    assert batch.to_pydict() == {"c": [None, [shown, None] if multiple else shown]}


def test_decimals_have_the_digits_of_their_column():
    column = Column(name="c", type=ValueType.DECIMAL, scale=6)
    assert arrow_schema([column]).field("c").type == pa.decimal128(18, 6)


def test_titles_are_in_the_metadata_of_fields():
    named = Column(name="c", type=ValueType.TEXT, title="Дом")
    schema = arrow_schema([named, Column(name="d", type=ValueType.TEXT)])
    assert schema.field("c").metadata == {b"title": "Дом".encode()}
    assert schema.field("d").metadata is None


@given(chunks())
def test_a_batch_has_the_schema_of_its_columns(chunk):
    batch = record_batch(chunk)
    assert batch.schema.equals(arrow_schema(chunk.columns), check_metadata=True)
    assert len(batch) == len(chunk)
    batch.validate(full=True)


@cases(("column", "value"), UNFIT)
def test_what_does_not_fit_is_no_batch(column, value):
    with pytest.raises(UnfitValueError):
        record_batch(Chunk([column], [[value]]))


def test_a_missing_pyarrow_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInputError) as caught:
        arrow_schema([])
    assert "pip install 'airflow-provider-bitrix24[arrow]'" in caught.value.remedy
