"""Thousands of rows: those that are wrong fail alone and say why, and what is so already is left alone."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from operator_alone import Log, context_of, logging_to, quick

from airflow_provider_bitrix24.operators.items import UpsertCrmItemsOperator
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

WRITES = ("crm.item.add", "crm.item.update", "crm.item.delete", "crm.deal.update")
KEY = {"entity_type": "deal", "key": "uf_crm_key"}
#: what can be wrong with a row, and what is told of it
WRONG = [
    ({"opportunity": "much"}, "opportunity: the value is no number"),
    ({"opportunity": 10**17}, "opportunity: the value is no number of 18 digits"),
    ({"uf_crm_size": "XXL"}, "uf_crm_size: the value"),
    ({"stage_id": "NOWHERE"}, "stage_id: the value"),
    ({"uf_crm_tags": "one"}, "uf_crm_tags: the value is no list"),
    ({"uf_crm_time": "2026-03-01T12:00:00"}, "uf_crm_time: the value"),
    ({"begindate": "1 May"}, "begindate: the value is no day"),
    ({"uf_crm_key": ""}, "the row has no key"),
    ({"uf_crm_key": "K0"}, "has the same id or key"),
    ({"company_id": 999_999}, "the portal did not take company_id"),
    ({"uf_crm_file": "/nowhere/a.pdf"}, "uf_crm_file: file: the value cannot be read"),
]


@pytest.fixture
def deals(portal):
    """A portal with fields of the user's own."""
    for name, kind in (("KEY", "string"), ("TIME", "datetime"), ("FILE", "file")):
        portal.add_user_field("deal", f"UF_CRM_{name}", kind)
    portal.add_user_field("deal", "UF_CRM_SIZE", "enumeration", options=["S", "M"])
    portal.add_user_field("deal", "UF_CRM_TAGS", "string", multiple=True)
    return portal


def writes(portal):
    return [call for call in portal.calls(executed=None) if call.method in WRITES]


def by_key(portal):
    """Return the items with a key; none has the key of another."""
    found = [(item["UF_CRM_KEY"], item) for item in portal.items("deal").values() if item.get("UF_CRM_KEY")]
    assert len(dict(found)) == len(found)
    return dict(found)


def check_wrong_rows(portal, count):
    """Upsert rows of which each tenth is wrong."""
    rows = [{"uf_crm_key": f"K{n}", "title": f"row {n}", "opportunity": n} for n in range(count)]
    told = {}
    for place, number in enumerate(range(9, count, 10)):
        change, told[number] = WRONG[place % len(WRONG)]
        rows[number] |= change
    told |= {0: "has the same id or key"} if any(row["uf_crm_key"] == "K0" for row in rows[1:]) else {}
    there = portal.add_items("deal", [{"UF_CRM_KEY": f"K{n}", "TITLE": "old"} for n in range(0, count, 4)])
    others = {number: item for number, item in portal.items("deal").items() if number not in there}
    result = quick(UpsertCrmItemsOperator, **KEY, rows=rows, fail_on="never").execute(context_of())
    assert [number for number, row in enumerate(result) if row["STATUS"] == "failed"] == sorted(told)
    for number, why in told.items():
        assert f"rows[{number}]" in result[number]["ERROR_DESCRIPTION"] or "company_id" in why
        assert why in result[number]["ERROR_DESCRIPTION"]
    items = portal.items("deal")
    assert others == {number: items[number] for number in others}
    for number, (row, outcome) in enumerate(zip(rows, result, strict=True)):
        if number not in told:
            assert outcome["STATUS"] == ("created" if number % 4 else "updated")
            item = items[outcome["ENTITY_ID"]]
            assert (item["UF_CRM_KEY"], item["TITLE"]) == (row["uf_crm_key"], row["title"])
    sent = Counter(call.method for call in writes(portal))
    taken = sum("company_id" in why for why in told.values())
    assert sent.total() == count - len(told) + taken


def test_wrong_rows_fail_alone_and_are_told_one_by_one(deals):
    check_wrong_rows(deals, 220)


@pytest.mark.slow
def test_wrong_rows_of_thousands_fail_alone(deals):
    check_wrong_rows(deals, 2_000)


def test_rows_that_are_loaded_twice_are_written_once(deals, tmp_path, monkeypatch):
    """By every operator, and after one another."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")
    rows = [
        {"uf_crm_key": f"K{n}", "title": f"row {n}", "opportunity": f"{n}.5", "uf_crm_size": "M"}
        for n in range(150)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    values = ", ".join(f"('{row['uf_crm_key']}', '{row['title']}', {row['opportunity']})" for row in rows)
    sql = (
        "SELECT column1 AS uf_crm_key, column2 AS title, column3 AS opportunity, 'M' AS uf_crm_size "
        f"FROM (VALUES {values})"
    )
    operators = [
        UpsertCrmItemsOperator(task_id="t", **KEY, rows=rows),
        FileToBitrix24Operator(task_id="t", **KEY, operation="upsert", path=str(path)),
        SqlToBitrix24Operator(task_id="t", **KEY, operation="upsert", sql=sql, sql_conn_id="warehouse"),
    ]
    for operator in operators:
        logging_to(Log(), operator).execute(context_of())
        assert len(writes(deals)) == 150
    assert len(by_key(deals)) == 150
