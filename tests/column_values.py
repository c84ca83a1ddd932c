"""Columns and values of every type, for property tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.fields.columns import PRECISION, Chunk, Column, ValueType

#: what can be stored; the other characters have a test of their own
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


def decimals(scale: int) -> st.SearchStrategy[Decimal]:
    """Return decimals that fit a column."""
    whole = st.integers(-(10**PRECISION) + 1, 10**PRECISION - 1)
    return st.builds(lambda number: Decimal(number).scaleb(-scale), whole)


def values_of(column: Column) -> st.SearchStrategy[Any]:
    """Return what may stand in a column."""
    one = {
        ValueType.INTEGER: INTEGERS,
        ValueType.DECIMAL: decimals(column.scale),
        ValueType.BOOLEAN: st.booleans(),
        ValueType.DATE: st.dates(),
        ValueType.TIMESTAMP: st.datetimes(timezones=st.just(UTC)),
        ValueType.TEXT: TEXTS,
        ValueType.MULTIFIELD: st.fixed_dictionaries(
            {"id": INTEGERS | st.none(), "kind": TEXTS | st.none(), "value": TEXTS | st.none()}
        ),
        ValueType.JSON: st.lists(_JSON, max_size=3) | st.dictionaries(TEXTS, _JSON, max_size=3),
    }[column.type]
    return st.none() | (st.lists(st.none() | one, max_size=3) if column.multiple else one)


def all_columns() -> list[Column]:
    """Return a column of each type, single and multiple; decimals of every scale that the CRM has."""
    single = [Column(name=kind, type=kind, title=f"Title of {kind}") for kind in ValueType]
    several = [Column(name=f"{kind}s", type=kind, multiple=True) for kind in ValueType]
    scales = [Column(name=f"d{scale}", type=ValueType.DECIMAL, scale=scale) for scale in (0, 6)]
    odd = Column(name='"a%s",b\u2028\n', type=ValueType.TEXT)
    return [*single, *several, *scales, odd]


@st.composite
def chunks(draw: st.DrawFn, most_columns: int = 3) -> Chunk:
    """Draw some rows of an id and some other columns."""
    drawn = draw(
        st.lists(st.sampled_from(all_columns()), max_size=most_columns, unique_by=lambda each: each.name)
    )
    columns = [Column(name="id", type=ValueType.INTEGER), *drawn]
    size = draw(st.integers(0, 4))
    return Chunk(columns, [[draw(values_of(column)) for _ in range(size)] for column in columns])


#: values that do not fit their columns
UNFIT: list[tuple[Column, Any]] = [
    (Column(name="c", type=ValueType.INTEGER), 2**63),
    (Column(name="c", type=ValueType.INTEGER), -(2**63) - 1),
    (Column(name="c", type=ValueType.INTEGER), True),
    (Column(name="c", type=ValueType.INTEGER), 1.5),
    (Column(name="c", type=ValueType.INTEGER), "77777"),
    (Column(name="c", type=ValueType.INTEGER, multiple=True), [1, 2**63]),
    (Column(name="c", type=ValueType.INTEGER, multiple=True), 77777),
    (Column(name="c", type=ValueType.DECIMAL), Decimal(10) ** 16),
    (Column(name="c", type=ValueType.DECIMAL), Decimal("77777.001")),
    (Column(name="c", type=ValueType.DECIMAL), Decimal("NaN")),
    (Column(name="c", type=ValueType.DECIMAL), Decimal("sNaN")),
    (Column(name="c", type=ValueType.DECIMAL), Decimal("-Infinity")),
    (Column(name="c", type=ValueType.DECIMAL), 77777),
    (Column(name="c", type=ValueType.DECIMAL), 77777.5),
    (Column(name="c", type=ValueType.DECIMAL, scale=6, multiple=True), [None, Decimal("1e12")]),
    (Column(name="c", type=ValueType.BOOLEAN), 1),
    (Column(name="c", type=ValueType.DATE), datetime(2026, 1, 1, tzinfo=UTC)),
    (Column(name="c", type=ValueType.DATE), 77777),
    (Column(name="c", type=ValueType.TIMESTAMP), date(2026, 1, 1)),
    (Column(name="c", type=ValueType.TIMESTAMP), datetime(2026, 1, 1)),
    (Column(name="c", type=ValueType.TIMESTAMP), datetime.fromisoformat("2026-01-01T00:00:00+03:00")),
    (Column(name="c", type=ValueType.TEXT), 77777),
    (Column(name="c", type=ValueType.TEXT), b"77777"),
    (Column(name="c", type=ValueType.MULTIFIELD), "77777"),
    (Column(name="c", type=ValueType.MULTIFIELD), {"id": "77777"}),
    (Column(name="c", type=ValueType.MULTIFIELD), {"id": 2**63}),
    (Column(name="c", type=ValueType.MULTIFIELD), {"VALUE": "77777"}),
    (Column(name="c", type=ValueType.MULTIFIELD, multiple=True), [{"id": 1, "kind": 77777}]),
    (Column(name="c", type=ValueType.JSON), {"a": float("nan")}),
    (Column(name="c", type=ValueType.JSON), {"a": Decimal(77777)}),
]
