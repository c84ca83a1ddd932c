"""No value of a row gets into a log line, an error or a traceback, whatever refuses the row."""

from __future__ import annotations

import html
import json
import logging
import re
import traceback
from dataclasses import replace
from functools import cached_property

import pytest
from no_waits import no_long_waits
from operator_alone import context_of

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators.items import (
    CreateCrmItemsOperator,
    DeleteCrmItemsOperator,
    UpdateCrmItemsOperator,
    UpsertCrmItemsOperator,
)
from airflow_provider_bitrix24.operators.product_rows import SetProductRowsOperator
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

#: how each value of a row begins, and nothing else does
MARK = "Zq"
DEALS = {"entity_type": "deal"}
ITEMS = (1, 2, 3)


def rows(**more):
    """Return rows whose every value is a word of its own."""
    return [
        {
            "origin_id": f"{MARK}key{n}",
            "title": f"{MARK}title{n} & {MARK}son{n}",
            "comments": f'{MARK}"quoted"{n}',
            "uf_crm_many": [f"{MARK}a{n}", f"{MARK}b{n}"],
            **more,
        }
        for n in ITEMS
    ]


def numbered(portal, **more):
    """Return such rows for items that are there."""
    return [{**row, "id": number} for number, row in zip(portal.items("deal"), rows(**more), strict=False)]


#: everything that a portal might repeat, as text, JSON and HTML
WORDS = " ".join(
    value for row in rows() for part in row.values() for value in ([part] if isinstance(part, str) else part)
)
WORDS = f"{WORDS} {json.dumps(WORDS)} {html.escape(WORDS)}"
PAGE = f"<html><title>Blocked</title><body>{WORDS}</body></html>".encode()
REFUSALS = [
    {"kind": "error", "status": 400, "code": "WRONG", "description": WORDS},
    {"kind": "error", "status": 400, "code": WORDS, "description": "no"},
    {"kind": "false"},
    {"kind": "result", "result": None},
    {"kind": "result", "result": {"item": WORDS, "items": WORDS}},
    {"kind": "result", "result": {"item": {"id": 1, "title": WORDS}, "items": [{"id": WORDS}]}},
    *({"kind": "raw", "raw": PAGE, "status": status} for status in (200, 403, 500)),
    {"kind": "raw", "raw": json.dumps({"result": WORDS})[:-5].encode()},
    {"kind": "drop_after"},
]


def hurried(cls, **arguments):
    """Return an operator that does not wait before it tries again."""

    class Hurried(cls):
        @cached_property
        def hook(self):
            hook = Bitrix24Hook(request_cut=0.0)
            session = hook.get_conn().session
            session.policy = replace(session.policy, attempts=2, first_pause=0.01, longest_pause=0.02)
            return hook

    return Hurried(task_id="t", **arguments)


@pytest.fixture
def told(portal, written, caplog):
    """Execute an operator, and return all that it tells, without the keys that outcomes hold."""
    portal.add_user_field("deal", "UF_CRM_MANY", "string", multiple=True)
    portal.add_items("deal", [{"TITLE": "a"}] * len(ITEMS))
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "fsspec")  # which logs the path of each file at DEBUG

    def tell(cls, **arguments):
        context = context_of()
        story = []
        outcomes = []
        with no_long_waits():
            try:
                result = hurried(cls, **{**DEALS, **arguments}).execute(context)
                outcomes += result if isinstance(result, list) else []
            except Exception as error:
                story += [*traceback.format_exception(error), repr(error)]
        outcomes += context["ti"].pushed.get("outcomes", ())
        story += [str({name: value for name, value in row.items() if name != "KEY"}) for row in outcomes]
        story += [caplog.text, written()]
        caplog.clear()
        return "\n".join(story)

    return tell


def marked(text):
    """Return the values in a text, with what stands before them."""
    return re.findall(rf".{{0,60}}{MARK}\w+", text)[:3]


def check_refusals(portal, told, refusals):
    """Let a portal refuse each call that concerns rows, and look for their values in all that is told."""
    before = portal.items("deal").keys()
    for method in ("crm.item.add", "crm.item.list", "crm.item.update"):
        for number, fault in enumerate(refusals):
            options = {"fail_on": ("any", "never")[number % 2]}
            where = {"method": method}
            if fault["kind"] in ("raw", "drop_after") and method != "crm.item.list":
                where = {"method": "batch", "match": lambda params, method=method: method in str(params)}
            injected = portal.inject(**fault, **where, times=20)
            if method == "crm.item.update":
                text = told(UpdateCrmItemsOperator, rows=numbered(portal), skip_unchanged=False, **options)
            else:
                text = told(UpsertCrmItemsOperator, rows=rows(), key="origin_id", **options)
            assert marked(text) == [], (fault["kind"], method)
            assert injected.struck, (fault["kind"], method)
            portal.faults.clear()
            for item in portal.items("deal").keys() - before:
                portal.delete_item("deal", item)


def test_what_a_portal_repeats_is_not_told(portal, told):
    check_refusals(portal, told, REFUSALS[:1])


@pytest.mark.slow
def test_what_a_portal_repeats_is_not_told_whatever_it_answers(portal, told):
    check_refusals(portal, told, REFUSALS[1:])


def test_values_that_are_not_valid_are_not_told(portal, told):
    wrong = [
        *(
            {name: f"{MARK}wrong"}
            for name in ("opportunity", "stage_id", "begindate", "opened", "contact_ids")
        ),
        *({"id": value} for value in (f"{MARK}id", [f"{MARK}id"], {f"{MARK}id"})),
        {"uf_crm_many": {f"{MARK}a": f"{MARK}b"}},
    ]
    for number, more in enumerate(wrong):
        fail_on = ("any", "never")[number % 2]
        text = told(UpdateCrmItemsOperator, rows=numbered(portal) + rows(**more), fail_on=fail_on)
        assert marked(text) == [], more
        assert "rows[3]" in text
    for bad in (
        f"[{MARK}",
        json.dumps({"id": f"{MARK}"}),
        [f"{MARK}row"],
        {f"{MARK}a": f"{MARK}b"},
        [[MARK]],
    ):
        assert marked(told(CreateCrmItemsOperator, rows=bad)) == []
        assert marked(told(DeleteCrmItemsOperator, ids=bad)) == []


def test_files_that_cannot_be_read_are_not_told_by_their_paths(portal, told):
    portal.add_user_field("deal", "UF_CRM_FILE", "file")
    for path in (
        f"/nowhere/{MARK}{'x' * 100}",
        f"{MARK}://a/b",
        f"{MARK}a\\b'c",
        f'{{"path": "/{MARK}a", "name": "a/b"}}',
    ):
        text = told(CreateCrmItemsOperator, rows=[{"title": "Fair", "uf_crm_file": path}], fail_on="never")
        assert marked(text) == [], path
        assert "rows[0].uf_crm_file: file: the value" in text


def test_what_a_portal_repeats_of_product_rows_is_not_told(portal, told):
    portal.inject("error", "crm.item.productrow.set", status=400, description=f"{MARK}cup is wrong")
    products = [{"owner_id": 1, "product_name": f"{MARK}cup", "price": 1, "quantity": 1}]
    text = told(SetProductRowsOperator, rows=products)
    assert "*** is wrong" in text
    assert marked(text) == []


def test_sources_do_not_tell_values(portal, told, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")
    query = {"operation": "create", "sql_conn_id": "warehouse"}
    for sql in (f"SELECT '{MARK}a' AS title FROM nowhere", f"SELECT '{MARK}a' AS opportunity"):
        assert marked(told(SqlToBitrix24Operator, sql=sql, **query)) == []
    path = tmp_path / "rows.jsonl"
    out = tmp_path / "out.jsonl"
    portal.inject("error", "crm.item.add", status=400, description=WORDS, times=None)
    for text in (
        "".join(f"{json.dumps(row)}\n" for row in rows()),
        f'{{"title": "{MARK}a"',
        f'["{MARK}a"]\n',
    ):
        path.write_text(text)
        text = told(FileToBitrix24Operator, operation="create", path=str(path), outcomes_path=str(out))
        assert marked(text) == []
    assert marked(out.read_text()) == []
