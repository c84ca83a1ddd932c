"""Every file in ``dags_examples`` runs, also a second time."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

FOLDER = Path(__file__).resolve().parent.parent / "dags_examples"


def example(name, suffix=""):
    """Return a DAG of a file: the one that is called like it, or another one whose name ends so."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name + suffix)()


@pytest.fixture
def portal(bitrix24_portal, connection):
    bitrix24_portal.load_demo()
    connection(bitrix24_portal.connection())
    return bitrix24_portal


def succeeded(run):
    failed = [task for task, state in run.states.items() if state != "success"]
    assert failed == [], "".join(run.log(task)[-6000:] for task in failed)
    return run


def statuses(run, task_id):
    return [row["STATUS"] for row in run.xcom(task_id)]


def looks_often(sensor):
    """Let a sensor not wait a minute between two looks, wherever it starts."""
    sensor.poke_interval = 0.05
    if sensor.start_from_trigger:
        sensor.start_trigger_args.trigger_kwargs["poke_interval"] = 0.05


def test_every_example_is_known_here():
    tested = Path(__file__).read_text(encoding="utf-8")
    names = [path.stem for path in FOLDER.glob("*.py")]
    assert len(names) == 13
    assert [name for name in names if f'example("{name}")' not in tested] == []


def test_share_comment_of_the_newest_open_deal_twice(portal, run_dag):
    dag = example("bitrix24_share_comment")
    for stage in ("WON", "LOSE"):
        portal.add_item("deal", {"STAGE_ID": stage, "CONTACT_ID": 2, "COMPANY_ID": 2})
    before = {record.record_id for record in portal.records()}
    for number in (1, 2):
        portal.clear_journal()
        run = succeeded(run_dag(dag))
        added = [record for record in portal.records() if record.record_id not in before]
        assert len(added) == number
        assert portal.bindings(added[-1].record_id) == [("company", 2), ("contact", 1), ("deal", 5)]
        assert len(portal.calls("crm.timeline.comment.add")) == 1
        assert len(portal.calls("crm.timeline.bindings.bind")) == 2
        assert portal.refusals == 0
        assert statuses(run, "share_comment") == ["bound", "bound"]


@pytest.mark.slow
def test_lead_to_deal_twice(portal, run_dag):
    dag = example("bitrix24_lead_to_deal")
    [story] = portal.comments("lead", 3)
    question = portal.add_comment("lead", 3, "Which floor?")
    call = portal.add_activity("lead", 3, "First call", kind="call")
    assert statuses(succeeded(run_dag(dag)), "move_timeline") == ["moved"] * 3
    assert portal.comments("lead", 3) == []
    assert portal.activities("lead", 3) == {}
    for record in (story.record_id, question):
        assert portal.bindings(record) == [("deal", 4)]
    assert portal.activity_bindings(call) == [("deal", 4)]

    later = portal.add_comment("lead", 3, "Third, with a lift.")
    run = succeeded(run_dag(dag))
    assert [(row["ID"], row["STATUS"]) for row in run.xcom("move_timeline")] == [(later, "moved")]
    assert portal.bindings(later) == [("deal", 4)]
    assert len(portal.comments("deal", 4)) == 3


def test_a_lead_that_is_no_deal(portal, run_dag):
    run = run_dag(example("bitrix24_lead_to_deal"), run_conf={"lead_id": 1})
    assert run.states == {"deal_of_lead": "failed", "move_timeline": "upstream_failed"}
    assert "lead 1 has not become a deal" in run.output


@pytest.mark.slow
def test_bind_rows_twice(portal, run_dag):
    dag = example("bitrix24_bind_rows")
    for status in ("bound", "already_bound"):
        run = succeeded(run_dag(dag))
        assert statuses(run, "bind") == [status, status, "failed", "failed"]
        assert [(row["invoice"], row["OWNER_ID"], row["ERROR"]) for row in run.xcom("report")] == [
            ("INV-3", 3, "INVALID_INPUT"), ("INV-4", 900000, "NOT_FOUND"),
        ]  # fmt: skip
        assert "timeline record 900000 does not exist" in run.log("report")
    assert portal.bindings(2) == [("contact", 1), ("deal", 1)]
    assert portal.bindings(3) == [("company", 2), ("deal", 2)]
    assert portal.bindings(900000) == []


@pytest.mark.slow
def test_rows_of_which_none_can_be_bound(portal, run_dag):
    stale = [{"record_id": number, "entity_type": "contact", "entity_id": 1} for number in (900000, 900001)]
    run = run_dag(example("bitrix24_bind_rows"), run_conf={"rows": stale})
    assert (run.state, run.states["bind"], run.states["report"]) == ("failed", "failed", "failed")
    for number in (900000, 900001):
        assert f"timeline record {number} does not exist" in run.log("report")
    assert "not one row could be bound" in run.log("report")


@pytest.mark.slow
def test_a_query_without_rows_is_no_failure(portal, run_dag):
    assert succeeded(run_dag(example("bitrix24_bind_rows"), run_conf={"rows": []})).xcom("report") == []


@pytest.mark.slow
def test_a_query_that_fails_fails_the_run(portal, run_dag):
    dag = example("bitrix24_bind_rows")
    dag.get_task("query").python_callable = lambda params=None: 1 / 0
    run = run_dag(dag)
    assert (run.state, run.states["bind"], run.states["report"]) == ("failed", "upstream_failed", "failed")
    assert "not one row was tried" in run.log("report")


def test_deal_won(portal, run_dag, tmp_path):
    dag = example("bitrix24_deal_won")
    looks_often(dag.get_task("wait_until_won"))
    document = tmp_path / "handover.pdf"
    document.write_bytes(b"%PDF-1.7 hand-over")
    deal = portal.add_item("deal", {"TITLE": "Tea bar", "CATEGORY_ID": 1, "STAGE_ID": "C1:WON"})
    # what it was at the first two looks
    still_open = {"item": {"id": deal, "stageId": "C1:NEW", "categoryId": 1}}
    portal.inject("result", "crm.item.get", times=2, result=still_open)
    run = succeeded(run_dag(dag, run_conf={"deal_id": deal, "document": str(document)}))
    looks, for_the_comment = 3, 1
    assert len(portal.calls("crm.item.get", executed=None)) == looks + for_the_comment
    [added] = portal.comments("deal", deal)
    assert added.record_id == run.xcom("hand_over")
    assert added.text == "Won. [b]The hand-over document is attached.[/b]"
    assert len(added.files) == 1


@pytest.mark.slow
def test_calls_on_deliveries_twice(portal, run_dag):
    dag = example("bitrix24_calls_on_deliveries")
    second = portal.add_activity("deal", 1, "Call Ada again", kind="call")
    calls = [number for number, row in portal.activities("deal", 1).items() if row["TYPE_ID"] == "2"]
    [todo] = [number for number in portal.activities("deal", 1) if number not in calls]
    assert second in calls
    assert len(calls) == 2
    for status in ("bound", "already_bound"):
        assert statuses(succeeded(run_dag(dag)), "show_calls") == [status, status]
        for call in calls:
            assert ("dynamic_128", 1) in portal.activity_bindings(call)
        assert portal.activity_bindings(todo) == [("deal", 1)]


@pytest.mark.slow
def test_log_message_twice(portal, run_dag):
    dag = example("bitrix24_log_message")
    records = []
    for _ in range(2):
        run = succeeded(run_dag(dag))
        records.append(run.xcom("log"))
        assert statuses(run, "show_everywhere") == ["bound"] * 3
    assert len(set(records)) == 2
    for record in records:
        assert portal.bindings(record) == [("company", 1), ("contact", 4), ("deal", 4), ("lead", 3)]
    titles = [record.title for record in portal.records("lead", 3) if record.kind == "log_message"]
    assert titles == ["Nightly check"] * 2


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite:///{path}")

    def ask(query):
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            return database.execute(query).fetchall()

    return ask


@pytest.mark.slow
def test_deals_to_sql_twice_and_weekly(portal, run_dag, warehouse):
    hourly, weekly = example("bitrix24_deals_to_sql"), example("bitrix24_deals_to_sql", "_weekly")
    succeeded(run_dag(hourly))
    titles = dict(warehouse("SELECT id, title FROM crm_deal"))
    assert set(titles) == set(portal.items("deal"))
    assert warehouse("SELECT count(*) FROM crm_stages") > [(10,)]
    assert warehouse("SELECT count(*) FROM crm_deal_stage_history") > [(0,)]

    portal.update_item("deal", 1, {"TITLE": "Changed"})
    portal.delete_item("deal", 2)
    run = succeeded(run_dag(hourly))
    assert run.xcom("deal")["since"] is not None
    assert dict(warehouse("SELECT id, title FROM crm_deal"))[1] == "Changed"
    assert succeeded(run_dag(weekly)).xcom("deal")["deleted"] == 1
    assert warehouse("SELECT id FROM crm_deal WHERE deleted_at IS NOT NULL") == [(2,)]


@pytest.mark.slow
@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Airflow keeps the state of assets from 3.3 up")
def test_a_lake_twice(portal, run_dag, tmp_path):
    dag = example("bitrix24_lake")
    for number, title in enumerate(("First", "Second")):
        portal.update_item("deal", 1, {"TITLE": title})
        run = succeeded(run_dag(dag, run_conf={"lake": str(tmp_path)}))
        result = run.xcom("deals")
        rows = {row["id"]: row for row in pyarrow.parquet.read_table(result["path"]).to_pylist()}
        assert rows[1]["title"] == title
        assert (result["since"] is None) == (number == 0)
    ids = pyarrow.parquet.read_table(tmp_path / "deal_ids.parquet").to_pylist()
    assert ids == [{"id": number} for number in sorted(portal.items("deal"))]
    example("bitrix24_lake", "_readers")


@pytest.mark.slow
def test_dlt_twice(portal, run_dag, tmp_path):
    path = tmp_path / "warehouse.duckdb"
    dag = example("bitrix24_dlt")
    for deal, since in ((3, "Reading all of deal."), (4, "Reading what changed in deal since")):
        run = succeeded(run_dag(dag, run_conf={"database": str(path)}))
        assert since in run.log("load")
        with closing(duckdb.connect(str(path))) as database:
            rows = dict(database.execute("SELECT id, title FROM crm.deal").fetchall())
            assert database.execute("SELECT count(*) FROM crm.stages").fetchall() > [(10,)]
        assert rows == {number: row["TITLE"] for number, row in portal.items("deal").items()}
        portal.update_item("deal", 2, {"TITLE": f"Changed before {deal}"})
        portal.delete_item("deal", deal)


def updated(portal):
    return [int(call.params["id"]) for call in portal.calls("crm.item.update")]


@pytest.mark.slow
def test_scores_to_deals_twice(portal, run_dag, warehouse):
    warehouse("CREATE TABLE deal_scores (deal_id, score, model, day)")
    for deal, score in ((1, 70), (2, 80), (404, 90)):
        warehouse(f"INSERT INTO deal_scores VALUES ({deal}, {score}, 'm1', date('now'))")
    dag = example("bitrix24_scores_to_deals")
    for written in ([1, 2], []):
        portal.clear_journal()
        run = succeeded(run_dag(dag))
        assert portal.calls("crm.item.add") == []
        assert updated(portal) == written
        assert (run.xcom("load")["updated"], run.xcom("load")["failed"]) == (len(written), 1)
        assert [(row["model"], row["ENTITY_ID"]) for row in run.xcom("report")] == [("m1", 404)]
        assert "m1: deal 404: NOT_FOUND" in run.log("report")
    assert [portal.item("deal", deal)["probability"] for deal in (1, 2)] == [70, 80]

    warehouse("DELETE FROM deal_scores WHERE deal_id < 404")
    run = run_dag(dag)
    assert run.states == {"load": "failed", "report": "failed"}
    assert "not one score could be written" in run.log("report")


@pytest.mark.slow
def test_contacts_from_csv_twice(portal, run_dag, tmp_path):
    header = "originator_id,origin_id,name,last_name,phone,email"
    rows = [
        "shop,1001,Ilse,Brandt,+49 30 5550100,",
        "shop,1002,Per,Holm,,per@example.com",
        "shop,,No,Number,,",
    ]
    (tmp_path / "contacts.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    dag = example("bitrix24_contacts_from_csv")
    before = set(portal.items("contact"))
    for _ in range(2):
        portal.clear_journal()
        run = succeeded(run_dag(dag, run_conf={"folder": str(tmp_path)}))
        new = run.xcom("summary")["new"]
        assert len(portal.calls("crm.item.add")) == len(new)
        assert run.xcom("summary")["errors"] == {"INVALID_INPUT": 1}
    assert new == {}
    assert run.xcom("load")["unchanged"] == 2
    added = [portal.item("contact", number) for number in set(portal.items("contact")) - before]
    assert sorted((item["originId"], item["name"]) for item in added) == [("1001", "Ilse"), ("1002", "Per")]


@pytest.mark.slow
def test_on_changes_twice(portal, run_dag, warehouse):
    dag = example("bitrix24_on_changes")
    for name in ("First", "Second"):
        portal.update_item("contact", 1, {"NAME": name})
        succeeded(run_dag(dag))
        names = dict(warehouse("SELECT id, name FROM crm_contact"))
        assert set(names) == set(portal.items("contact"))
        assert names[1] == name
    [asset] = dag.timetable.asset_condition.objects
    assert asset.uri == "bitrix24://portal.bitrix24.com/crm/contact"
    assert len(asset.watchers) == 1


@pytest.mark.slow
def test_a_notified_load_that_works_and_fails(portal, run_dag, warehouse, monkeypatch):
    dag = example("bitrix24_notified_load")
    dag.deadline = None  # dag.test() of Airflow 3.3 cannot run a DAG that has one
    succeeded(run_dag(dag))
    assert warehouse("SELECT count(*) FROM crm_company") == [(len(portal.items("company")),)]
    assert portal.notifications() == []

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "sqlite:////nowhere/at/all.db")
    assert run_dag(dag).states == {"load": "failed"}
    [sent] = portal.notifications(1)
    # dag.test() of Airflow 3.1 has no exception for callbacks.
    reason = "Table crm_company: the connection does not get to the database" if AIRFLOW_V_3_3_PLUS else "{{"
    assert sent.text.startswith(f"[b]bitrix24_notified_load[/b]: load failed. {reason}")
    assert sent.text.endswith("]Open the log[/url]")
