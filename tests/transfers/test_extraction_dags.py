"""Extractions in whole DAGs: mapped, templated, with an asset's state and events, and what is logged."""

from __future__ import annotations

import importlib.metadata
import json
from datetime import UTC, datetime

import pytest
from airflow.sdk import DAG, Asset, task

from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

HAS_STORES = importlib.metadata.version("apache-airflow-core") >= "3.3"
CUSTOMER = "Ms Penelope Private"
DEALS = Asset("crm_deals")


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def deals(portal):
    portal.add_user_field("deal", "UF_CRM_SIZE", "double")
    numbers = portal.add_many(
        "deal", 5, fields=lambda number: {"TITLE": f"{CUSTOMER} {number}", "OPPORTUNITY": number}
    )
    portal.move_clock(600)
    return numbers


@pytest.mark.slow
def test_arguments_come_from_templates_tasks_mapping_and_default_args(portal, deals, tmp_path, run_dag):
    portal.update_item("deal", 1, {"UF_CRM_SIZE": "77777777777777777777"})
    defaults = {"names": "api", "max_in_flight": 4}
    params = {"dataset": "deal", "conn": "bitrix24_default", "since": ""}
    with DAG("extracting", default_args=defaults, params=params, render_template_as_native_obj=True) as dag:

        @task(multiple_outputs=True)
        def choose():
            return {
                "path": str(tmp_path / "chosen.jsonl"),
                "where": {">opportunity": 3},
                "fields": ["title", "assigned_by_id"],
            }

        @task
        def count(result):
            return result["rows"]

        chosen = choose()
        one = Bitrix24ToFileOperator(
            task_id="one",
            dataset="{{ params.dataset }}",
            path=chosen["path"],
            where=chosen["where"],
            fields=chosen["fields"],
            since="{{ params.since }}",
            bitrix24_conn_id="{{ params.conn }}",
        )
        count(one.output)
        Bitrix24ToFileOperator.partial(
            task_id="mapped", path=f"{tmp_path}/{{{{ ti.map_index }}}}.jsonl"
        ).expand(dataset=["deal", "stages"])
        Bitrix24ToFileOperator.partial(task_id="by_kwargs").expand_kwargs(
            [{"dataset": name, "path": f"{tmp_path}/{name}.csv"} for name in ("contact", "lead")]
        )
    run = run_dag(dag)
    assert run.states == {
        "choose": "success", "one": "success", "count": "success",
        "mapped[0]": "failed", "mapped[1]": "success",
        "by_kwargs[0]": "success", "by_kwargs[1]": "success",
    }  # fmt: skip
    assert run.xcom("count") == 2
    assert [list(row) for row in rows_of(tmp_path / "chosen.jsonl")] == [["id", "title", "assignedById"]] * 2
    assert run.xcom("mapped", map_index=1)["dataset"] == "stages"
    assert run.xcom("by_kwargs", map_index=0)["columns"][:3] == ["id", "honorific", "name"]
    assert "Wrote 2 rows of deal into " in run.log("one")
    # what did not fit its type is named by its place, and nowhere shown
    assert "deal 1: the value of ufCrmSize is no number" in run.log("mapped", map_index=0)
    assert not (tmp_path / "0.jsonl").exists()
    for secret in (CUSTOMER, "77777777", portal.webhook_code()):
        assert secret not in run.output, run.output[max(0, run.output.find(secret) - 300) :][:600]
        assert secret not in run.stored()


def producer(tmp_path, **arguments):
    given = {"path": f"{tmp_path}/{{{{ run_id }}}}.jsonl", "incremental": True, "asset": DEALS} | arguments
    with DAG("producer", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        Bitrix24ToFileOperator(task_id="extract", dataset="deal", **given)
    return dag


@pytest.mark.slow
@pytest.mark.skipif(not HAS_STORES, reason="this release of Airflow keeps no state of assets")
def test_an_incremental_dag_keeps_its_watermark_with_the_asset_and_tells_its_consumers(
    portal, deals, tmp_path, run_dag
):
    first = run_dag(producer(tmp_path))
    assert first.state == "success", first.log("extract")
    assert first.xcom("extract")["rows"] == 5
    portal.move_clock(3600)
    portal.update_item("deal", 1, {"TITLE": f"{CUSTOMER} changed"})
    second = run_dag(producer(tmp_path))
    result = second.xcom("extract")
    assert (result["rows"], result["since"]) == (1, first.xcom("extract")["watermark"])

    with DAG("consumer", schedule=[DEALS]) as dag:

        @task(inlets=[DEALS])
        def told(*, inlet_events):
            return inlet_events[DEALS][-1].extra

        told()
    assert run_dag(dag).xcom("told") == result
    assert CUSTOMER not in first.output + second.output + second.stored()


@pytest.mark.slow
@pytest.mark.skipif(HAS_STORES, reason="this release of Airflow keeps the state of assets")
def test_an_incremental_dag_without_stores_fails_and_says_what_to_do(portal, deals, tmp_path, run_dag):
    run = run_dag(producer(tmp_path, retries=3))
    assert run.states == {"extract": "failed"}
    assert "What to do: Give 'since' instead" in run.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_incremental_dag_into_sql_keeps_its_watermark_with_the_data(portal, deals, warehouse, run_dag):
    def loading():
        with DAG("loading", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
            Bitrix24ToSqlOperator.partial(
                task_id="load", sql_conn_id="warehouse", incremental=True, deletions=None
            ).expand_kwargs(
                [{"dataset": name, "table": f"crm_{name}"} for name in ("deal", "lead", "activity")]
            )
        return dag

    first = run_dag(loading())
    assert first.state == "success"
    portal.move_clock(3600)
    portal.update_item("deal", 1, {"TITLE": f"{CUSTOMER} changed"})
    second = run_dag(loading())
    assert [second.xcom("load", map_index=place)["rows"] for place in range(3)] == [1, 0, 0]
    assert warehouse.query("SELECT title FROM crm_deal WHERE id = 1") == [(f"{CUSTOMER} changed",)]
    assert "Merged 1 row of deal into table crm_deal." in second.log("load", map_index=0)
    for secret in (CUSTOMER, portal.webhook_code()):
        assert secret not in first.output + second.output + second.stored()
