from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from itertools import takewhile

import numpy
import pytest
from airflow.sdk import DAG, chain, task
from cases import cases

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.timeline import BindTimelineRecordOperator as Bind


def row(record, kind, item, status="bound"):
    return {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": item, "STATUS": status}


def test_every_way_to_pass_a_value(portal, connection, run_dag):
    record = portal.add_comment("deal", 1, "Hello")
    contacts = iter(portal.add_items("contact", [{"NAME": "C"}] * 30))
    connection(portal.connection(user_id=2), "bitrix24_manager")
    expected = {}

    def expect(task_id, count=1, status="bound"):
        """Note down the next contacts as what the task binds the record to, and return their ids."""
        ids = [next(contacts) for _ in range(count)]
        expected[task_id] = [row(record, "contact", number, status) for number in ids]
        return ids if count > 1 else ids[0]

    with DAG("bind_forms", params={"contact": expect("template")}) as dag:
        kwargs = {"record_id": record, "entity_type": "contact"}

        @task
        def give(value):
            return value

        @task(multiple_outputs=True)
        def item(number):
            return {"id": number}

        the_record = give.override(task_id="the_record")(record)
        the_type = give.override(task_id="the_type")("contact")
        Bind(task_id="single", entity_id=expect("single"), **kwargs)
        Bind(task_id="texts", record_id=str(record), entity_type=" CONTACT ", entity_id=str(expect("texts")))
        Bind(
            task_id="numbers",
            record_id=Decimal(record),
            entity_type="contact",
            entity_id=numpy.int64(expect("numbers")),
        )
        Bind(
            task_id="from_tasks",
            record_id=the_record,
            entity_type=the_type,
            entity_id=item(expect("from_tasks"))["id"],
        )
        the_record >> Bind(
            task_id="template",
            record_id="{{ ti.xcom_pull(task_ids='the_record') }}",
            entity_type="contact",
            entity_id="{{ params.contact }}",
        )
        one, two, three, four = expect("list", 4)
        Bind(
            task_id="list",
            bindings=[
                (record, "contact", one),
                [str(record), "Contact", str(two)],
                {"record_id": record, "entity_type": "contact", "entity_id": three},
                {"OWNER_ID": record, "ENTITY_TYPE": "contact", "ENTITY_ID": four},
            ],
        )
        one, two = expect("nested", 2)
        Bind(
            task_id="nested",
            bindings=[
                (the_record, the_type, one),
                {"record_id": the_record, "entity_type": "{{ 'contact' }}", "entity_id": f"{{{{ {two} }}}}"},
            ],
        )
        many = [(record, "contact", number) for number in expect("list_from_task", 2)]
        from_task = Bind(
            task_id="list_from_task", bindings=give.override(task_id="many")([list(one) for one in many])
        )
        expected["again"] = [{**one, "STATUS": "already_bound"} for one in expected["list_from_task"]]
        Bind(task_id="again", bindings=from_task.output)
        pairs = [[record, "contact", number] for number in expect("json", 2)]
        give.override(task_id="pairs")(pairs) >> Bind(
            task_id="json", bindings="{{ ti.xcom_pull(task_ids='pairs') | tojson }}"
        )
        triples = [[record, "contact", number] for number in expect("from_mapped_task", 2)]
        Bind(
            task_id="from_mapped_task",
            bindings=give.override(task_id="triple").expand(value=triples),
        )
        one, two = expect("mapped", 2)
        Bind.partial(task_id="mapped", record_id=the_record, entity_type="contact").expand(
            entity_id=[one, str(two)]
        )
        numbers = expect("mapped_by_task", 2)
        Bind.partial(task_id="mapped_by_task", **kwargs).expand(
            entity_id=give.override(task_id="numbers_of_items")(numbers)
        )
        one, two = expect("mapped_kwargs", 2)
        Bind.partial(task_id="mapped_kwargs").expand_kwargs(
            give.override(task_id="kwargs")(
                [{**kwargs, "entity_id": one}, {"bindings": [[record, "contact", two]]}]
            )
        )
        Bind(
            task_id="connection_template",
            entity_id=expect("connection_template"),
            bitrix24_conn_id="{{ 'bitrix24_' ~ 'manager' }}",
            **kwargs,
        )
        Bind(
            task_id="connection_from_task",
            entity_id=expect("connection_from_task"),
            bitrix24_conn_id=give.override(task_id="conn")("bitrix24_manager"),
            **kwargs,
        )
    run = run_dag(dag)
    assert run.state == "success", run.output[-5000:]
    for task_id, rows in expected.items():
        if task_id.startswith("mapped"):
            got = [run.xcom(task_id, map_index=number)[0] for number in range(2)]
        else:
            got = run.xcom(task_id)
        assert got == rows, task_id
    bound = {item for kind, item in portal.bindings(record) if kind == "contact"}
    assert bound == {one["ENTITY_ID"] for rows in expected.values() for one in rows}
    assert {call.user_id for call in portal.calls("crm.timeline.bindings.bind")} == {1, 2}


def test_native_rendering(portal, run_dag):
    record = portal.add_comment("deal", 1, "Hello")
    with DAG("bind_native", render_template_as_native_obj=True, params={"record": record}) as dag:

        @task
        def pairs():
            return [[record, "contact", 2], [str(record), "contact", "3"]]

        Bind(task_id="ids", record_id="{{ params.record }}", entity_type="contact", entity_id="{{ 1 }}")
        pulled = "{{ ti.xcom_pull(task_ids='pairs') }}"
        pairs() >> [
            Bind(task_id="rows", bindings=pulled),
            Bind(task_id="json", bindings=pulled.replace("}}", "| tojson }}")),
            Bind(task_id="fraction", record_id="{{ 7.0 }}", entity_type="contact", entity_id=1),
        ]
    run = run_dag(dag)
    assert run.states == {
        "pairs": "success", "ids": "success", "rows": "success", "json": "success", "fraction": "failed",
    }  # fmt: skip
    assert portal.bindings(record) == [("contact", 1), ("contact", 2), ("contact", 3), ("deal", 1)]
    assert "InvalidInputError: record_id: 7.0 is not an id. Cast it to int" in run.log("fraction")


@pytest.mark.slow
def test_what_became_of_each(portal, connection, run_dag):
    record, other = (portal.add_comment("deal", 1, text) for text in ("Hello", "Again"))
    portal.add_user(4, "Clerk", may_update=[("contact", 1), ("contact", 2)])
    connection(portal.connection(user_id=4), "bitrix24_clerk")
    connection(portal.connection(user_id=3), "bitrix24_guest")
    rest = {"retries": 2, "retry_delay": timedelta(0), "bitrix24_conn_id": "bitrix24_clerk"}
    wanted = [
        (record, "contact", 1),
        (record, "deal", 1),
        (999, "contact", 1),
        (record, "company", 1),
        (record, "contact", 1),
        (other, "contact", 2),
    ]
    with DAG("bind_outcomes") as dag:
        Bind(task_id="empty", bindings=[])
        Bind(task_id="any", bindings=wanted, **rest)
        Bind(task_id="all", bindings=wanted, fail_on="all", **rest)
        Bind(task_id="all_failed", bindings=[wanted[2], wanted[3]], fail_on="all", **rest)
        Bind(task_id="never", bindings=[wanted[2], wanted[3]], fail_on="never", **rest)
        Bind(task_id="never_revoked", bindings=wanted, fail_on="never", bitrix24_conn_id="bitrix24_guest")
        Bind(task_id="one_failed", record_id=record, entity_type="company", entity_id=1, **rest)
        Bind(task_id="one_missing", record_id=999, entity_type="contact", entity_id=1, **rest)
        Bind(task_id="unchecked", bindings=wanted[1:3], check_record=False)
        chain(*dag.tasks)
        for each in dag.tasks:
            each.trigger_rule = "all_done"
    portal.revoke_webhook(3)
    run = run_dag(dag)
    assert run.states == {
        "empty": "success", "any": "failed", "all": "success", "all_failed": "failed", "never": "success",
        "never_revoked": "failed", "one_failed": "failed", "one_missing": "failed", "unchecked": "success",
    }  # fmt: skip

    assert run.xcom("empty") == []
    assert run.log("empty").count("The list of bindings is empty: nothing to do.") == 1

    outcomes = run.xcom("any", key="outcomes")
    statuses = ["bound", "already_bound", "failed", "failed", "bound", "bound"]
    assert [one["STATUS"] for one in outcomes] == statuses
    assert [(one["OWNER_ID"], one["ENTITY_TYPE"], one["ENTITY_ID"]) for one in outcomes] == wanted
    assert [set(one) for one in outcomes if one["STATUS"] == "failed"] == [
        {"OWNER_ID", "ENTITY_TYPE", "ENTITY_ID", "STATUS", "ERROR", "ERROR_DESCRIPTION"}
    ] * 2
    assert outcomes[2]["ERROR"] == "NOT_FOUND"
    assert "timeline record 999 does not exist" in outcomes[2]["ERROR_DESCRIPTION"]
    assert outcomes[3]["ERROR"] == "ACCESS_DENIED"
    assert f"record {record} on company 1" in outcomes[3]["ERROR_DESCRIPTION"]
    assert "user 4" in outcomes[3]["ERROR_DESCRIPTION"]
    with pytest.raises(KeyError):
        run.xcom("any")
    assert "2 of 6 failed, see 'outcomes'" in run.log("any")
    bound = [(call.params["fields"]["OWNER_ID"], call.user_id) for call in bind_calls(portal, "contact", 1)]
    assert bound == [(str(record), 4), ("999", 1)], (
        "what comes twice is sent once; what is missing, not at all"
    )

    assert [one["STATUS"] for one in run.xcom("all")] == ["already_bound"] * 2 + ["failed"] * 2 + [
        "already_bound"
    ] * 2
    assert [one["STATUS"] for one in run.xcom("all_failed", key="outcomes")] == ["failed"] * 2
    assert [one["STATUS"] for one in run.xcom("never")] == ["failed"] * 2
    assert "2 bindings: 2 failed." in run.log("never")
    assert "AuthenticationError" in run.log("never_revoked")
    assert [one["STATUS"] for one in run.xcom("unchecked")] == ["bound"] * 2
    assert portal.bindings(999) == [("contact", 1)], "an orphan, as the API stores it"

    denied = run.log("one_failed")
    assert "AccessDeniedError" in denied
    assert f"record {record} on company 1" in denied
    assert "user 4" in denied
    assert "may not change company 1" in denied
    assert run.log("one_missing").count("timeline record 999 does not exist") >= 1
    assert "NotFoundError" in run.log("one_missing")
    assert portal.bindings(record) == [("contact", 1), ("deal", 1)]
    assert portal.bindings(other) == [("contact", 2), ("deal", 1)]


def bind_calls(portal, kind, item):
    return [
        call
        for call in portal.calls("crm.timeline.bindings.bind")
        if (call.params["fields"]["ENTITY_TYPE"], str(call.params["fields"]["ENTITY_ID"]))
        == (kind, str(item))
    ]


BAD_IDS = {
    "none": None, "none_text": "None", "empty": "", "blank": " ", "zero": 0, "negative": -5,
    "letters": "12abc", "comma": "1,2", "fraction": 12.7, "exponent": "1e3",
    "true": True, "list": [3], "mapping": {}, "arabic": "\u0661\u0662", "beyond": str(2**63),
    "decimal": Decimal("7.5"), "numpy": numpy.float64(7),
}  # fmt: skip
BAD_TYPES = {
    "number": 2, "code": "T80", "unknown": "unknown", "empty": "", "none": None, "short": "D",
}  # fmt: skip
BAD_BINDINGS = {
    "none": (None, "bindings: None is not a list of bindings. Give a list"),
    "mapping": ({"record_id": 1}, "is not a list of bindings"),
    "no_json": (
        "[(1, 'deal', 2)]",
        "is not JSON. Give a list of (record_id, entity_type, entity_id). In a template write {{ ",
    ),
    "json_of_something_else": ('{"a": 1}', "is not a list of bindings"),
    "two_parts": (
        [[1, "deal"]],
        "bindings[0] is a list of 2 values; give (record_id, entity_type, entity_id)",
    ),
    "text": (["7"], "bindings[0]: '7' is not a binding"),
    "both_spellings": (
        [{"record_id": 1, "OWNER_ID": 1, "entity_type": "deal", "entity_id": 1}],
        "has both 'record_id' and 'OWNER_ID'",
    ),
    "missing_key": ([{"record_id": 1, "entity_type": "deal"}], "has no 'entity_id'"),
    "unknown_key": (
        [{"record_id": 1, "entity_type": "deal", "entity_id": 1, "owner": 1}],
        "has an unknown key 'owner'",
    ),
    "second_is_bad": (
        [[1, "deal", 1], ["7.0", "deal", 1]],
        "bindings[1].record_id: '7.0' is not an id. Give a whole number",
    ),
    "id_of_item": ([[1, "deal", "x"]], "bindings[0].entity_id: 'x' is not an id"),
    "type_of_item": ([[1, 2, 1]], "bindings[0].entity_type: 2 is not a type of CRM item. Give its name"),
}


@pytest.mark.slow
def test_nothing_wrong_is_sent(portal, run_dag):
    with DAG("bind_bad", default_args={"retries": 2, "retry_delay": timedelta(0)}) as dag:

        @task(multiple_outputs=True)
        def source(values):
            return values

        ids = source.override(task_id="ids")(BAD_IDS)
        types = source.override(task_id="types")(BAD_TYPES)
        lists = source.override(task_id="lists")({name: value for name, (value, _) in BAD_BINDINGS.items()})
        for name in BAD_IDS:
            Bind(task_id=f"record_{name}", record_id=ids[name], entity_type="deal", entity_id=1)
        for name in ("none", "letters", "fraction", "true"):
            Bind(task_id=f"item_{name}", record_id=1, entity_type="deal", entity_id=ids[name])
        for name in BAD_TYPES:
            Bind(task_id=f"type_{name}", record_id=1, entity_type=types[name], entity_id=1)
        for name in BAD_BINDINGS:
            Bind(task_id=f"bindings_{name}", bindings=lists[name])
        Bind(task_id="template", record_id="{{ '12abc' }}", entity_type="deal", entity_id=1)
        Bind(task_id="nested", bindings=[(1, "deal", 1), (ids["zero"], types["none"], 1)])
        rest = {"entity_type": "deal", "entity_id": 1}

        @task
        def numbers():
            return [-3]

        @task
        def kwargs():
            return [{**rest, "record_id": 7.0}, {"record_id": 7}]

        Bind.partial(task_id="mapped", **rest).expand(record_id=numbers())
        Bind.partial(task_id="mapped_kwargs").expand_kwargs(kwargs())
        Bind.partial(task_id="mapped_partial", record_id=ids["comma"], entity_type="deal").expand(
            entity_id=[1]
        )
    run = run_dag(dag)
    sources = {"ids", "types", "lists", "numbers", "kwargs"}
    assert {name for name, state in run.states.items() if state != "failed"} == sources
    assert portal.requests == []

    remedies = {"none": "returned nothing", "none_text": "returned nothing", "empty": "returned nothing"}
    remedies |= {"blank": "returned nothing"}
    remedies |= dict.fromkeys(["fraction", "numpy"], "Cast it to int")
    for name, value in BAD_IDS.items():
        assert_refused(run, f"record_{name}", "record_id", value, remedies.get(name, "whole number"), "ids")
    for name in ("none", "letters", "fraction", "true"):
        remedy = remedies.get(name, "whole number")
        assert_refused(run, f"item_{name}", "entity_id", BAD_IDS[name], remedy, "ids")
    for name, value in BAD_TYPES.items():
        assert_refused(run, f"type_{name}", "entity_type", value, "Give its name: deal, lead", "types")
    for name, (_, message) in BAD_BINDINGS.items():
        log = run.log(f"bindings_{name}")
        assert message in log
        assert "The value came from task 'lists'." in log
    assert "InvalidInputError: record_id: '12abc' is not an id" in run.log("template")
    assert "came from" not in run.log("template")
    assert "bindings[1].record_id: 0 is not an id" in run.log("nested")
    assert "The value came from task 'ids', 'types'." in run.log("nested")
    assert "record_id: -3 is not an id" in run.log("mapped", 0)
    assert "The value came from task 'numbers'." in run.log("mapped", 0)
    assert_refused(run, "mapped_kwargs", "record_id", 7.0, "Cast it to int", "kwargs", map_index=0)
    assert "InvalidInputError: entity_type: it is not given" in run.log("mapped_kwargs", 1)
    assert "The value came from task 'ids'." in run.log("mapped_partial", 0)


def assert_refused(run, task_id, field, value, remedy, source, map_index=-1):
    log = run.log(task_id, map_index)
    assert f"InvalidInputError: {field}: {value!r} is not " in log, log[-3000:]
    assert remedy in log
    assert f"The value came from task {source!r}." in log


@cases(
    ("arguments", "message"),
    [
        ({}, "record_id: it is not given. Give record_id, entity_type and entity_id, or bindings."),
        ({"record_id": 1, "entity_type": "deal"}, "entity_id: it is not given"),
        ({"entity_type": "deal", "entity_id": 1}, "record_id: it is not given"),
        ({"record_id": 1, "bindings": []}, "bindings and record_id: both are given"),
        ({"bindings": [], "fail_on": "some"}, "fail_on: 'some' is none of any, all, never"),
        ({"bindings": [], "max_in_flight": 0}, "max_in_flight: 0 is not a whole number from 1 to 20"),
        ({"bindings": [], "max_in_flight": "10"}, "max_in_flight: '10' is not a whole number"),
        ({"bindings": [], "check_record": "no"}, "check_record: 'no' is neither True nor False"),
    ],
)
def test_mistakes_in_the_dag_file(arguments, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        Bind(task_id="bind", **arguments)


def test_positional_and_unknown_arguments():
    with pytest.raises(TypeError, match="keyword arguments"):
        Bind(7, "deal", 1, task_id="bind")
    with pytest.raises(TypeError, match="record"):
        Bind(task_id="bind", bindings=[], record=7)
    with pytest.raises(TypeError, match="record"):
        Bind.partial(task_id="bind", record=7)


@pytest.mark.slow
def test_number_of_requests(run_dag, connection, bitrix24_portal):
    portal = bitrix24_portal
    connection(portal.connection())
    deal, contact = portal.add_item("deal"), portal.add_item("contact")
    records = [portal.add_comment("deal", deal, "Hello") for _ in range(1000)]
    with DAG("bind_counts") as dag:
        one = Bind(task_id="one", record_id=records[0], entity_type="contact", entity_id=contact)
        rest = [[record, "contact", contact] for record in records]
        one >> Bind(task_id="many", bindings=rest)
    run = run_dag(dag)
    assert run.state == "success", run.output[-3000:]
    of_one = len(list(takewhile(lambda request: request.n_commands < 50, portal.requests)))
    assert 1 <= of_one <= 2
    assert len(portal.requests) - of_one <= 45
    assert portal.refusals == 0
    assert [one["STATUS"] for one in run.xcom("many")] == ["already_bound"] + ["bound"] * 999
    assert all(portal.bindings(record) == [("contact", contact), ("deal", deal)] for record in records)
