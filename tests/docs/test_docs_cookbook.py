"""The cookbook's recipes do what the page says of them, beyond ending well (test_docs_python.py)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from doc_blocks import of_kind
from test_docs_python import load

PAGE = "docs/cookbook.md"


@pytest.fixture
def recipe(tmp_path, monkeypatch, portal):
    """Load the block that defines a DAG, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def find(name):
        [block] = [block for block in of_kind("python", PAGE) if f"\n{name}()\n" in block.code]
        return load(block, tmp_path)

    return find


@pytest.fixture
def variables(monkeypatch):
    """Airflow's Variables, without a database."""
    kept = {}
    monkeypatch.setattr(
        "airflow.sdk.Variable.get",
        lambda key, default, deserialize_json: json.loads(kept[key]) if key in kept else default,
    )
    monkeypatch.setattr(
        "airflow.sdk.Variable.set",
        lambda key, value, serialize_json: kept.update({key: json.dumps(value)}),
    )
    return kept


def function(dag, task_id):
    return dag.get_task(task_id).python_callable


def run_at(hour):
    return SimpleNamespace(run_after=datetime(2026, 1, 1, hour, tzinfo=UTC))


def rows_of(result):
    with open(result["path"], encoding="utf-8") as file:
        return {int(row["ID"]): row for row in map(json.loads, file)}


def test_changes_since_the_last_run_are_read_once_with_an_overlap(recipe, portal, variables):
    dag = recipe("changed_deals").changed_deals()

    def run(number):
        return rows_of(function(dag, "read")(dag_run=run_at(number)))

    old = {"DATE_CREATE": "2020-01-01T00:00:00+03:00", "DATE_MODIFY": "2020-01-01T00:00:00+03:00"}
    known = [portal.add_item("deal", {"TITLE": "long ago", **old}) for _ in range(3)]
    assert set(run(1)) == set(portal.items("deal"))
    assert json.loads(variables["changed_deals"])["highest_id"] == max(known)

    restored = portal.add_item("deal", {"TITLE": "restored", **old})
    portal.set_stage("deal", known[0], "WON")
    second = run(2)
    assert {known[0], restored} <= set(second)
    assert second[known[0]]["STAGE_ID"] == "WON"
    assert not {known[1], known[2]} & set(second)


def test_the_mark_stays_where_reading_fails(recipe, portal, variables):
    read = function(recipe("changed_deals").changed_deals(), "read")
    read(dag_run=run_at(1))
    before = dict(variables)
    portal.inject("error", "crm.deal.list", times=None, code="ACCESS_DENIED", status=403)
    with pytest.raises(Exception, match="ACCESS_DENIED"):
        read(dag_run=run_at(2))
    assert variables == before


def test_a_value_that_was_not_taken_is_noticed(recipe):
    check = function(recipe("write_scores_back").write_scores_back(), "check")
    rows = [{"deal_id": number, "score": score} for number, score in enumerate(("A", 87, "B", "C"), start=1)]
    results = [
        {"STATUS": "done", "RESULT": {"item": {"sourceDescription": value}}} for value in ("A", "87", None)
    ]
    check(rows[:2], results[:2])
    with pytest.raises(ValueError, match=r"was not taken by deals \[3, 4\]"):
        check(rows, [*results, {"STATUS": "failed", "ERROR": "NOT_FOUND"}])


def test_a_failed_task_is_told_in_the_portal(recipe, portal):
    ti = SimpleNamespace(dag_id="nightly_work", task_id="work", log_url="http://localhost:8080/log")
    dag = recipe("nightly_work")
    dag.tell({"task_instance": ti})
    [message] = portal.notifications(dag.ON_CALL)
    assert "nightly_work.work" in message.text
    assert dag.tell in dag.nightly_work().get_task("work").on_failure_callback


def test_ids_become_names(recipe):
    read = function(recipe("deals_with_names").deals_with_names(), "read")
    named = {row["deal"]: (row["stage"], row["responsible"]) for row in read()}
    assert named[4] == ("Deal won", "Admin")
    assert named[3] == ("In progress", "Admin"), "a stage of another pipeline"


class Pulled:
    """A task instance, and what the task before it pushed."""

    def __init__(self, **pushed):
        self.pushed = pushed

    def xcom_pull(self, task_ids, key="return_value"):
        return self.pushed.get(key)


def test_rows_that_failed_are_reported(recipe):
    report = function(recipe("bind_and_report").bind_and_report(), "report")
    names = {"OWNER_ID": 2, "ENTITY_TYPE": "deal", "ENTITY_ID": 1}
    bound, failed = {**names, "STATUS": "bound"}, {**names, "STATUS": "failed", "ERROR": "NOT_FOUND"}
    assert report(ti=Pulled(return_value=[])) == []
    assert report(ti=Pulled(return_value=[bound, failed])) == [failed]
    with pytest.raises(RuntimeError, match="not one record could be bound"):
        report(ti=Pulled(outcomes=[failed, failed]))
    with pytest.raises(RuntimeError, match="failed before it tried one row"):
        report(ti=Pulled())
