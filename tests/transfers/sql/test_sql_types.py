from __future__ import annotations

import json
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sql_dialects import DIALECTS, TARGET
from sql_work import ID, load, new_engine, rows_of, run, target

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.hooks.errors import SqlRefusedError
from airflow_provider_bitrix24.transfers.sql.copying import copy_text
from airflow_provider_bitrix24.transfers.sql.tables import sql_table

_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))
_MULTIFIELDS = st.fixed_dictionaries({"id": _INTEGERS, "kind": _TEXTS, "value": _TEXTS})
_JSONS = st.dictionaries(_TEXTS, _TEXTS | _INTEGERS | st.none(), max_size=3)


def _decimals(digits, scale):
    return st.integers(-(10**digits) + 1, 10**digits - 1).map(lambda n: Decimal(n).scaleb(-scale))


_VALUES = {
    ValueType.INTEGER: _INTEGERS,
    ValueType.BOOLEAN: st.booleans(),
    ValueType.DATE: st.dates(),
    ValueType.TIMESTAMP: _MOMENTS,
    ValueType.TEXT: _TEXTS,
    ValueType.MULTIFIELD: _MULTIFIELDS,
    ValueType.JSON: _JSONS,
}
_COLUMNS = [Column(name=f"c_{kind.value}", type=kind) for kind in _VALUES]
_MULTIPLE = [Column(name=f"many_{kind.value}", type=kind, multiple=True) for kind in _VALUES]


def _columns(scale):
    decimals = Column(name="c_decimal", type=ValueType.DECIMAL, scale=scale)
    return [ID, *_COLUMNS, *_MULTIPLE, decimals]


@st.composite
def _rows(draw, digits, scale):
    single = [st.none() | _VALUES[column.type] for column in _COLUMNS]
    many = [st.none() | st.lists(_VALUES[column.type], max_size=3) for column in _MULTIPLE]
    rest = st.tuples(*single, *many, st.none() | _decimals(digits, scale))
    return [(number, *draw(rest)) for number in draw(st.sets(st.integers(1, 9), min_size=1))]


def _read_back(engine, columns):
    """Return the rows as a user's SQLAlchemy would read them."""
    with target(engine, columns) as into:
        table = into.prepare().table
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(table).order_by(table.c.id))]


def _expected(columns, row):
    found = []
    for column, value in zip(columns, row, strict=True):
        if value is not None and (column.multiple or column.type in (ValueType.MULTIFIELD, ValueType.JSON)):
            value = json.loads(json.dumps(value, default=lambda other: other.isoformat()))
        found.append(value)
    return tuple(found)


def _plain(columns, row):
    found = []
    for column, value in zip(columns, row, strict=True):
        if value is not None and (column.multiple or column.type in (ValueType.MULTIFIELD, ValueType.JSON)):
            value = json.loads(value)
        elif isinstance(value, datetime):
            value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        found.append(value)
    return tuple(found)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), scale=st.integers(2, 6))
def test_whatever_is_loaded_is_read_back(url, data, scale):
    engine = new_engine(url)
    run(engine, "DROP TABLE IF EXISTS deal")
    digits = 15 if engine.dialect.name == "sqlite" else 18
    columns = _columns(scale)
    rows = data.draw(_rows(digits, scale))
    load(engine, *rows, columns=columns)
    found = [_plain(columns, row) for row in _read_back(engine, columns)]
    assert found == [_expected(columns, row) for row in sorted(rows)]
    engine.dispose()


@pytest.mark.parametrize("text", ["12.30", "-0.01", "9999999999999.99", "0.00", "100.00", "1000000000000.10"])
def test_a_decimal_comes_back_as_it_was_written(engine, text):
    columns = (ID, Column(name="opportunity", type=ValueType.DECIMAL))
    load(engine, (1, Decimal(text)), columns=columns)
    [(_, found)] = _read_back(engine, columns)
    assert str(found) == text


def test_numbers_of_sqlite_add_up_and_compare_as_numbers(tmp_path):
    engine = new_engine(f"sqlite:///{tmp_path}/target.db")
    columns = (ID, Column(name="opportunity", type=ValueType.DECIMAL))
    load(engine, (1, Decimal("999.50")), (2, Decimal("1000.25")), columns=columns)
    assert rows_of(engine, order="1", names="sum(opportunity)") == [(1999.75,)]
    assert rows_of(engine, "deal WHERE opportunity > 1000", names="id") == [(2,)]
    engine.dispose()


def test_a_number_that_sqlite_would_round_is_refused(tmp_path):
    engine = new_engine(f"sqlite:///{tmp_path}/target.db")
    columns = (ID, Column(name="opportunity", type=ValueType.DECIMAL))
    with pytest.raises(SqlRefusedError, match=r"row id 2, column opportunity .*SQLite keeps only 15 digits"):
        load(engine, (1, Decimal("1.00")), (2, Decimal("12345678901234.56")), columns=columns)
    engine.dispose()


@pytest.mark.parametrize("number", [Decimal("0.005"), Decimal("12345678901234567.00")])
def test_a_number_with_too_many_digits_is_refused_not_rounded(engine, number):
    columns = (ID, Column(name="opportunity", type=ValueType.DECIMAL))
    with pytest.raises(SqlRefusedError, match="row id 7, column opportunity"):
        load(engine, (7, number), columns=columns)


def test_moments_are_kept_in_utc(engine):
    columns = (ID, Column(name="moved_time", type=ValueType.TIMESTAMP))
    there = timezone(timedelta(hours=3))
    load(engine, (1, datetime(2026, 3, 1, 12, tzinfo=there)), columns=columns)
    if engine.dialect.name == "sqlite":
        assert rows_of(engine) == [(1, "2026-03-01 09:00:00.000000")]
    else:
        query = "extract(epoch from moved_time)::bigint"
        assert rows_of(engine, names=query) == [(datetime(2026, 3, 1, 9, tzinfo=UTC).timestamp(),)]


def test_lists_are_json_text_with_exact_numbers(engine):
    columns = (
        ID,
        Column(name="prices", type=ValueType.DECIMAL, multiple=True),
        Column(name="days", type=ValueType.DATE, multiple=True),
        Column(name="phone", type=ValueType.MULTIFIELD, multiple=True),
    )
    phone = {"id": 3, "kind": "WORK", "value": "+7 ü"}
    load(engine, (1, [Decimal("12.50"), None], [date(2026, 3, 1)], [phone]), columns=columns)
    expected = (1, "[12.50,null]", '["2026-03-01"]', '[{"id":3,"kind":"WORK","value":"+7 ü"}]')
    assert rows_of(engine) == [expected]


def test_no_value_makes_the_drivers_warn(engine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        columns = _columns(2)
        load(engine, (1, *[None] * (len(columns) - 2), Decimal("1.50")), columns=columns)
        _read_back(engine, columns)


@given(st.lists(st.none() | _TEXTS, min_size=1))
def test_copied_text_is_one_line_a_row(texts):
    assert copy_text([texts, texts]).count("\n") == len(texts)


_EVERY = tuple(Column(name=f"c_{kind.value}", type=kind, scale=4) for kind in [*_VALUES, ValueType.DECIMAL])
_DDL = {
    "mysql": [
        "code VARCHAR(255) NOT NULL",
        "c_integer BIGINT",
        "c_boolean BOOL",
        "c_date DATE",
        "c_timestamp DATETIME(6)",
        "c_text LONGTEXT",
        "c_multifield LONGTEXT",
        "c_decimal NUMERIC(18, 4)",
    ],
    "mssql": [
        "code NVARCHAR(255) NOT NULL",
        "c_integer BIGINT",
        "c_boolean BIT",
        "c_date DATE",
        "c_timestamp DATETIMEOFFSET",
        "c_text NVARCHAR(max)",
        "c_multifield NVARCHAR(max)",
        "c_decimal NUMERIC(18, 4)",
    ],
    "postgresql": [
        "code TEXT NOT NULL",
        "c_integer BIGINT",
        "c_boolean BOOLEAN",
        "c_date DATE",
        "c_timestamp TIMESTAMP WITH TIME ZONE",
        "c_text TEXT",
        "c_multifield TEXT",
        "c_decimal NUMERIC(18, 4)",
    ],
    "sqlite": [
        "code TEXT NOT NULL",
        "c_integer BIGINT",
        "c_boolean BOOLEAN",
        "c_date DATE",
        "c_timestamp DATETIME",
        "c_text TEXT",
        "c_multifield TEXT",
        "c_decimal NUMERIC(18, 4)",
    ],
}


@pytest.mark.parametrize("dialect", _DDL)
def test_each_database_gets_types_of_its_own(dialect):
    code = Column(name="code", type=ValueType.TEXT)
    table = sql_table(TARGET, dialect, (code, *_EVERY), mark=True)
    made = " ".join(str(sa.schema.CreateTable(table).compile(dialect=DIALECTS[dialect])).split())
    for part in [*_DDL[dialect], "PRIMARY KEY (code)"]:
        assert part in made
