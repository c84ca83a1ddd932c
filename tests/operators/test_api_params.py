"""Parameters of an API method: ``api_params``, which are told from the DAG's own ``params``."""

from __future__ import annotations

import re

import pytest
from airflow.sdk import DAG, BaseOperator, Param
from cases import cases

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.api_params import parse_api_params, refuse_params
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator, Bitrix24ListOperator
from airflow_provider_bitrix24.rest import errors as rest

CLASSES = [Bitrix24CallOperator, Bitrix24ListOperator]
REMEDY = "Give the method's parameters as api_params; in Airflow, params are the DAG's own."
#: as somebody writes them who takes Airflow's params for the method's
MEANT_FOR_THE_API = [
    {"id": 1},
    {"ID": 1},
    {"filter": {"ID": 1}},
    {"select": ["ID"]},
    {"order": {"ID": "ASC"}},
    {"fields": {"TITLE": "x"}},
    {"start": 50},
    {"entityTypeId": 2, "anything": 1},
    {"mine": 1, "halt": 0},
]


def name_of(value):
    return value.__name__ if isinstance(value, type) else None


def refusal(make):
    with pytest.raises(InvalidInputError) as caught:
        make()
    return caught.value


@cases("params", MEANT_FOR_THE_API)
@cases("cls", CLASSES)
def test_params_that_look_like_the_apis_are_refused(cls, params):
    error = refusal(lambda: cls(task_id="t", method="crm.deal.list", params=params))
    name = next(name for name in params if name not in ("anything", "mine"))
    assert error.description == (
        f"params: {name!r} looks like a parameter of the API method, which would not get it"
    )
    assert error.remedy == REMEDY


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_they_are_refused_where_the_dag_has_params_of_its_own(cls):
    with DAG("own_params", params={"env": "prod", "id": 4}):
        error = refusal(lambda: cls(task_id="t", method="x.list", params={"filter": {}}))
    assert error.description.startswith("params: 'filter' looks like")


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_params_of_the_dag_are_not_mistaken(cls):
    """The task's are merged with the DAG's, also those without a default, which have no value yet."""
    with DAG("own_params", params={"id": 4, "filter": Param(type="string"), "env": "prod"}):
        operator = cls(task_id="t", method="x.list")
        other = cls(task_id="other", method="x.list", params={"env": "test"})
        same = cls(task_id="same", method="x.list", params={"id": 5})
    assert set(operator.params) == {"id", "filter", "env"}
    assert operator.api_params is None
    assert other.params["env"] == "test"
    assert same.params["id"] == 5


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_params_of_a_task_that_are_none_of_the_apis(cls):
    operator = cls(task_id="t", method="x.list", params={"env": "prod"})
    assert dict(operator.params) == {"env": "prod"}


@cases("api_params", [{"id": 1}, {}, "{}"])
@cases("cls", CLASSES)
def test_with_api_params_the_others_cannot_be_meant(cls, api_params):
    operator = cls(task_id="t", method="x.list", params={"id": 7}, api_params=api_params)
    assert operator.api_params == api_params
    assert dict(operator.params) == {"id": 7}


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_params_of_a_mapped_task_are_refused_when_it_is_made(cls):
    """Airflow makes the task only when it runs; then it fails before anything is sent."""
    with DAG("mapped_params", params={"env": "prod"}) as dag:
        cls.partial(task_id="same", params={"id": 1}).expand(method=["x.list"])
        cls.partial(task_id="each", method="x.list").expand(params=[{"id": 1}])
        cls.partial(task_id="right", params={"size": 1}).expand(method=["x.list"])
    assert "api_params" in str(refusal(lambda: dag.task_dict["same"].unmap({"method": "x.list"})))
    assert "api_params" in str(refusal(lambda: dag.task_dict["each"].unmap({"params": {"id": 1}})))
    assert set(dag.task_dict["right"].unmap({"method": "x.list"}).params) == {"env", "size"}


def test_params_of_any_operator():
    """The rule by itself: what is given, what is the DAG's, how it is spelt."""
    with DAG("any_operator", params={"ORDER": 1}):
        operator = BaseOperator(task_id="t", params={"Start": 1})
        plain = BaseOperator(task_id="plain", params={"begin": 1})
    assert "'Start'" in str(refusal(lambda: refuse_params(operator, None)))
    refuse_params(operator, {"start": 1})
    refuse_params(plain, None)


@cases(
    ("given", "expected"),
    [
        (None, {}),
        ({"id": 1}, {"id": 1}),
        ('{"id": 1, "price": 1.5}', {"id": 1, "price": 1.5}),
        ("[1]", [1]),
        (7, 7),
    ],
)
def test_rendered(given, expected):
    """Whether it is a mapping is seen where the call is made."""
    assert parse_api_params(given) == expected


@cases("text", ["id=1", "", "None", "[" * 100_000], ids=["pair", "empty", "none", "deep"])
def test_a_text_that_is_not_json(text):
    with pytest.raises(rest.InvalidInputError, match=re.escape(f"api_params: '{text[:20]}")) as caught:
        parse_api_params(text)
    assert caught.value.description.endswith(" is not JSON")
    assert caught.value.remedy == "In a template write {{ ... | tojson }}."


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
@pytest.mark.parametrize(
    ("api_params", "problem"),
    [
        ([1], "api_params: [1] is not a mapping"),
        ({"auth": 1}, "api_params.auth: Bitrix24 takes this name"),
        ({"a": [{1, 2}]}, "api_params.a[0]: "),
    ],
    ids=["list", "taken", "nested"],
)
def test_the_message_names_the_argument(portal, cls, api_params, problem):
    error = refusal(lambda: cls(task_id="t", method="crm.deal.list", api_params=api_params))
    assert error.description.startswith(problem)
    assert portal.requests == []


def test_dag_params_reach_templates(portal, run_dag):
    """In plain tasks and in mapped ones, by partial and by expand."""
    call, read = Bitrix24CallOperator, Bitrix24ListOperator
    with DAG("params_in_templates", params={"id": Param(type="integer"), "type": "deal"}) as dag:
        one = {"id": "{{ params.id }}"}
        some = {"filter": {"ID": "{{ params.id }}"}, "select": ["ID", "{{ params.field }}"]}
        call(task_id="plain", method="crm.{{ params.type }}.get", api_params=one)
        call.partial(task_id="partial", api_params=one).expand(method=["crm.{{ params.type }}.get"])
        call.partial(task_id="expand", method="crm.{{ params.type }}.get").expand(api_params=[one])
        call.partial(task_id="kwargs").expand_kwargs(
            [{"method": "crm.{{ params.type }}.get", "api_params": one}]
        )
        read(task_id="read", method="crm.deal.list", api_params=some, params={"field": "TITLE"})
        read.partial(task_id="read_mapped", method="crm.deal.list", params={"field": "TITLE"}).expand(
            api_params=[some]
        )
    run = run_dag(dag, run_conf={"id": 2})
    assert set(run.states.values()) == {"success"}, run.states
    for name in ("partial", "expand", "kwargs"):
        assert run.xcom(name, map_index=0) == run.xcom("plain")
    assert [call.params for call in portal.calls("crm.deal.get")] == [{"id": "2"}] * 4
    [row] = run.xcom("read")
    assert set(row) == {"ID", "TITLE"}
    assert run.xcom("read_mapped", map_index=0) == [row]
