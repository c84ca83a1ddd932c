"""Every type of field, through every sink: what was put into the portal is what is read back."""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from extracting import Lake
from table_reading import duckdb_rows, from_json, read_csv, read_jsonl, read_parquet

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

REPLACED = "\N{REPLACEMENT CHARACTER}"
TEXTS = [
    "x" * 5000, "plain", "0", "false", "null", "N/A", r"\N", " spaces ", "=1+1", "'", '"',
    'a "quote", a comma; a tab\t', "a\nb\r\nc\rd", "{}", "[1]", r"back\slash \n",
    "%s {{ ds }} $result[x]", "Дом 😀\u2028 é \x01\x7f",
]  # fmt: skip


def moment(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def same(*values):
    return [(value, value) for value in values]


def options(portal, kind, name, multiple):
    return portal.add_user_field(kind, name, "enumeration", multiple, options=["S", "M", "L"])


#: by type: what is put in, and what is read
VALUES = {
    "string": [*same(*TEXTS), ("a\0b", f"a{REPLACED}b")],
    "url": same("https://example.com/?a=1&b=%20"),
    "integer": same(1, -1, 0, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)),
    "double": [
        (text, Decimal(text))
        for text in ("0", "0.01", "-0.01", "99.5", "9999999999999.99", "-9999999999999.9")
    ],
    "boolean": [("Y", True), ("N", False)],
    "date": [
        (text, date.fromisoformat(text)) for text in ("2024-02-29", "1970-01-01", "1900-01-01", "9999-12-30")
    ],
    "datetime": [
        (text, moment(text))
        for text in ("2024-08-30T10:00:00+03:00", "1970-01-01T00:00:00+00:00", "2024-03-31T02:30:00+01:00",
                     "1901-05-06T07:08:09+00:00", "9999-12-30T00:00:00+00:00")
    ],
    "money": [
        (f"{amount}|{code}", (Decimal(amount), code))
        for amount, code in (("100", "USD"), ("0", "EUR"), ("-1.50", "RUB"), ("9999999999999.99", "KZT"))
    ],
    "crm_status": same("CALL", "EMAIL"),
    "employee": same(1, 2),
    "crm": same("D_1", "C_22", "T412_5"),
    "iblock_element": same(12, 2**31),
    "iblock_section": same(3),
    "address": same("Main Street 1|50.1;8.2"),
    "resourcebooking": same(5, 6),
    "rest_app_colour": same("red", 'light "blue"'),
}  # fmt: skip


def files(row):
    return {"fileData": [f"{row}.txt", "aGk="]}


def field(kind, multiple=False):
    return f"UF_CRM_{kind.upper()}{'_MANY' if multiple else ''}"


class Contents:
    """Items with every type of field, and the rows that they should become."""

    def __init__(self, portal, kind):
        self.portal, self.kind = portal, kind
        self.numbers = itertools.count(1)
        values = {**VALUES}
        for name in VALUES:
            for multiple in (False, True):
                portal.add_user_field(kind, field(name, multiple), name, multiple=multiple)
        for multiple in (False, True):
            sizes = portal.add_user_field(
                kind, field("enumeration", multiple), "enumeration", multiple, options=["S", "M", "L"]
            )
            portal.add_user_field(kind, field("file", multiple), "file", multiple)
            values["enumeration", multiple] = same(*sizes)
        self.values = values
        self.rows = []
        for number in range(max(map(len, values.values()))):
            self._add(number)
        self._add(None)

    def _add(self, number):
        """Add an item with the values of a position; one with every value in the lists; one without any."""
        sent, row = {}, {}
        for name, pairs in self.values.items():
            for multiple in (False, True):
                if isinstance(name, tuple) and name[1] != multiple:
                    continue
                kind = name[0] if isinstance(name, tuple) else name
                chosen = [] if number is None or number >= len(pairs) else [pairs[number]]
                if multiple and number == 0:
                    chosen = pairs
                wanted = [value for _, value in chosen]
                raw = [value for value, _ in chosen]
                if raw:
                    sent[field(kind, multiple)] = raw if multiple else raw[0]
                self._expect(
                    row, field(kind, multiple).lower(), kind, wanted if multiple else wanted[:1], multiple
                )
        if number == 0:
            sent |= {field("file"): files(1), field("file", True): [files(2), files(3)]}
        row |= (
            {"uf_crm_file": 1, "uf_crm_file_many": [2, 3]}
            if number == 0
            else dict.fromkeys(("uf_crm_file", "uf_crm_file_many"))
        )
        row["id"] = self.portal.add_item(self.kind, sent)
        self.rows.append(row)

    def _expect(self, row, name, kind, values, multiple):
        if kind == "money":
            amounts, codes = [value for value, _ in values], [code for _, code in values]
            row[name] = self._one_or_many(amounts, multiple)
            row[f"{name}_currency"] = self._one_or_many(codes, multiple)
        else:
            row[name] = self._one_or_many(values, multiple)

    def _one_or_many(self, values, multiple):
        if multiple:
            return list(values) or None
        return values[0] if values else None


@pytest.fixture(params=["dynamic_1042", "contact"])
def contents(request, portal):
    portal.add_smart_process(1042, "Project")
    return Contents(portal, request.param)


def columns_of(kind):
    with closing(Bitrix24Hook()) as hook:
        return hook.crm_schema(kind).only(None).columns


def typed(value):
    """Return a value with its type, so that 1 and True differ; numbers of one value are the same number."""
    if isinstance(value, list):
        return [typed(one) for one in value]
    if isinstance(value, datetime):
        return datetime, value.astimezone(UTC)
    return type(value), value


def assert_equal(found, contents):
    names = contents.rows[0].keys()
    assert len(found) == len(contents.rows)
    for row, wanted in zip(found, contents.rows, strict=True):
        for name in names:
            assert typed(row[name]) == typed(wanted[name]), name


def test_every_type_is_known_to_the_portal_in_a_box():
    from airflow_provider_bitrix24.testing.user_fields import KINDS

    assert {*VALUES, "enumeration", "file"} >= set(KINDS)


def test_every_type_of_field_is_yielded_as_it_was_put_in(contents):
    with closing(Bitrix24Hook()) as hook:
        rows = [
            {name: storable(value) for name, value in row.items()} for row in hook.crm_rows(contents.kind)
        ]
    assert_equal(rows, contents)


def storable(value):
    if isinstance(value, list):
        return [storable(one) for one in value]
    return value.replace("\0", REPLACED) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("suffix", "read"),
    [
        ("parquet", read_parquet),
        ("parquet", duckdb_rows),
        ("csv", read_csv),
        ("csv", duckdb_rows),
        ("jsonl", read_jsonl),
    ],
    ids=["pyarrow", "duckdb", "csv", "duckdb-csv", "jsonl"],
)
def test_every_type_of_field_is_read_back_from_a_file(contents, tmp_path, suffix, read):
    lake = Lake(tmp_path)
    lake.extract(contents.kind, f"all.{suffix}")
    assert_equal(read(tmp_path / f"all.{suffix}", columns_of(contents.kind)), contents)
    assert b"token" not in (tmp_path / f"all.{suffix}").read_bytes()


def test_every_type_of_field_is_read_back_from_a_table(contents, warehouse):
    warehouse.load(contents.kind, "loaded")
    columns = {column.name: column for column in columns_of(contents.kind)}
    table = sa.Table("loaded", sa.MetaData(), autoload_with=warehouse.engine)
    with warehouse.engine.connect() as connection:
        rows = [row._asdict() for row in connection.execute(sa.select(table).order_by(table.c.id))]
    assert_equal([{name: cell(columns[name], row[name]) for name in columns} for row in rows], contents)


def cell(column, value):
    """Return a cell of a table as what it stands for."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)  # SQLite has no zones
    if column.multiple and value is not None:
        return from_json(column, json.loads(value, parse_float=Decimal))
    return value
