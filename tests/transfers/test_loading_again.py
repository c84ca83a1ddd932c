"""Rows that are loaded again, after a wait for a limit or in another try."""

from __future__ import annotations

import json
import os

import pytest
from airflow.exceptions import TaskDeferred
from no_waits import no_long_waits
from operator_alone import Log, Store, context_of, logging_to

from airflow_provider_bitrix24.hooks.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator

ADD = "crm.item.add"
REFUSED = {"code": "OPERATION_TIME_LIMIT", "status": 429, "times": None}


@pytest.fixture
def path(portal, tmp_path):
    path = tmp_path / "rows.jsonl"
    write(path, 60)
    return path


def write(path, count, first=0):
    rows = [{"title": f"Row {number}"} for number in range(first, first + count)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def operator(path, **arguments):
    made = FileToBitrix24Operator(
        task_id="t", entity_type="deal", operation="create", path=str(path), max_in_flight=1, **arguments
    )
    return logging_to(Log(), made)


def titles(portal):
    return sorted(item["TITLE"] for item in portal.items("deal").values() if item["TITLE"].startswith("Row"))


def test_what_was_created_before_a_deferral_is_not_created_after_it(portal, path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BITRIX24_DEFAULT", json.dumps(portal.connection(pacing="process")))
    portal.inject("error", ADD, params={"fields": {"title": "Row 55"}}, **REFUSED)
    out = path.with_name("out.csv")
    waiting = {"deferrable": True, "max_wait_in_worker": 0, "outcomes_path": str(out)}
    with pytest.raises(TaskDeferred) as caught:
        operator(path, **waiting).execute(context_of())
    assert len(titles(portal)) >= 50
    assert os.listdir(path.parent) == [path.name]
    portal.faults.clear()
    monkeypatch.setenv("AIRFLOW_CONN_BITRIX24_DEFAULT", json.dumps(portal.connection(pacing="machine")))
    with no_long_waits():
        result = operator(path, **waiting).resume(context_of(), None, **caught.value.kwargs)
    assert result["created"] == 60
    assert len(titles(portal)) == len(set(titles(portal))) == 60
    assert len(out.read_text().splitlines()) == 61


def test_other_rows_in_a_second_try_do_not_count_as_done(portal, path):
    """What the first try has sent is not known any more, so nothing without a key is sent."""
    store = Store()
    portal.inject("error", ADD, code="NOPE", status=400, params={"fields": {"title": "Row 7"}})
    with pytest.raises(Bitrix24Error):
        operator(path).execute(context_of(task_state_store=store))
    write(path, 61)
    with no_long_waits(), pytest.raises(AmbiguousWriteError):
        operator(path).execute(context_of(2, task_state_store=store))
    assert len(titles(portal)) == 59
