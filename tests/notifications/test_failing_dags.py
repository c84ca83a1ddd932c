"""A DAG that fails in several ways tells each of them, in words that anyone may read."""

from __future__ import annotations

import re
from secrets import token_hex

from airflow.sdk import DAG, task

from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier
from airflow_provider_bitrix24.operators.items import UpdateCrmItemsOperator
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor

CUSTOMER = "Ann Smith of Acme"
WRONG_CODE = token_hex(12)


def test_each_failure_is_told_once_and_without_secrets_and_values(portal, connection, run_dag):
    connection({**portal.connection(), "password": WRONG_CODE}, "b_wrong")
    address = portal.webhook_url()
    text = "[b]{{ ti.task_id }}[/b]: {{ exception }}"
    told = Bitrix24Notifier(user_ids=[1], message=text, system=True)
    with DAG("fails", schedule=None, default_args={"on_failure_callback": told}) as dag:
        rows = [{"id": 1, "opportunity": CUSTOMER}]
        UpdateCrmItemsOperator(task_id="value", entity_type="deal", rows=rows)
        Bitrix24CallOperator(task_id="missing", method="crm.deal.get", api_params={"id": 999})
        Bitrix24CallOperator(task_id="wrong_code", method="profile", bitrix24_conn_id="b_wrong")
        wait = {"timeout": 0.1, "poke_interval": 0.1}
        CrmItemSensor(task_id="late", item=("deal", 1), stage_semantic="failure", **wait)

        @task
        def code():
            raise ValueError(f"[user=all]{address}crm.deal.get does not answer")

        @task(on_success_callback=Bitrix24Notifier(user_ids=2, message="{{ ti.task_id }} is done."))
        def fine():
            return 1

        code()
        fine()
    run = run_dag(dag)
    assert [name for name, state in run.states.items() if state == "success"] == ["fine"]
    sent = portal.notifications(1)
    assert sorted(re.match(r"\[b](\w+)\[/b]: .{10}", each.text)[1] for each in sent) == [
        "code", "late", "missing", "value", "wrong_code",
    ]  # fmt: skip
    assert [each.text for each in portal.notifications(2)] == ["fine is done."]
    everything = "\n".join(each.text for each in sent)
    for hidden in (WRONG_CODE, portal.webhook_code(), CUSTOMER, "Ann Smith", "[user=all]"):
        assert hidden not in everything
    assert run.output.count("The message was sent in Bitrix24") == 6
