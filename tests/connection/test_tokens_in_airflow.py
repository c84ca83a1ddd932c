"""Tokens in a real Airflow: task runner, execution API and database."""

from __future__ import annotations

import asyncio
from typing import Any

import airflow.sdk
import pytest
from airflow.sdk import DAG, task
from hook_helpers import secrets_in


@pytest.fixture
def rows(airflow_database: None) -> Any:
    """Read the Variables that Airflow's database holds, decrypted and as they are stored."""
    from airflow.models import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete, select

    def rows() -> list[tuple[str, str, str]]:
        with create_session() as session:
            found = session.scalars(select(Variable)).all()
            return [
                (row.key, row.val, row._val) for row in found if row.key.startswith("bitrix24_oauth_token__")
            ]

    def forget() -> None:
        with create_session() as session:
            session.execute(delete(Variable))

    forget()  # what tests before have left
    yield rows
    forget()


@pytest.mark.slow
def test_tasks_share_a_renewed_pair_through_an_encrypted_variable(box, connection, run_dag, rows):
    connection(box.oauth_connection(plan="self-hosted"))
    issued = {*box._world.oauth.access, *box._world.oauth.refresh}
    box.expire_access_tokens()

    with DAG("renewing_tokens", schedule=None) as dag:

        @task
        def who() -> Any:
            from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

            return Bitrix24Hook().call("profile")

        async def later() -> Any:
            from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

            return await Bitrix24Hook().acall("profile")

        def later_in_a_loop_of_its_own() -> Any:
            return asyncio.run(later())

        # Tasks that are coroutines came with Airflow 3.2.
        takes_coroutines = hasattr(airflow.sdk, "BaseAsyncOperator")
        who() >> task(task_id="later")(later if takes_coroutines else later_in_a_loop_of_its_own)()

    result = run_dag(dag)
    assert result.states == {"who": "success", "later": "success"}
    assert result.xcom("who") == result.xcom("later")
    assert result.xcom("who")["NAME"] == "Admin"
    assert box.renew_count == 1
    [(_, value, stored)] = rows()
    renewed = {*box._world.oauth.access, *box._world.oauth.refresh} - issued
    assert len(secrets_in(value, *renewed)) == 2
    everything = [*issued, *renewed, box.client_secret]
    assert not secrets_in(stored, *everything)
    assert not secrets_in(result.output, *everything)
    assert not secrets_in(result.stored(), *everything)
