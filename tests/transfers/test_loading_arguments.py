"""The arguments of the operators that load rows: templates, defaults, where a bad value came from."""

from __future__ import annotations

import inspect

import pytest
from airflow.sdk import DAG, BaseOperator
from operator_alone import context_of

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

BOTH = {"entity_type": "deal", "key": "origin_id", "timezone": "UTC", "outcomes_path": "/nowhere/out.csv"}
OPERATORS = {
    FileToBitrix24Operator: {**BOTH, "path": "/nowhere/in.csv"},
    SqlToBitrix24Operator: {
        **BOTH,
        "sql": "SELECT 1 AS title",
        "sql_conn_id": "warehouse",
        "parameters": {"a": 1},
    },
}
#: for each argument a value that no task should have passed, where it is not 7
BAD = {"sql": " ", "sql_conn_id": " "}


@pytest.mark.parametrize("cls", OPERATORS)
def test_what_may_come_from_a_task_is_rendered(cls):
    arguments = OPERATORS[cls]
    assert set(cls.template_fields) == {*arguments, "bitrix24_conn_id"}
    operator = cls(task_id="t", operation="upsert", **arguments)
    assert {name: getattr(operator, name) for name in arguments} == arguments


def test_both_operators_take_the_same_but_their_source():
    def own(cls, *names):
        taken = inspect.signature(cls).parameters
        return {name: taken[name].default for name in taken if name not in names}

    assert own(FileToBitrix24Operator, "path", "file_format") == own(
        SqlToBitrix24Operator, "sql", "sql_conn_id", "parameters"
    )


@pytest.mark.parametrize("cls", OPERATORS)
def test_a_bad_value_is_traced_to_its_task(portal, cls):
    arguments = OPERATORS[cls]
    for name in arguments:
        with DAG(f"traced_{name}"):
            source = BaseOperator(task_id="upstream")
            operator = cls(task_id="t", operation="upsert", **{**arguments, name: source.output})
        setattr(operator, name, BAD.get(name, 7))
        with pytest.raises(InvalidInputError, match=f"^{name}: ") as caught:
            operator.execute(context_of())
        assert caught.value.remedy.endswith("The value came from task 'upstream'."), name
    assert portal.calls("crm.item.add") == []


@pytest.mark.parametrize("cls", OPERATORS)
def test_an_argument_that_a_task_lost_is_refused(portal, cls):
    lost = ["key", "timezone", "outcomes_path", *(["parameters"] if cls is SqlToBitrix24Operator else [])]
    for name in lost:
        operator = cls(task_id="t", operation="upsert", **OPERATORS[cls])
        setattr(operator, name, None)
        with pytest.raises(InvalidInputError, match=f"^{name}: it was given, but is None now"):
            operator.execute(context_of())
