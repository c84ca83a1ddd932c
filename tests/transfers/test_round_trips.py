"""What was extracted can be loaded as it is: nothing is written, for all is so already."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from extracting import context, to_file
from operator_alone import Log, context_of, logging_to

from airflow_provider_bitrix24.operators.items import SetProductRowsOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

WRITES = ("crm.item.add", "crm.item.update", "crm.item.delete", "crm.deal.update")
#: columns that the portal sets when an item is written
OWN = ("updated_time", "updated_by", "last_activity_time", "_loaded_at")

#: a value of each type of the users' own fields
VALUES = {
    "string": "Fair; \"x\", 'y'\n2",
    "integer": 7,
    "double": "1.25",
    "boolean": 1,
    "date": "2026-03-01",
    "datetime": "2026-03-01T12:00:00+01:00",
    "url": "https://example.com/?a=1&b=2",
    "money": "10.50|EUR",
    "enumeration": "first",
    "employee": 1,
}


@pytest.fixture
def deals(portal):
    """A portal with two deals, one that has a value of every type, and one that has none."""
    fields = {}
    for kind, value in VALUES.items():
        options = {"options": ["S", "M"]} if kind == "enumeration" else {}
        made = portal.add_user_field("deal", f"UF_CRM_{kind.upper()}", kind, **options)
        fields[f"UF_CRM_{kind.upper()}"] = made[0] if value == "first" else value
    portal.add_user_field("deal", "UF_CRM_MANY", "string", multiple=True)
    fields["UF_CRM_MANY"] = ["a", "b,c"]
    portal.add_user_field("deal", "UF_CRM_MONEY_CURRENCY", "string")
    fields["UF_CRM_MONEY_CURRENCY"] = "dollars"
    contacts = portal.add_items("contact", [{"NAME": "Ann"}, {"NAME": "Bo"}])
    full = {"TITLE": "Full", "OPPORTUNITY": "99.90", "CURRENCY_ID": "EUR", "CONTACT_IDS": contacts, **fields}
    portal.add_items("deal", [full, {"TITLE": "Bare"}])
    return portal


def is_unchanged(portal, operator):
    """Load rows, which must not write anything."""
    portal.clear_journal()
    result = logging_to(Log(), operator).execute(context_of())
    assert result["rows"] == result["unchanged"] == len(portal.items(operator.entity_type))
    assert not [call.method for call in portal.calls() if call.method in ("crm.item.add", "crm.item.update")]


def test_files_and_tables_of_deals_load_as_they_are(deals, warehouse, tmp_path):
    arguments = {"entity_type": "deal", "operation": "update"}
    for suffix in ("jsonl", "csv.gz", "parquet"):
        path = str(tmp_path / f"deal.{suffix}")
        to_file(dataset="deal", path=path).execute(context())
        is_unchanged(deals, FileToBitrix24Operator(task_id="t", path=path, **arguments))
    Bitrix24ToSqlOperator(task_id="sql", dataset="deal", table="deal", sql_conn_id="warehouse").execute(
        context()
    )
    select = {"sql": "SELECT * FROM deal", "sql_conn_id": "warehouse"}
    is_unchanged(deals, SqlToBitrix24Operator(task_id="t", **select, **arguments, timezone="UTC"))


def test_product_rows_of_a_table_are_set_as_they_are(portal, warehouse):
    portal.add_items("deal", [{"TITLE": "A"}])
    cup = {"PRODUCT_NAME": "Cup", "PRICE": 2.5, "QUANTITY": 4, "TAX_RATE": 20, "TAX_INCLUDED": "Y"}
    portal.add_product_rows("deal", 1, [cup, {"PRODUCT_NAME": "Mug", "PRICE": 9, "QUANTITY": 1}])
    warehouse.load("deal.product_rows", "product_rows")
    with warehouse.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(sa.text("SELECT * FROM product_rows")).mappings()]
    setting = SetProductRowsOperator(task_id="t", entity_type="deal", rows=rows)
    assert [row["STATUS"] for row in logging_to(Log(), setting).execute(context_of())] == ["unchanged"]


def test_phones_of_an_extraction_load_as_they_are(portal, tmp_path):
    phones = [{"VALUE": "+4930123456", "VALUE_TYPE": "WORK"}, {"VALUE": "+4930654321", "VALUE_TYPE": "HOME"}]
    mail = [{"VALUE": "ann@example.com", "VALUE_TYPE": "WORK"}]
    portal.add_items("contact", [{"NAME": "Ann", "PHONE": phones, "EMAIL": mail}, {"NAME": "Bo"}])
    arguments = {"entity_type": "contact", "operation": "update"}
    for suffix in ("jsonl", "csv", "parquet"):
        path = str(tmp_path / f"contact.{suffix}")
        to_file(dataset="contact", path=path).execute(context())
        for phones in ("add", "replace"):
            is_unchanged(portal, FileToBitrix24Operator(task_id="t", path=path, phones=phones, **arguments))


# --- thousands that are changed in between ---

UPDATE = {"entity_type": "deal", "operation": "update"}
#: what is changed, as SQL; columns of the portal's own stay
CHANGES = {
    "title": "title || '!'",
    "opportunity": "opportunity + 1",
    "begindate": "'2026-05-04'",
    "comments": "'changed'",
    "uf_crm_string": "NULL",
    "uf_crm_integer": "uf_crm_integer + 1",
    "uf_crm_double": "uf_crm_double + 0.25",
    "uf_crm_boolean": "NOT uf_crm_boolean",
    "uf_crm_date": "'2026-03-02'",
    "uf_crm_datetime": "'2026-03-02 11:00:00.000000'",
    "uf_crm_url": "uf_crm_url || 'c'",
    "uf_crm_money": "uf_crm_money * 2",
    "uf_crm_money_currency": "'euros'",
    "uf_crm_money_currency_code": "'USD'",
    "uf_crm_employee": "2",
    "uf_crm_many": """'["a","c & d","e"]'""",
}


def fill(portal, count):
    """Put many deals into a portal that have a value of every type."""
    [full] = [item for item in portal.items("deal").values() if item["TITLE"] == "Full"]
    fields = {name: value for name, value in full.items() if name.startswith("UF_") or name == "CONTACT_IDS"}
    portal.add_items("deal", [{"TITLE": f"Deal {n}", "OPPORTUNITY": n, **fields} for n in range(count)])


def load_changed(portal, operator, changed):
    """Load rows of which some are changed, which must write these and no others."""
    portal.clear_journal()
    result = logging_to(Log(), operator).execute(context_of())
    assert result["updated"] == len(changed)
    written = [call.params["id"] for call in portal.calls(executed=None) if call.method in WRITES]
    assert sorted(map(int, written)) == sorted(changed)


def check_changed_table(portal, warehouse):
    changes = ", ".join(f"{name} = {value}" for name, value in CHANGES.items())
    warehouse.load()
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE deal SET {changes} WHERE id % 3 = 0"))
    changed = [number for [number] in warehouse.query("SELECT id FROM deal WHERE id % 3 = 0")]
    select = {"sql": "SELECT * FROM deal", "sql_conn_id": "warehouse", "timezone": "UTC"}
    load_changed(portal, SqlToBitrix24Operator(task_id="t", **UPDATE, **select), changed)
    warehouse.load(table="again")
    columns = [column["name"] for column in sa.inspect(warehouse.engine).get_columns("deal")]
    told = f"SELECT {', '.join(name for name in columns if name not in OWN)} FROM {{}} ORDER BY id"
    assert warehouse.query(told.format("again")) == warehouse.query(told.format("deal"))


def test_a_table_that_is_changed_is_what_the_portal_holds_then(deals, warehouse):
    fill(deals, 60)
    check_changed_table(deals, warehouse)


@pytest.mark.slow
def test_a_long_table_that_is_changed_is_what_the_portal_holds_then(deals, warehouse):
    fill(deals, 1_000)
    check_changed_table(deals, warehouse)


@pytest.mark.slow
def test_a_long_file_that_is_changed_is_what_the_portal_holds_then(deals, tmp_path):
    fill(deals, 1_000)
    path, again = str(tmp_path / "deal.parquet"), str(tmp_path / "again.parquet")
    to_file(dataset="deal", path=path).execute(context())
    table = pq.read_table(path)
    rows = [
        {**row, "title": f"{row['title']}!", "opportunity": Decimal("7.25"), "uf_crm_many": ["x", "y"],
         "uf_crm_integer": None, "uf_crm_boolean": False, "uf_crm_date": date(2026, 3, 2),
         "uf_crm_datetime": datetime(2026, 3, 2, 11, tzinfo=UTC), "contact_ids": None, "contact_id": None}
        if row["id"] % 3 == 0 else row
        for row in table.to_pylist()
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    changed = [row["id"] for row in rows if row["id"] % 3 == 0]
    load_changed(deals, FileToBitrix24Operator(task_id="t", **UPDATE, path=path), changed)
    to_file(dataset="deal", path=again).execute(context())
    same = [name for name in table.schema.names if name not in OWN]
    assert pq.read_table(again, columns=same).to_pylist() == pq.read_table(path, columns=same).to_pylist()
