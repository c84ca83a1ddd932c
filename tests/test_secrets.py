"""No secret leaves a task: not in its log, its exceptions, Airflow's database or anything's ``repr``."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import pytest
from airflow.sdk import DAG, task
from free_ports import free_port

from airflow_provider_bitrix24.connection.parsing import parse_connection
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import Bitrix24Error
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    BindTimelineRecordOperator,
)
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

ADD = "crm.deal.add"
# Airflow keeps the files of DAGs in its database, so this file holds no secret itself.
CODE, WRONG_CODE, SLASHED = token_hex(12), token_hex(12), f"{token_hex(8)}/{token_hex(8)}"


@dataclass
class Scene:
    """A portal, connections to it that work and that do not, and every secret among them.

    :param tasks: what each connection is good for: the call that shows its trouble, and the error
    """

    portal: Bitrix24Portal
    secrets: set[str] = field(default_factory=set)
    calls: dict[str, tuple[str, dict[str, Any], str]] = field(default_factory=dict)

    def all_secrets(self) -> list[str]:
        """Return the secrets, with the tokens that the portal issued meanwhile, as URLs have them, too."""
        issued = {*self.portal._world.oauth.access, *self.portal._world.oauth.refresh}
        found = {secret for secret in self.secrets | issued if secret}
        return sorted(found | {quote(secret, safe="") for secret in found})

    def assert_clean(self, text: str) -> None:
        """Look for every secret."""
        for secret in self.all_secrets():
            assert secret not in text, text[max(0, text.find(secret) - 300) :][:600]


@pytest.fixture
def scene(connection):
    with Bitrix24Portal(limits=Limits.off(), code=CODE) as portal, Bitrix24Portal(tls=True) as other:
        portal.load_demo()
        portal.add_item(
            "deal", {"TITLE": "File", "UF_CRM_DOCUMENT": {"fileData": ["a.txt", "aGk="]}}, item_id=50
        )
        scene = Scene(portal)

        def define(name, fields, call=None, error=""):
            extra = fields["extra"]
            scene.secrets |= {fields.get("password"), extra.get("access_token"), extra.get("refresh_token")}
            scene.secrets |= {extra.get("client_secret")}
            connection(fields, f"b_{name}")
            if call:
                scene.calls[name] = (*call, error)

        get, add = ("crm.deal.get", {"id": 50}), (ADD, {"fields": {"TITLE": "x"}})
        plain = portal.connection(plan="self-hosted")
        define("good", plain, get)
        define("pasted", {"conn_type": "bitrix24", "password": portal.webhook_url(), "extra": {}}, get)
        define("wrong", {**plain, "password": WRONG_CODE}, get, "AuthenticationError")
        define("echo", plain, ("x.echo", {}), "AmbiguousWriteError")
        define("echo_error", plain, ("x.error", {}), "RejectedError")
        define("echo_result", plain, ("x.result", {}))
        define("dropped", plain, ("x.drop", {}), "AmbiguousWriteError")
        define("late", {**plain, "extra": {"timeout": 1}}, ("x.late", {}), "AmbiguousWriteError")
        define("no_tls", {**other.connection(), "extra": {}}, add, "TlsError")
        define("renewed", portal.oauth_connection(1), get)
        define("stuck", portal.oauth_connection(2), add, "TokensUnreadableError")
        define("bad_code", {**plain, "password": SLASHED}, get, "InvalidConnectionError")
        define("bad_url", {**plain, "password": f"{portal.url}/x/{CODE}"}, get, "InvalidConnectionError")
        define("away", {**plain, "host": "127.0.0.1", "port": free_port()})
        portal.expire_access_tokens()
        portal.revoke_refresh_token(2)
        echo = " ".join(f"{portal.webhook_url()}x?auth={CODE} {quote(CODE)}" for _ in range(2))

        def inject(kind, method, **options):
            portal.inject(kind, method, times=None, **options)
            portal.inject(kind, "batch", times=None, match=lambda sent: method in str(sent), **options)

        inject("raw", "x.echo", status=500, raw=f"<html>{echo}</html>".encode())
        body = json.dumps({"error": "ODD", "error_description": echo}).encode()
        inject("raw", "x.error", status=400, raw=body)
        inject("raw", "x.result", raw=json.dumps({"result": {"link": echo, CODE: [CODE]}}).encode())
        inject("drop_after", "x.drop")
        inject("delay", "x.late", seconds=1.5)
        with Bitrix24Portal(limits=Limits.off()) as renamed:
            renamed.rename("https://evil.example{path}?seen=" + renamed.webhook_code())
            define("moved", renamed.connection(), add, "RedirectRefusedError")
            yield scene


@pytest.fixture(autouse=True)
def everything_is_logged():
    """Lower every logger's level, also of those whose owners keep them quiet."""
    names = list(logging.root.manager.loggerDict)
    levels = {name: logging.getLogger(name).level for name in names}
    for name in [*names, "urllib3", "requests", "httpx2", "httpcore2", "asyncio"]:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.slow
def test_runs_of_dags(scene, run_dag):
    deferrable = {"entity_type": "deal", "entity_id": 1, "poke_interval": 0.05, "deferrable": True}
    record = scene.portal.add_comment("deal", 1, "Hello")
    with DAG("secrets") as dag:

        @task
        def by_hand():
            return Bitrix24Hook("b_good").call("crm.deal.get", {"id": 50})

        @task
        def by_hand_and_failing():
            return Bitrix24Hook("b_wrong").call("crm.deal.get", {"id": 50})

        by_hand()
        by_hand_and_failing()
        for name, (method, params, _) in scene.calls.items():
            Bitrix24CallOperator(task_id=name, method=method, api_params=params, bitrix24_conn_id=f"b_{name}")
            if name in ("good", "wrong", "echo_error", "renewed"):
                twice = [{"method": method, "params": params}] * 2
                Bitrix24BatchOperator(task_id=f"{name}_batch", calls=twice, bitrix24_conn_id=f"b_{name}")
                TimelineBindingSensor(
                    task_id=f"{name}_wait", record_id=record, bitrix24_conn_id=f"b_{name}", **deferrable
                )
        Bitrix24ListOperator(
            task_id="list",
            method="crm.deal.list",
            api_params={"select": ["*", "UF_CRM_DOCUMENT"]},
            bitrix24_conn_id="{{ 'b_good' }}",
        )
        bind = {"record_id": record, "entity_type": "contact", "entity_id": 1}
        BindTimelineRecordOperator(task_id="bind", bitrix24_conn_id="b_good", **bind)
        BindTimelineRecordOperator(task_id="bind_wrong", bitrix24_conn_id="b_wrong", **bind)
        AddTimelineCommentOperator(task_id="comment", item="D_1", comment="x", bitrix24_conn_id="b_renewed")
        TimelineBindingSensor(
            task_id="away",
            record_id=record,
            bitrix24_conn_id="b_away",
            **{**deferrable, "deferrable": False, "timeout": 0},
        )
    run = run_dag(dag)
    for name, (_, _, error) in scene.calls.items():
        assert run.states[name] == ("failed" if error else "success"), name
        assert f"{error}: " in run.log(name)
    assert "AirflowSensorTimeout" in run.log("away")
    assert "Waiting goes on" in run.log("away")
    assert "download" in str(run.xcom("good")), "a result with a link that holds the code"
    assert "download" in str(run.xcom("list"))
    assert scene.portal.renew_count == 1
    assert "/rest/1/***/" in run.output, "the HTTP libraries log what they call"
    scene.assert_clean(run.output)
    scene.assert_clean(run.stored())
    home = Path(os.environ["AIRFLOW_HOME"])
    for path in home.glob("airflow.db*"):
        # Read by another process: closing the file in this one would drop SQLite's locks on it.
        read = subprocess.run(["cat", str(path)], capture_output=True, check=True)
        scene.assert_clean(read.stdout.decode("latin-1"))


def shown(error: BaseException | None, seen: set[int] | None = None) -> str:
    """Return whatever anybody could print of an error: itself, its causes, every variable of every frame."""
    seen = seen if seen is not None else set()
    if error is None or id(error) in seen:
        return ""
    seen.add(id(error))
    parts = [str(error), repr(error), repr(error.args), repr(vars(error))]
    parts += traceback.format_exception(error)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename != __file__:
            parts += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
            parts += [repr(vars(value)) for value in frame.f_locals.values() if _is_ours(value)]
    return "\n".join([*parts, shown(error.__cause__, seen), shown(error.__context__, seen)])


def _is_ours(value: Any) -> bool:
    return type(value).__module__.startswith("airflow_provider_bitrix24.hooks") and hasattr(value, "__dict__")


FAILING = [
    "wrong", "echo", "echo_error", "dropped", "late", "no_tls", "stuck", "bad_code", "bad_url", "moved",
]  # fmt: skip


class Ti:
    """Takes what a task pushes."""

    def __init__(self):
        self.pushed = []

    def xcom_push(self, **values):
        self.pushed.append(values)


@pytest.fixture
def tokens_in_memory(monkeypatch):
    """Outside a task there are no Airflow Variables."""
    kept = {}
    store = "airflow_provider_bitrix24.connection.tokens.VariableTokenStore"
    monkeypatch.setattr(f"{store}.load", lambda _, key: kept.get(key))
    monkeypatch.setattr(f"{store}.save", lambda _, key, value: kept.update({key: value}))


@pytest.mark.parametrize("name", FAILING)
def test_errors(scene, written, name):
    """With everything that a debugger, or a reporter of errors, finds in their tracebacks."""
    method, params, expected = scene.calls[name]
    options = {"task_id": "x", "bitrix24_conn_id": f"b_{name}"}
    wanted = {"record_id": 1, "entity_type": "deal", "entity_id": 1}
    ti = Ti()
    operators = [
        Bitrix24CallOperator(method=method, api_params=params, **options),
        Bitrix24BatchOperator(calls=[{"method": method, "params": params}] * 2, **options),
    ]
    if expected in ("AuthenticationError", "TlsError", "InvalidConnectionError", "RedirectRefusedError"):
        operators += [
            BindTimelineRecordOperator(**wanted, **options),
            TimelineBindingSensor(**wanted, **options),
            TimelineBindingSensor(deferrable=True, **wanted, **options),
        ]
    for operator in operators:
        with pytest.raises(Bitrix24Error) as caught:
            operator.execute({"ti": ti})
        assert type(caught.value).__name__ == expected
        scene.assert_clean(shown(caught.value))
        scene.assert_clean(repr(vars(operator)))
    with pytest.raises(Bitrix24Error) as caught:
        asyncio.run(Bitrix24Hook(f"b_{name}").acall(method, params))
    assert type(caught.value).__name__ == expected
    scene.assert_clean(shown(caught.value))
    scene.assert_clean(repr(ti.pushed))
    scene.assert_clean(written())


@pytest.mark.parametrize("name", ["good", "pasted", "renewed"])
def test_reprs(scene, name, monkeypatch):
    hook = Bitrix24Hook(f"b_{name}")
    settings = parse_connection(hook.get_connection(f"b_{name}"))
    client = hook.get_conn()
    operator = Bitrix24CallOperator(task_id="x", method="server.time", bitrix24_conn_id=f"b_{name}")
    sensor = TimelineBindingSensor(
        task_id="y",
        record_id=1,
        entity_type="deal",
        entity_id=1,
        deferrable=True,
        bitrix24_conn_id=f"b_{name}",
    )
    things = [hook, settings, settings.credentials, settings.wire, client, client.session, operator, sensor]
    things += [client.session.credentials, sensor.trigger(), sensor.trigger().serialize()]
    for thing in things:
        scene.assert_clean(f"{thing} {thing!r}")
    for thing in (hook, client, operator, sensor, sensor.trigger()):
        scene.assert_clean(repr(vars(thing)))
    hook.close()


DAG_FILE = """
from airflow.sdk import DAG
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator as Call

with DAG("secrets_dags_test"):
    for name in ("good", "wrong", "echo", "moved"):
        method = {"echo": "x.echo"}.get(name, "crm.deal.get")
        Call(task_id=name, method=method, api_params={"id": 50}, bitrix24_conn_id=f"b_{name}")
"""


@pytest.mark.slow
@pytest.mark.usefixtures("airflow_database")
def test_dags_test(scene, tmp_path):
    """The command, with everything on, where Airflow masks nothing."""
    (tmp_path / "secrets_dags_test.py").write_text(DAG_FILE)
    environment = {
        **os.environ,
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
    }
    run = subprocess.run(
        [Path(sys.executable).with_name("airflow"), "dags", "test", "secrets_dags_test"],
        env=environment,
        capture_output=True,
        text=True,
    )
    output = run.stdout + run.stderr
    for error in ("AuthenticationError: ", "AmbiguousWriteError: ", "RedirectRefusedError: "):
        assert error in output
    assert "/rest/1/***/crm.deal.get" in output
    scene.assert_clean(output)
