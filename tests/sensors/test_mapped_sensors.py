"""Sensors in a group of tasks that is mapped, and what they return to the next task."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task, task_group

from airflow_provider_bitrix24.operators.timeline import BindTimelineRecordOperator
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineCommentSensor

QUICK = {"poke_interval": 0.05, "timeout": 60, "deferrable": True}


@pytest.mark.slow
def test_a_mapped_group_of_deferrable_sensors(portal, run_dag):
    deals = [portal.add_item("deal", {"TITLE": name, "STAGE_ID": "WON"}) for name in "abc"]
    for deal in deals:  # the worker's look finds nothing, the triggerer's does
        before = {"id": deal, "stageId": "NEW", "categoryId": 0}
        portal.inject("result", "crm.item.get", params={"id": deal}, result={"item": before})
    with DAG("mapped_group") as dag:

        @task
        def find():
            return deals

        @task_group
        def follow(deal):
            won = CrmItemSensor(
                task_id="won", entity_type="deal", entity_id=deal, stage_semantic="success", **QUICK
            )

            @task
            def tell(stage, row):
                return [stage, row["id"]]

            tell(won.output["stageId"], won.output)

        follow.expand(deal=find())
        CrmItemSensor.partial(task_id="expanded", stage_semantic="success", **QUICK).expand(
            item=[f"D_{deal}" for deal in deals]
        )
    run = run_dag(dag)
    assert set(run.states.values()) == {"success"}, run.states
    for index, deal in enumerate(deals):
        assert run.xcom("follow.tell", map_index=index) == ["WON", deal]
        assert run.xcom("expanded", "id", map_index=index) == deal


@pytest.mark.slow
def test_the_record_that_a_sensor_found_goes_to_the_next_task(portal, run_dag):
    written = portal.add_comment("deal", 1, "Signed")
    with DAG("found_record") as dag:
        found = TimelineCommentSensor(task_id="found", item="D_1", pattern="^Signed$", **QUICK)
        BindTimelineRecordOperator(
            task_id="show", record_id=found.output["ID"], entity_type="contact", entity_id=1
        )
    assert run_dag(dag).state == "success"
    assert ("contact", 1) in portal.bindings(written)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"mode": "reschedule"}, {"deferrable": True}], ids=str)
def test_a_deal_that_moves_to_another_pipeline_has_left_its_stage(portal, run_dag, options):
    projects = portal.add_pipeline("deal", "Projects")
    deal = portal.add_item("deal", {"TITLE": "x", "CATEGORY_ID": projects})
    before = {"id": deal, "stageId": "NEW", "categoryId": 0}
    portal.inject("result", "crm.item.get", params={"id": deal}, result={"item": before})
    with DAG(f"moves_{len(str(options))}") as dag:
        given = {"item": ("deal", deal), "poke_interval": 0.05, "timeout": 60, **options}
        CrmItemSensor(task_id="left", conditions={"!stageId": "NEW"}, **given)
    run = run_dag(dag)
    assert run.state == "success"
    assert run.xcom("left", "stageId") == f"C{projects}:NEW"
