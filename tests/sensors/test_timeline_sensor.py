from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk import DAG, task
from cases import cases

from airflow_provider_bitrix24.hooks.errors import Bitrix24Error, InvalidInputError, NotFoundError
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor as Sensor

LIST = "crm.timeline.bindings.list"
MODES = {"poke": {}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True}}
QUICK = {"poke_interval": 0.05, "timeout": 60, "retries": 2, "retry_delay": timedelta(0)}


@pytest.fixture
def new_record(portal):
    """Add a comment on deal 1, and let the next looks at it find something else."""

    def add(kind=None, **fault):
        record = portal.add_comment("deal", 1, "Hello")
        if kind:
            portal.inject(kind, LIST, params={"filter": {"OWNER_ID": record}}, **fault)
        return record

    return add


def looks(portal, record):
    """Return how often the portal was asked for the record's bindings, whatever it answered."""
    return sum(call.params["filter"]["OWNER_ID"] == record for call in portal.calls(LIST, executed=None))


def row(record, kind, item):
    return {"OWNER_ID": str(record), "ENTITY_TYPE": kind, "ENTITY_ID": str(item)}


@pytest.mark.slow
def test_waits_until_the_binding_is_there_or_gone(portal, new_record, run_dag):
    records = {}
    with DAG("sensor_waits", params={"deal": 1}) as dag:

        @task
        def give(value):
            return value

        for mode, options in MODES.items():
            rest = {**QUICK, **options, "entity_type": "deal"}
            record = records[f"{mode}_bound"] = new_record()
            portal.inject(
                "result",
                LIST,
                times=2,
                params={"filter": {"OWNER_ID": record}},
                result=[row(record, "lead", 1)],
            )
            Sensor(task_id=f"{mode}_bound", record_id=record, entity_id="{{ params.deal }}", **rest)
            record = records[f"{mode}_unbound"] = new_record()
            portal.inject(
                "result",
                LIST,
                times=2,
                params={"filter": {"OWNER_ID": record}},
                result=[row(record, "deal", 2)],
            )
            Sensor(
                task_id=f"{mode}_unbound",
                record_id=give.override(task_id=f"{mode}_record")(record),
                entity_id=2,
                bound=False,
                bitrix24_conn_id=give.override(task_id=f"{mode}_connection")("bitrix24_default"),
                **rest,
            )
            Sensor.partial(task_id=f"{mode}_mapped", record_id=new_record(), **rest).expand(
                entity_id=[1, "1"]
            )
    run = run_dag(dag)
    assert set(run.states.values()) == {"success"}, run.states
    assert {name: looks(portal, record) for name, record in records.items() if name.endswith("_bound")} == (
        dict.fromkeys((f"{mode}_bound" for mode in MODES), 3)
    )
    for name in records:
        assert run.log(name).count("Success criteria met. Exiting.") == 1
        assert "Waiting goes on" not in run.log(name)


TROUBLE = {
    "busy": {"kind": "status", "status": 503},
    "page": {"kind": "status", "status": 502, "body": "html"},
    "dropped": {"kind": "drop_before"},
    "cut": {"kind": "truncate"},
}


@pytest.mark.slow
def test_trouble_that_passes_is_said_once(portal, new_record, run_dag):
    names = {}
    with DAG("sensor_trouble") as dag:
        for mode, options in MODES.items():
            for name, fault in TROUBLE.items():
                record = names[f"{mode}_{name}"] = new_record(times=2, **fault)
                Sensor(
                    task_id=f"{mode}_{name}",
                    record_id=record,
                    entity_type="deal",
                    entity_id=1,
                    **QUICK,
                    **options,
                )
            # three kinds of trouble in a row, a pause, and trouble again
            record = names[f"{mode}_streaks"] = new_record("status", status=500)
            of_record = {"params": {"filter": {"OWNER_ID": record}}}
            portal.inject("drop_after", LIST, **of_record)
            portal.inject("truncate", LIST, **of_record)
            portal.inject("result", LIST, result=[row(record, "lead", 1)], **of_record)
            portal.inject("status", LIST, status=500, times=2, **of_record)
            Sensor(
                task_id=f"{mode}_streaks",
                record_id=record,
                entity_type="deal",
                entity_id=1,
                **QUICK,
                **options,
            )
    run = run_dag(dag)
    assert set(run.states.values()) == {"success"}, run.states
    for name in names:
        log = run.log(name)
        if name.startswith("reschedule"):  # each look is a process of its own
            assert log.count("Waiting goes on.") == (5 if name.endswith("streaks") else 2)
            continue
        streaks = 2 if name.endswith("streaks") else 1
        assert log.count("Waiting goes on; repeats are not logged.") == streaks
        assert log.count("The portal answers again.") == streaks


PERMANENT = {
    "revoked": ("AuthenticationError", {"bitrix24_conn_id": "bitrix24_guest"}),
    "no_rights": ("AccessDeniedError", {"bitrix24_conn_id": "bitrix24_stranger"}),
    "gone": ("NotFoundError", {"record_id": 999}),
    "bad_record": ("InvalidInputError", {"record_id": "12abc"}),
    "bad_type": ("InvalidInputError", {"entity_type": "T80"}),
    "bad_connection": ("InvalidConnectionError", {"bitrix24_conn_id": "bitrix24_bad"}),
    "no_renewal": ("TokenRenewalError", {"bitrix24_conn_id": "bitrix24_oauth"}),
}


@pytest.fixture
def broken_connections(portal, connection):
    """Connections that no waiting mends."""
    portal.add_user(4, "Stranger", may_read=False)
    connection(portal.connection(user_id=3), "bitrix24_guest")
    connection(portal.connection(user_id=4), "bitrix24_stranger")
    connection({"conn_type": "bitrix24", "host": portal.host}, "bitrix24_bad")
    connection(portal.oauth_connection(2, client_secret="wrong"), "bitrix24_oauth")
    portal.revoke_webhook(3)
    portal.expire_access_tokens()


@pytest.mark.slow
def test_trouble_that_does_not_pass_fails_at_once(portal, broken_connections, run_dag):
    with DAG("sensor_permanent") as dag:

        @task
        def give(value):
            return value

        for mode, options in MODES.items():
            rest = {"record_id": 1, "entity_type": "contact", "entity_id": 1, **QUICK, **options}
            for name, (_, wrong) in PERMANENT.items():
                given = {**rest, **{key: f"{{{{ {value!r} }}}}" for key, value in wrong.items()}}
                Sensor(task_id=f"{mode}_{name}", **given)
            Sensor(task_id=f"{mode}_soft", soft_fail=True, **{**rest, "record_id": 999})
            Sensor(task_id=f"{mode}_never", never_fail=True, **{**rest, "entity_id": "{{ 'x' }}"})
            source = give.override(task_id=f"{mode}_source")("12abc")
            Sensor(task_id=f"{mode}_traced", **{**rest, "record_id": source})
    run = run_dag(dag)
    for mode in MODES:
        for name, (error, _) in PERMANENT.items():
            assert run.states[f"{mode}_{name}"] == "failed"
            log = run.log(f"{mode}_{name}")
            assert re.search(rf"\b{error}: ", log), log[-3000:]
            assert "try_number=1" in log
            assert "try_number=2" not in log
            assert "Waiting goes on" not in log
        assert run.states[f"{mode}_soft"] == run.states[f"{mode}_never"] == "skipped"
        assert "The value came from task" in run.log(f"{mode}_traced")
    asked = {call.params["filter"]["OWNER_ID"] for call in portal.calls(LIST, executed=None)}
    assert asked <= {1, 999}


@pytest.mark.slow
def test_waiting_ends_with_the_timeout(portal, run_dag):
    with DAG("sensor_timeout") as dag:
        for mode in ("poke", "reschedule"):
            for name, options in {
                "hard": {},
                "soft": {"soft_fail": True},
                "never": {"never_fail": True},
            }.items():
                Sensor(
                    task_id=f"{mode}_{name}",
                    record_id=1,
                    entity_type="contact",
                    entity_id=1,
                    poke_interval=0.05,
                    timeout=0.15,
                    **MODES[mode],
                    **options,
                )
    portal.inject("status", LIST, status=503, times=None)
    run = run_dag(dag)
    for mode in ("poke", "reschedule"):
        assert run.states[f"{mode}_hard"] == "failed"
        assert "AirflowSensorTimeout" in run.log(f"{mode}_hard")
        assert run.states[f"{mode}_soft"] == "skipped"


def deferred(**options):
    return Sensor(task_id="wait", record_id=1, entity_type="deal", entity_id=1, deferrable=True, **options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, AirflowSensorTimeout),
        ({"soft_fail": True}, AirflowSkipException),
        ({"never_fail": True}, AirflowSkipException),
    ],
    ids=["hard", "soft", "never"],
)
def test_a_trigger_that_is_too_late(options, error):
    """As Airflow resumes a task whose trigger timed out; dag.test() itself gives a trigger all the time."""
    with pytest.raises(error):
        deferred(**options).resume_execution("__fail__", {"error": "Trigger timeout"}, {})


@cases(
    "event",
    [{}, [], "met", {"status": "done"}, {"status": "failed"}, {"status": "failed", "error": "text"}],
)
def test_events_that_are_not_understood(event):
    with pytest.raises(Bitrix24Error, match=re.escape(repr(event))):
        deferred().resume_execution("execute_complete", {"event": event}, {})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, NotFoundError),
        ({"soft_fail": True}, AirflowSkipException),
        ({"never_fail": True}, AirflowSkipException),
    ],
    ids=["hard", "soft", "never"],
)
def test_a_trigger_that_failed(options, error):
    event = {"status": "failed", "error": NotFoundError("gone", code="NOT_FOUND", portal="p").to_json()}
    with pytest.raises(error) as caught:
        deferred(**options).resume_execution("execute_complete", {"event": event}, {})
    if error is NotFoundError:
        assert caught.value.fields() == NotFoundError("gone", code="NOT_FOUND", portal="p").fields()


def test_never_fail_where_a_method_refuses(portal, run_dag):
    portal.inject("error", LIST, code="", description="Something of its own.", times=None)
    with DAG("sensor_never") as dag:
        for mode, options in MODES.items():
            Sensor(
                task_id=mode,
                record_id=1,
                entity_type="deal",
                entity_id=1,
                never_fail=True,
                poke_interval=0.05,
                **options,
            )
    assert set(run_dag(dag).states.values()) == {"skipped"}


@pytest.mark.parametrize("arguments", [{"bound": "False"}, {"bound": 0}, {"bound": None}], ids=repr)
def test_bound_is_true_or_false(arguments):
    with pytest.raises(InvalidInputError, match=r"bound: .* is neither True nor False"):
        deferred(**arguments)


# ---------------------------------------------------------------- starting in the triggerer

STARTS = {
    "literal": {},
    "text": {"record_id": "7"},
    "params": {"record_id": "{{ params.record }}", "entity_type": "{{ params['type'] | lower }}"},
    "run": {"record_id": "{{ dag_run.conf.get('record', 7) }}"},
    "connection": {"bitrix24_conn_id": "bitrix24_{{ params.portal }}"},
    "not_bound": {"bound": False},
    "item": {"item": ["deal", "1"], "entity_type": None, "entity_id": None},
}
WAITS_FOR_WORKER = {
    "xcom": {"record_id": "{{ ti.xcom_pull(task_ids='a') }}"},
    "task_instance": {"record_id": "{{ task_instance.xcom_pull('a') }}"},
    "variable": {"entity_id": "{{ var.value.item }}"},
    "connection_of_airflow": {"entity_id": "{{ conn.other.login }}"},
    "macro": {"entity_id": "{{ macros.random() }}"},
    "own_macro": {"entity_id": "{{ item_of(params.x) }}"},
    "own_filter": {"entity_id": "{{ params.x | to_item }}"},
    "broken_template": {"entity_id": "{{ params.x"},
    "number_of_another_kind": {"entity_id": Decimal(7)},
    "backoff": {"exponential_backoff": True},
    "max_wait": {"max_wait": 60},
    "silent_fail": {"silent_fail": True},
    "templated_connection": {"bitrix24_conn_id": "{{ var.value.conn }}"},
    "worker_wanted": {"deferrable": False},
}


def starts(sensor):
    assert sensor.start_from_trigger is (sensor.start_trigger_args is not None)
    return sensor.start_from_trigger


def wait(**options):
    rest = {"task_id": "wait", "record_id": 7, "entity_type": "deal", "entity_id": 1, "deferrable": True}
    given = {name: value for name, value in {**rest, **options}.items() if value is not None}
    return Sensor(poke_interval=timedelta(seconds=5), timeout=90, **given)


@cases("options", STARTS.values(), ids=STARTS)
def test_starts_in_the_triggerer(options):
    sensor = wait(**options)
    assert starts(sensor) is AIRFLOW_V_3_3_PLUS
    if AIRFLOW_V_3_3_PLUS:
        args = sensor.start_trigger_args
        assert args.trigger_cls == "airflow_provider_bitrix24.triggers.timeline.TimelineBindingTrigger"
        assert args.next_method == "execute_complete"
        assert args.timeout == timedelta(seconds=90)
        rest = {"record_id": 7, "item": None, "entity_type": "deal", "entity_id": 1, "bound": True}
        rest |= {"bitrix24_conn_id": "bitrix24_default", "poke_interval": 5.0}
        assert args.trigger_kwargs == {**rest, **options}


@cases("options", WAITS_FOR_WORKER.values(), ids=WAITS_FOR_WORKER)
def test_starts_in_a_worker(options):
    assert not starts(wait(**options))


def test_starts_in_a_worker_with_values_of_tasks():
    with DAG("sensor_starts"):

        @task
        def give():
            return [7]

        for name in ("record_id", "entity_type", "entity_id", "bitrix24_conn_id"):
            assert not starts(wait(**{"task_id": f"wait_for_{name}", name: give()}))
        mapped = Sensor.partial(task_id="mapped", entity_type="deal", entity_id=1, deferrable=True).expand(
            record_id=[1, 2]
        )
        assert not mapped.start_from_trigger


def test_deferrable_by_configuration(monkeypatch):
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert wait(deferrable=None).deferrable
    assert not wait(deferrable=False).deferrable
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "False")
    assert not wait(deferrable=None).deferrable
