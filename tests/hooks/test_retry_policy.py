from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk import DAG

from airflow_provider_bitrix24.hooks.errors import (
    BITRIX24_RETRY_POLICY,
    AccessDeniedError,
    OperationTimeLimitError,
    ServerError,
)
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator


def decision(error):
    return BITRIX24_RETRY_POLICY.evaluate(error, 1, 3)


def test_the_policy_is_there_where_airflow_has_such_things():
    assert (BITRIX24_RETRY_POLICY is not None) is AIRFLOW_V_3_3_PLUS
    operator = Bitrix24CallOperator(task_id="t", method="profile")
    assert getattr(operator, "retry_policy", None) is BITRIX24_RETRY_POLICY


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Airflow below 3.3 has no retry policies")
def test_it_reads_what_the_error_knows():
    from airflow.sdk.definitions.retry_policy import RetryAction

    limited = decision(OperationTimeLimitError("used up", retry_after=432.0))
    assert (limited.action, limited.retry_delay) == (RetryAction.RETRY, timedelta(seconds=432))
    assert decision(ServerError("down")).action is RetryAction.DEFAULT
    assert decision(ValueError("any")).action is RetryAction.DEFAULT
    assert decision(AccessDeniedError("no")).action is RetryAction.FAIL


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Airflow below 3.3 has no retry policies")
def test_one_of_the_users_own_wins_and_every_dag_can_be_stored():
    from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy
    from airflow.serialization.serialized_objects import DagSerialization

    own = ExceptionRetryPolicy(rules=[])
    with DAG("retry_policies") as dag:
        operator = Bitrix24CallOperator(task_id="own", method="profile", retry_policy=own)
        Bitrix24CallOperator(task_id="ours", method="profile")
        Bitrix24CallOperator.partial(task_id="mapped", method="crm.deal.get").expand(api_params=[{"id": 1}])
    assert operator.retry_policy is own
    with DAG("retry_policies_by_default", default_args={"retry_policy": own}):
        assert Bitrix24CallOperator(task_id="t", method="profile").retry_policy is own
    assert dag.task_dict["mapped"].unmap({"api_params": {"id": 1}}).retry_policy is BITRIX24_RETRY_POLICY
    stored = DagSerialization.to_dict(dag)
    assert type(BITRIX24_RETRY_POLICY).deserialize(BITRIX24_RETRY_POLICY.serialize()) is not None
    assert "ours" in str(stored)


@pytest.mark.slow
@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Airflow below 3.3 has no retry policies")
def test_a_task_is_tried_again_when_its_error_says(portal, run_dag):
    """The error's moment replaces the task's own delay, which is far longer."""
    portal.inject("error", "crm.deal.get", code="OPERATION_TIME_LIMIT", description="Used up", status=429)

    class Impatient(Bitrix24CallOperator):
        @property
        def hook(self):
            from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

            return Bitrix24Hook(self.bitrix24_conn_id, max_wait=1.0)

    with DAG("retry_when_told") as dag:
        Impatient(
            task_id="t",
            method="crm.deal.get",
            api_params={"id": 1},
            retries=1,
            retry_delay=timedelta(hours=5),
        )
    run = run_dag(dag)
    assert run.states == {"t": "success"}
