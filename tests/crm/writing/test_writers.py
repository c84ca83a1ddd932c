"""Writers of whole entity types: by the names of columns, with what extraction wrote, at a portal."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from column_values import TEXTS
from field_writers import read_file, schema_with
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.extraction.datasets import parse_dataset
from airflow_provider_bitrix24.crm.extraction.typed_rows import TypedRows
from airflow_provider_bitrix24.crm.writing.writers import writers_of
from airflow_provider_bitrix24.files.csv_lines import CsvLines
from airflow_provider_bitrix24.files.json_lines import JsonLines
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.wire import Wire
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits
from airflow_provider_bitrix24.transfers.sql.types import converted

OPTIONS = [{"ID": "17", "VALUE": "Red"}, {"ID": "19", "VALUE": "Blue"}]
_TEXT = TEXTS.filter(bool)
_AMOUNTS = st.integers(-(10**9), 10**9).map(lambda number: f"{Decimal(number).scaleb(-2):f}")
_IDS = st.integers(1, 2**40)
#: what the API answers of each type
ANSWERS = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "double": _AMOUNTS.map(float) | _AMOUNTS,
    "money": st.builds("{}|{}".format, _AMOUNTS, st.sampled_from(["USD", "EUR"])),
    "boolean": st.sampled_from("YN"),
    "date": st.dates().map(lambda day: f"{day.isoformat()}T03:00:00+03:00"),
    "datetime": st.datetimes(datetime(1900, 1, 1), timezones=st.just(timezone(timedelta(hours=3)))).map(
        lambda moment: moment.isoformat(timespec="seconds")
    ),
    "enumeration": st.sampled_from([17, 19, "17"]),
    "crm_status": _TEXT,
    "user": _IDS | _IDS.map(str),
    "crm": _IDS.map("D_{}".format),
    "file": st.builds(lambda number: {"id": number, "url": "/u"}, _IDS),
    "string": _TEXT,
    "address": _TEXT,
}
SCHEMA = schema_with(
    "contact",
    fm={"type": "crm_multifield", "isMultiple": True, "upperName": "FM"},
    **{
        f"{kind}{many}": {
            "type": kind,
            "isMultiple": bool(many),
            "items": OPTIONS,
            "upperName": f"{kind}{many}",
        }
        for kind in ANSWERS
        for many in ("", "S")
    },
)
_PHONES = st.builds(
    lambda number, kind, value: {"id": number, "typeId": "PHONE", "valueType": kind, "value": value},
    _IDS, st.sampled_from(["WORK", "HOME"]), _TEXT.filter(str.strip),
)  # fmt: skip


@st.composite
def answered_items(draw: st.DrawFn) -> dict:
    """Draw an item as the API answers it."""
    item = {"id": 1}
    for kind in draw(st.sets(st.sampled_from(sorted(ANSWERS)), max_size=4)):
        item[kind] = draw(ANSWERS[kind] | st.sampled_from([None, ""]))
        item[f"{kind}S"] = draw(st.lists(ANSWERS[kind], max_size=3))
    item["fm"] = draw(st.lists(_PHONES, max_size=2, unique_by=lambda row: row["id"]))
    return item


def rows_of(chunk):
    """Return a row as Parquet, JSON Lines, CSV and SQL give it back."""
    lines = CsvLines(chunk.columns)
    yield from chunk.rows()
    yield json.loads(JsonLines(chunk.columns).lines(chunk), parse_float=Decimal)
    yield from csv.DictReader(io.StringIO(lines.head + lines.lines(chunk), newline=""))
    for dialect in ("postgresql", "sqlite"):
        columns = zip(chunk.columns, chunk.values, strict=True)
        yield {column.name: converted(column, values, dialect)[0] for column, values in columns}


@settings(max_examples=40, deadline=None)
@given(answered_items(), st.sampled_from(["add", "replace"]))
def test_what_was_extracted_is_no_change_when_it_is_written_back(item, phones):
    writers = writers_of(SCHEMA, phones=phones, zone=UTC)  # SQLite has no zones
    for row in rows_of(TypedRows(SCHEMA).chunk([item])):
        for writer in writers:
            wanted = writer.parse({name: row[name] for name in writer.columns}, writer.columns[0])
            assert json.loads(json.dumps(wanted)) == wanted
            assert writer.agrees(wanted, item), writer.name
            assert writer.taken(wanted, item), writer.name


def test_a_writer_is_found_by_any_spelling_of_its_columns():
    fields = {
        "createdTime": {"type": "datetime", "isReadOnly": True, "upperName": "CREATED_TIME"},
        "categoryId": {"type": "crm_category", "isImmutable": True, "upperName": "CATEGORY_ID"},
        "ufCrm3Price": {"type": "money", "upperName": "UF_CRM_3_PRICE"},
        "ufCrmSlots": {"type": "resourcebooking", "upperName": "UF_CRM_SLOTS"},
        "fm": {"type": "crm_multifield", "upperName": "FM"},
    }
    writers = writers_of(schema_with("contact", **fields))
    names = {
        "createdTime": ("created_time", "createdTime", "DATE_CREATE"),
        "ufCrm3Price": ("uf_crm_3_price", "ufCrm3Price", "UF_CRM_3_PRICE_CURRENCY", "ufCrm3PriceCurrency"),
        "PHONE": ("phone", "PHONE"),
        "EMAIL": ("email",),
    }
    for name, spellings in names.items():
        assert {writers.find(spelled).name for spelled in spellings} == {name}
    assert writers.find("fm") is writers.find("nonsense") is None
    assert writers.near("phones") == ["phone"]
    assert writers.find("created_time").read_only
    assert writers.find("uf_crm_slots").read_only, "the API does not tell how to write it"


@pytest.fixture(scope="module")
def portal():
    """A portal with a field of each type."""
    with Bitrix24Portal(limits=Limits.off()) as portal:
        for kind in (
            "string",
            "integer",
            "double",
            "boolean",
            "date",
            "datetime",
            "money",
            "crm",
            "employee",
        ):
            portal.add_user_field("contact", f"UF_CRM_{kind.upper()}", kind)
            if kind != "boolean":
                portal.add_user_field("contact", f"UF_CRM_{kind.upper()}S", kind, multiple=True)
        portal.add_user_field("contact", "UF_CRM_COLOUR", "enumeration", options=["Red", "Blue"])
        portal.add_user_field("contact", "UF_CRM_FILE", "file")
        portal.add_item("deal", item_id=1)
        for number in (7, 8):
            portal.add_item("company", item_id=number)
        yield portal


@pytest.fixture
def client(portal):
    """A client with the administrator's webhook."""
    session = Session(Webhook(portal.url, "1", portal.webhook_code(1)))
    client = Client(session, ProcessLedger(), Wire())
    yield client
    client.close()


ROWS = [
    {
        "name": "Ada", "opened": "true", "assigned_by_id": "1", "birthdate": "1815-12-10",
        "phone": ["+1", "+2"],
        "email": "a@example.com", "uf_crm_string": 7.0, "uf_crm_integer": "12", "uf_crm_double": 0.1,
        "uf_crm_boolean": 1, "uf_crm_date": datetime(2026, 5, 4), "uf_crm_datetime": "2026-05-04 10:00:00.5",
        "uf_crm_money": 10, "uf_crm_money_currency": "USD", "uf_crm_crm": "D_1", "uf_crm_employee": 1,
        "uf_crm_colour": "Blue", "uf_crm_file": "a.pdf", "uf_crm_strings": '["a", "b"]',
        "uf_crm_integers": [1, 2],
        "uf_crm_doubles": ["1.5"], "uf_crm_moneys": ["1|USD"], "uf_crm_dates": ["2026-05-04"],
        "uf_crm_crms": ["D_1"], "company_ids": [7, 8], "source_id": "CALL",
    },
    {
        "name": "Ada", "opened": False, "birthdate": "", "phone": "+2", "email": None, "uf_crm_string": None,
        "uf_crm_integer": None, "uf_crm_double": None, "uf_crm_boolean": "N", "uf_crm_date": None,
        "uf_crm_datetime": None, "uf_crm_money": None, "uf_crm_crm": None, "uf_crm_employee": None,
        "uf_crm_colour": None, "uf_crm_file": None, "uf_crm_strings": ["b"], "company_ids": None,
        "source_id": "",
    },
]  # fmt: skip


def test_a_portal_takes_what_is_sent_and_a_second_time_nothing_is(client):
    described = client.carry_out(parse_dataset("contact").describe("snake"), Progress())
    writers = writers_of(described, phones="replace", zone=UTC)
    item = None
    for row in ROWS:
        given: dict = {}
        for column, value in row.items():
            given.setdefault(writers.find(column).name, {})[column] = value
        wanted = {name: writers[name].parse(cells, name) for name, cells in given.items()}
        fields: dict = {}
        for name, value in wanted.items():
            for key, part in writers[name].sent(value, item, read_file).items():
                fields[key] = {**fields.get(key, {}), **part} if key == "fm" else part
        call = Call("crm.item.add", {"entityTypeId": 3, "fields": fields})
        if item:
            call = Call("crm.item.update", {"entityTypeId": 3, "id": item["id"], "fields": fields})
        item = client.call_reply(call).result["item"]
        assert [name for name, value in wanted.items() if not writers[name].taken(value, item)] == []
        others = [name for name, value in wanted.items() if not writers[name].agrees(value, item)]
        assert set(others) <= {"ufCrmFile"}, "a new file never agrees"
    assert [(row["typeId"], row["value"]) for row in item["fm"]] == [("PHONE", "+2")]
