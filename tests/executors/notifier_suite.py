"""Failures of a whole Airflow reach people in Bitrix24, one notification each.

Not collected with the other tests, because it takes minutes: ``make test-watcher``.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from pathlib import Path

import pytest
import requests
from executor_servers import Airflow
from postgres_box import wait_until

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

DAGS = Path(__file__).resolve().parent / "failing_dags"
CUSTOMER = "Ann Smith of Acme"
#: how a notification of each failure begins behind its title, as one sees it
REASONS = {
    "failed: brackets": "[user=all]Hello[/user] rows[0] is [b]none[/b]",
    "failed: lost": "its process is gone",
    "failed: missing": "crm.deal.get at 127.0.0.1",
    "failed: slow": "Timeout",
    "failed: template": "'nothing' is undefined",
    "failed: twice": "no way",
    "again: twice": "",
    "failed: value": "rows[0].opportunity: the value is no number. Give a number such as",
    "failed: {{ ti.task_id }}": "{{ 1 / 0 }}\n(DAG bitrix24_failing, task untold)",
    "run: bitrix24_failing": "task_failure",
    "late: bitrix24_failing": "",
}

pytestmark = pytest.mark.timeout(600)


def airflow_in(folder, portal):
    settings = {
        "CORE__DAGS_FOLDER": str(DAGS),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder.parent}/a.db",
        # so that a task whose process is killed is soon missed
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    }
    return Airflow(folder, "", "LocalExecutor", settings, {"bitrix24_default": portal.connection()})


def told(portal):
    """Return what the portal's page shows of its messages, as one reads it: reasons by title."""
    page = requests.get(portal.url, timeout=30).text
    shown = re.search(r'<article id="messages">.*?</article>', page, re.DOTALL)
    found = defaultdict(list)
    for message in re.findall(r"<p>(.*?)</p>", shown[0] if shown else "", re.DOTALL):
        text = html.unescape(re.sub(r"<[^>]+>", "", message)).replace("\u200b", "")
        title, reason = re.fullmatch(r"(\w+: (?:\w+|\{\{.*?\}\})):? ?(.*)", text, re.DOTALL).groups()
        found[title].append(reason)
    return found


def test_each_failure_is_told_once(tmp_path, capsys):
    home = tmp_path / "home"
    with Bitrix24Portal(limits=Limits.off()) as portal:
        portal.load_demo()
        airflow = airflow_in(home, portal)
        try:
            airflow.start(["triggerer"])
            airflow.run("bitrix24_failing")
            wait_until("all notifications", lambda: set(told(portal)) >= set(REASONS))
        finally:
            airflow.stop()
        found = told(portal)
        secrets = [CUSTOMER, portal.webhook_code()]
    with capsys.disabled():
        print("", *(f"{title}: {reasons}" for title, reasons in sorted(found.items())), sep="\n")  # noqa: T201
    assert set(found) == set(REASONS)
    for title, reasons in found.items():
        assert all(reason.startswith(REASONS[title]) for reason in reasons), title
        # Airflow calls the callback of a task that it misses each time that it finds out.
        assert len(reasons) == 1 or title == "failed: lost", title
        assert not [secret for secret in secrets if secret in str(reasons)], title
    for log in home.rglob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not [secret for secret in secrets if secret in text], log
