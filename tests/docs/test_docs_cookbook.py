"""The cookbook's recipes do what the page says of them, beyond ending well (test_docs_python.py)."""

from __future__ import annotations

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


def function(dag, task_id):
    return dag.get_task(task_id).python_callable


def test_a_failed_task_is_told_in_the_portal(recipe, portal):
    ti = SimpleNamespace(dag_id="nightly_work", task_id="work", log_url="http://localhost:8080/log")
    dag = recipe("nightly_work")
    dag.told({"ti": ti})
    [message] = portal.notifications(dag.ON_CALL)
    assert "nightly_work.work" in message.text
    assert dag.told in dag.nightly_work().get_task("work").on_failure_callback


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
