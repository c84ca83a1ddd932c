"""What ``airflow dags test`` writes at DEBUG, where Airflow logs what a task asks of its supervisor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "dags_examples"


AIRFLOW = str(Path(sys.executable).with_name("airflow"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An Airflow of its own: two processes on the database of the other tests would be one too many."""
    folder = tmp_path_factory.mktemp("airflow")
    environment = {**os.environ, "AIRFLOW_HOME": str(folder)}
    subprocess.run([AIRFLOW, "db", "migrate"], env=environment, capture_output=True, check=True)
    return folder


def dags_test(home, connection):
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW_CONN_BITRIX24_DEFAULT": json.dumps(connection),
    }
    run = subprocess.run(
        [AIRFLOW, "dags", "test", "bitrix24_share_comment"], env=environment, capture_output=True, text=True
    )
    return run.returncode, run.stdout + run.stderr


def test_a_webhooks_code_is_not_written(home, bitrix24_portal):
    bitrix24_portal.load_demo()
    status, output = dags_test(home, bitrix24_portal.connection())
    assert status == 0, output[-5000:]
    assert "POST /rest/1/***/crm.timeline.comment.add" in output, "the HTTP library logs what it calls"
    assert bitrix24_portal.webhook_code() not in output


def test_no_token_is_written_while_a_pair_is_renewed(home, bitrix24_portal):
    bitrix24_portal.load_demo()
    connection = bitrix24_portal.oauth_connection()
    bitrix24_portal.expire_access_tokens()
    status, output = dags_test(home, connection)
    assert status == 0, output[-5000:]
    assert bitrix24_portal.renew_count == 1
    extra = connection["extra"]
    oauth = bitrix24_portal._world.oauth
    secrets = {*oauth.access, *oauth.refresh} | {
        extra[name] for name in ("access_token", "refresh_token", "client_secret")
    }
    assert len(secrets) >= 4
    assert [secret for secret in secrets if secret in output] == []
