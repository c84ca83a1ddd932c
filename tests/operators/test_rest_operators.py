from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk import DAG, ObjectStoragePath, Param, task
from airflow.sdk.io import attach
from cases import cases
from fsspec.implementations.memory import MemoryFileSystem
from operator_alone import given_late

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.rest.calls import Call


def statuses(rows):
    return [row["STATUS"] for row in rows]


@pytest.mark.slow
def test_call_takes_params_in_every_way_that_airflow_passes_values(portal, run_dag):
    with DAG("call_params", params={"env": "prod", "id": 4}) as dag:

        @task
        def one() -> dict[str, int]:
            return {"id": 1}

        @task
        def many():
            return [{"id": 1}, {"id": 2}]

        call = Bitrix24CallOperator
        first = one()
        call(task_id="literal", method="crm.deal.get", api_params={"id": 1})
        call(task_id="from_task", method="crm.deal.get", api_params=first)
        call(task_id="nested", method="crm.deal.get", api_params={"id": first["id"]})
        call(task_id="template", method="crm.deal.get", api_params={"id": "{{ params.id }}"})
        text = "{{ ti.xcom_pull(task_ids='one') | tojson }}"
        first >> call(task_id="json_text", method="crm.deal.get", api_params=text)
        call(task_id="without", method="server.time")
        call.partial(task_id="mapped", method="crm.deal.get").expand(api_params=many())
        call.partial(task_id="mapped_kwargs").expand_kwargs([
            {"method": "crm.deal.get", "api_params": {"id": 3}},
            {"method": "server.time"},
        ])  # fmt: skip
        call.partial(task_id="same_params", api_params={"id": first["id"]}).expand(method=["crm.deal.get"])
    run = run_dag(dag)
    assert run.state == "success", run.output[-5000:]
    sent = [entry.params for entry in portal.calls("crm.deal.get")]
    assert sorted(json.dumps(params) for params in sent) == sorted(
        json.dumps({"id": number}) for number in (1, 1, 1, "4", 1, 1, 2, 3, 1)
    )
    assert [entry.params for entry in portal.calls("server.time")] == [{}, {}]


@pytest.mark.slow
def test_results_and_refusals_of_a_call(portal, run_dag):
    portal.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(60)])
    call, once = Bitrix24CallOperator, {"retries": 2, "retry_delay": timedelta(0)}
    bad = {
        "address": ({"method": "https://x/rest/1/y/crm.deal.get"}, "is not the name of an API method"),
        "no_method": ({"method": None}, "method: None is not the name of an API method"),
        "list": ({"method": "crm.deal.get", "api_params": [1]}, "api_params: [1] is not a mapping"),
        "text": ({"method": "crm.deal.get", "api_params": "id=1"}, "api_params: 'id=1' is not JSON"),
        "deep": ({"method": "crm.deal.get", "api_params": "[" * 100_000}, "is not JSON. In a template write"),
        "auth": (
            {"method": "crm.deal.get", "api_params": {"auth": "x"}},
            "api_params.auth: Bitrix24 takes this name",
        ),
        "naive": (
            {"method": "crm.deal.get", "api_params": {"a": [datetime(2026, 1, 1)]}},
            "api_params.a[0]: datetime.datetime(2026, 1, 1, 0, 0) has no time zone",
        ),
        "flag": ({"method": "crm.deal.get", "repeatable": "yes"}, "repeatable: 'yes' is not one of True"),
    }
    with DAG("call_results", default_args=once) as dag:

        @task
        def give(value):
            return value

        call(task_id="result", method="crm.deal.get", api_params={"id": 1})
        call(task_id="page", method="crm.deal.list", api_params={"filter": {"<=ID": 65}, "start": 50})
        call(task_id="add", method="crm.deal.add", api_params={"fields": {"TITLE": "once"}})
        call(
            task_id="add_twice",
            method="crm.deal.add",
            api_params={"fields": {"TITLE": "twice"}},
            repeatable=True,
        )
        call(task_id="more_pages", method="crm.deal.list")
        call(task_id="missing", method="crm.deal.get", api_params={"id": 999})
        call(task_id="unknown", method="crm.deal.gett")
        for name, (arguments, _) in bad.items():
            given_late(call, task_id=f"bad_{name}", **arguments)
        call(
            task_id="bad_from_task", method=give("a b"), api_params={"id": give.override(task_id="other")(1)}
        )
        call(task_id="bad_params", method="x.get", api_params={"auth": give.override(task_id="third")(1)})
    for title in ("once", "twice"):
        portal.inject("drop_after", "crm.deal.add", params={"fields": {"TITLE": title}})
    run = run_dag(dag)
    succeeded = {name for name, state in run.states.items() if state == "success"}
    assert succeeded == {"result", "page", "add_twice", "give", "other", "third"}
    assert set(run.states.values()) == {"success", "failed"}
    assert run.xcom("result")["ID"] == "1"
    assert len(run.xcom("page")) == 15
    titles = [row["TITLE"] for row in portal.items("deal").values()]
    assert [titles.count(title) for title in ("once", "twice")] == [1, 2]
    assert "AmbiguousWriteError: " in run.log("add")
    assert "MorePagesError: " in run.log("more_pages")
    assert "records()" in run.log("more_pages")
    assert "NotFoundError: " in run.log("missing")
    assert "MethodNotFoundError: " in run.log("unknown")
    for name, (_, message) in bad.items():
        assert message in run.log(f"bad_{name}")
        assert "InvalidInputError: " in run.log(f"bad_{name}")
    assert "The value came from task 'give'." in run.log("bad_from_task")
    assert "The value came from task 'third'." in run.log("bad_params")
    sent = {request.method for request in portal.requests}
    assert sent == {"crm.deal.get", "crm.deal.list", "crm.deal.add", "crm.deal.gett", "crm.deal.fields"}
    assert sum(request.method == "crm.deal.get" for request in portal.requests) == 2


def test_dag_params_stay_out_of_calls(portal, run_dag):
    """Also those without a default, which have no value before a run."""
    with DAG("call_dag_params", params={"env": "prod", "id": Param(type="integer")}) as dag:
        call = Bitrix24CallOperator
        call(task_id="plain", method="server.time")
        call(task_id="with_params", method="crm.deal.get", api_params={"id": "{{ params.id }}"})
        call.partial(task_id="mapped", api_params={"x": "{{ params.env }}"}).expand(method=["server.time"])
        call.partial(task_id="mapped_params", method="crm.deal.get").expand(
            api_params=[{"id": "{{ params.id }}"}]
        )
    run = run_dag(dag, run_conf={"id": 2})
    assert run.state == "success", run.states
    assert sorted(map(str, (call.params for call in portal.calls("server.time")))) == ["{'x': 'prod'}", "{}"]
    assert [call.params for call in portal.calls("crm.deal.get")] == [{"id": "2"}] * 2


@pytest.mark.slow
def test_lists(portal, run_dag, tmp_path):
    portal.add_items(
        "deal", [{"TITLE": f"\u0421\u0434\u0435\u043b\u043a\u0430 {number} \u2028"} for number in range(120)]
    )
    for name in ("older", "older_file"):
        (tmp_path / f"{name}.jsonl").write_text("older\n")
    attach("memory", fs=MemoryFileSystem())
    api_params = {"select": ["ID", "TITLE"]}
    read, once = Bitrix24ListOperator, {"retries": 2, "retry_delay": timedelta(0)}
    with DAG("list_rows", params={"folder": str(tmp_path)}, default_args=once) as dag:

        @task
        def give(value):
            return value

        rest = {"method": "crm.deal.list", "api_params": api_params}
        read(task_id="rows", **rest)
        read(task_id="exactly", max_rows=125, **rest)
        read(task_id="too_many", max_rows=124, **rest)
        read(task_id="none", method="crm.deal.list", api_params={"filter": {"TITLE": "no such"}})
        read(task_id="json", method="crm.deal.list", api_params=json.dumps({"filter": {"ID": 1}}))
        read(task_id="mapped_output", method="crm.deal.list", api_params={"filter": {"ID": give([1, 2])}})
        read(task_id="local", output_path="{{ params.folder }}/deep/local.jsonl", max_rows=1, **rest)
        read(task_id="path", output_path=tmp_path / "path.jsonl", **rest)
        read(task_id="file", output_path=f"file://{tmp_path}/older_file.jsonl", **rest)
        read(task_id="memory", output_path="memory://bucket/deals.jsonl", **rest)
        read(
            task_id="no_rows",
            method="crm.deal.list",
            api_params={"filter": {"TITLE": "no such"}},
            output_path=give.override(task_id="target")(str(tmp_path / "no_rows.jsonl")),
        )

        @task
        def airflow_path():
            return ObjectStoragePath(f"file://{tmp_path}/by_task.jsonl")

        read(task_id="path_from_task", output_path=airflow_path(), **rest)
        read(task_id="no_path", output_path="{{ '' }}", **rest)
        read(task_id="no_path_from_task", output_path=give.override(task_id="nothing")(None), **rest)
        read(task_id="not_a_list", method="crm.deal.get", api_params={"id": 1})
        last = read(task_id="half", output_path=str(tmp_path / "older.jsonl"), **rest)
        for each in list(dag.tasks):
            if each is not last:
                each >> last
        last.trigger_rule = "all_done"
    # the second page of the last task, whose first one comes from a request of its own
    portal.inject(
        "error", "crm.deal.list", match=lambda sent: fails_now(sent), times=None, code="", description="Odd."
    )
    arrived = []

    def fails_now(sent):
        target = any(tmp_path.glob(".older.jsonl.*.part"))
        arrived.append(target)
        return target and arrived.count(True) > 1

    run = run_dag(dag)
    failed = {name for name, state in run.states.items() if state == "failed"}
    assert failed == {"too_many", "no_path", "no_path_from_task", "not_a_list", "half"}
    deals = portal.items("deal")
    expected = [{"ID": str(number), "TITLE": row["TITLE"]} for number, row in deals.items()]
    assert run.xcom("rows") == run.xcom("exactly") == expected
    assert run.xcom("none") == []
    assert [row["ID"] for row in run.xcom("json")] == ["1"]
    assert [row["ID"] for row in run.xcom("mapped_output")] == ["1", "2"]
    assert "InvalidInputError: max_rows: crm.deal.list has more than 124 rows. Give output_path" in run.log(
        "too_many"
    )
    files = {"local": "deep/local.jsonl", "path": "path.jsonl", "file": "older_file.jsonl"}
    files["path_from_task"] = "by_task.jsonl"
    for name, file in files.items():
        target = f"file://{tmp_path}/{file}" if name in ("file", "path_from_task") else str(tmp_path / file)
        assert run.xcom(name) == {"path": target, "count": 125, "last_id": 125}
        lines = (tmp_path / file).read_text("utf-8").split("\n")
        assert [json.loads(line) for line in lines[:-1]] == expected
        assert lines[-1] == ""
        assert "\u0421\u0434\u0435\u043b\u043a\u0430" in lines[5]
    assert run.xcom("memory") == {"path": "memory://bucket/deals.jsonl", "count": 125, "last_id": 125}
    stored = ObjectStoragePath("memory://bucket/deals.jsonl").read_bytes().decode()
    assert [json.loads(line) for line in stored.split("\n")[:-1]] == expected
    assert [path.name for path in ObjectStoragePath("memory://bucket").iterdir()] == ["deals.jsonl"]
    assert run.xcom("no_rows") == {"path": str(tmp_path / "no_rows.jsonl"), "count": 0, "last_id": None}
    assert (tmp_path / "no_rows.jsonl").read_text() == ""
    assert "output_path: '' is not a path" in run.log("no_path")
    assert "The value came from task 'nothing'." in run.log("no_path_from_task")
    assert "Odd." in run.log("half")
    assert (tmp_path / "older.jsonl").read_text() == "older\n"
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left == [
        "by_task.jsonl",
        "local.jsonl",
        "no_rows.jsonl",
        "older.jsonl",
        "older_file.jsonl",
        "path.jsonl",
    ]


@cases("max_in_flight", [0, 41, "10", True, None])
def test_up_to_forty_requests_of_a_list_may_be_under_way(max_in_flight):
    with pytest.raises(InvalidInputError, match=r"max_in_flight: .* is not a whole number from 1 to 40"):
        Bitrix24ListOperator(task_id="read", method="crm.deal.list", max_in_flight=max_in_flight)


@cases("max_rows", [0, -1, "10", 2.5, True, None])
def test_max_rows(max_rows):
    with pytest.raises(InvalidInputError, match=r"max_rows: .* is not a whole number from 1 up"):
        Bitrix24ListOperator(task_id="read", method="crm.deal.list", max_rows=max_rows)


BAD_CALLS = {
    "mapping": ({"method": "x"}, "calls: {'method': 'x'} is not a list of calls"),
    "nothing": (None, "calls: None is not a list of calls"),
    "json": ("x.get", "calls: 'x.get' is not JSON"),
    "text": ('"x.get"', "calls: '\"x.get\"' is not a list of calls"),
    "name": (["x.get"], "calls[0]: it has no method. Give {'method': ..., 'params': ...}."),
    "no_method": ([{"method": "x.get"}, {"params": {}}], "calls[1]: it has no method"),
    "unknown": (
        [{"method": "x.get", "parameters": {}}],
        "calls[0]: 'parameters' is unknown. Known are method",
    ),
    "bad_method": ([{"method": "x.get"}, {"method": "a/b"}], "calls[1].method: 'a/b' is not the name"),
    "bad_params": ([{"method": "x.get", "params": {"auth": 1}}], "calls[0].params.auth: Bitrix24 takes this"),
    "bad_flag": ([{"method": "x.get", "repeatable": 1}], "calls[0].repeatable: 1 is not one of True"),
}


@pytest.mark.slow
def test_batches(portal, connection, run_dag):
    portal.add_items("deal", [{}] * 60)
    connection(portal.connection(user_id=3), "bitrix24_guest")
    portal.revoke_webhook(3)
    batch = Bitrix24BatchOperator
    good = [{"method": "crm.deal.get", "params": {"id": number}} for number in (1, 2)]
    missing = {"method": "crm.deal.get", "params": {"id": 999}}
    added = {"method": "crm.deal.add", "params": {"fields": {"TITLE": "once"}}}
    twice = {"method": "crm.deal.add", "params": {"fields": {"TITLE": "twice"}}, "repeatable": True}
    with DAG("batch_calls", default_args={"retries": 2, "retry_delay": timedelta(0)}) as dag:

        @task
        def give(value):
            return value

        batch(task_id="good", calls=[*good, Call("server.time")])
        batch(task_id="from_task", calls=give(good))
        batch(task_id="json", calls=json.dumps(good))
        batch(
            task_id="nested",
            calls=[{"method": "crm.deal.get", "params": {"id": give.override(task_id="n")(2)}}],
        )
        batch(task_id="empty", calls=[])
        batch.partial(task_id="mapped", fail_on="all").expand(calls=[good, [*good, missing]])
        batch(task_id="any", calls=[*good, missing])
        batch(task_id="one", calls=[missing])
        batch(task_id="all", calls=[missing, missing], fail_on="all")
        batch(task_id="never", calls=[missing, missing], fail_on="never")
        batch(task_id="more_pages", calls=[*good, {"method": "crm.deal.list"}])
        batch(task_id="page", calls=[{"method": "crm.deal.list", "params": {"start": 50}}])
        batch(task_id="revoked", calls=good, fail_on="never", bitrix24_conn_id="bitrix24_guest")
        batch(task_id="dropped", calls=[added])
        batch(task_id="dropped_repeatable", calls=[twice])
        for name, (calls, _) in BAD_CALLS.items():
            given_late(batch, task_id=f"bad_{name}", calls=calls)
        batch(task_id="bad_from_task", calls=give.override(task_id="bad")(BAD_CALLS["bad_method"][0]))
    for title in ("once", "twice"):
        marked = f"TITLE%5D={title}"
        portal.inject("drop_after", "batch", match=lambda sent, marked=marked: marked in str(sent))
        portal.inject("drop_after", "crm.deal.add", params={"fields": {"TITLE": title}})
    run = run_dag(dag)
    failed = {name for name, state in run.states.items() if state == "failed"}
    refused = {f"bad_{name}" for name in BAD_CALLS} | {"bad_from_task"}
    assert failed == refused | {"any", "one", "all", "more_pages", "revoked", "dropped"}

    rows = run.xcom("good")
    assert [row["METHOD"] for row in rows] == ["crm.deal.get", "crm.deal.get", "server.time"]
    assert statuses(rows) == ["done"] * 3
    assert rows[1]["RESULT"]["ID"] == "2"
    assert run.xcom("from_task") == run.xcom("json") == run.xcom("mapped", map_index=0) == rows[:2]
    assert run.xcom("nested") == rows[1:2]
    assert run.xcom("empty") == []
    assert run.log("empty").count("The list of calls is empty: nothing to do.") == 1
    assert statuses(run.xcom("mapped", map_index=1)) == ["done", "done", "failed"]

    outcomes = run.xcom("any", key="outcomes")
    assert outcomes[:2] == rows[:2]
    assert outcomes[2].keys() == {"METHOD", "ID", "STATUS", "ERROR", "ERROR_DESCRIPTION"}
    assert (outcomes[2]["METHOD"], outcomes[2]["STATUS"]) == ("crm.deal.get", "failed")
    assert outcomes[2]["ERROR"] == "NotFoundError"
    assert outcomes[2]["ERROR_DESCRIPTION"].startswith("crm.deal.get at ")
    assert "NotFoundError: " in run.log("any")
    assert "calls[2] crm.deal.get (id " in run.log("any")
    assert "1 of 3 failed, see 'outcomes'" in run.log("any")
    assert statuses(run.xcom("all", key="outcomes")) == ["failed"] * 2
    assert statuses(run.xcom("never")) == ["failed"] * 2
    assert "2 calls: 2 failed." in run.log("never")
    assert statuses(run.xcom("more_pages", key="outcomes")) == ["done", "done", "failed"]
    assert run.xcom("more_pages", key="outcomes")[2]["ERROR"] == "MorePagesError"
    assert len(run.xcom("page")[0]["RESULT"]) >= 15
    assert "AuthenticationError: " in run.log("revoked")
    assert run.xcom("dropped", key="outcomes")[0]["ERROR"] == "AmbiguousWriteError"
    titles = [row["TITLE"] for row in portal.items("deal").values()]
    assert [titles.count(title) for title in ("once", "twice")] == [1, 2]

    for name, (_, message) in BAD_CALLS.items():
        assert message in run.log(f"bad_{name}")
        assert "InvalidInputError: " in run.log(f"bad_{name}")
    assert "The value came from task 'bad'." in run.log("bad_from_task")
    assert not [call for call in portal.journal if call.method == "x.get"]


def test_a_batch_that_never_fails_takes_one_of_three_words():
    with pytest.raises(InvalidInputError, match="fail_on: 'sometimes' is none of any, all, never"):
        Bitrix24BatchOperator(task_id="batch", calls=[], fail_on="sometimes")


def test_a_batch_that_is_done_in_part_does_nothing_twice(portal, run_dag):
    """With progress kept, another try does the rest; without, there is none."""
    add = {"method": "crm.deal.add", "params": {"fields": {"TITLE": "Once"}}}
    portal.inject("error", "crm.deal.update", code="", description="Stage is not reached", times=1)
    update = {"method": "crm.deal.update", "params": {"id": 1, "fields": {"TITLE": "Twice"}}}
    with DAG("done_in_part") as dag:
        Bitrix24BatchOperator(task_id="batch", calls=[add, update], retries=2, retry_delay=timedelta(0))
    run = run_dag(dag)
    assert len(portal.calls("crm.deal.add")) == 1
    if AIRFLOW_V_3_3_PLUS:
        assert run.states == {"batch": "success"}
        assert statuses(run.xcom("batch")) == ["done"] * 2
        assert "Going on where an earlier try ended: 1 items are done" in run.output
    else:
        assert run.states == {"batch": "failed"}
        assert "DoneInPartError" in run.output
        assert statuses(run.xcom("batch", key="outcomes")) == ["done", "failed"]
