"""Which arguments an operator was given, and where their values come from."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, BaseOperator
from cases import cases

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.arguments import (
    NOT_GIVEN,
    Arguments,
    or_none,
    task_names,
)
from airflow_provider_bitrix24.rest import errors as rest


class Plain(BaseOperator):
    """An operator with two arguments that may be left out."""

    def __init__(self, *, one=NOT_GIVEN, two=NOT_GIVEN, **kwargs):
        super().__init__(**kwargs)
        self.one, self.two = or_none(one), or_none(two)
        self.arguments = Arguments(self)
        self.arguments.note(one=one, two=two)


def noted(**arguments):
    return Plain(task_id="t", **arguments).arguments


def test_none_is_given_and_what_is_left_out_is_not():
    arguments = noted(one=None)
    assert arguments.has("one")
    assert not arguments.has("two")
    assert not arguments.has("three")


@cases("value", [None, 0, "", [], False, "x"])
def test_only_what_is_not_given_becomes_none(value):
    assert or_none(value) is value
    assert or_none(NOT_GIVEN) is None
    assert repr(NOT_GIVEN) == "NOT_GIVEN"


def test_arguments_are_noted_one_after_another():
    arguments = noted(one=1)
    arguments.note(two=2)
    assert (arguments.has("one"), arguments.has("two")) == (True, True)


def test_source_of_a_value():
    with DAG("argument_sources"):
        first, second = (BaseOperator(task_id=name).output for name in ("first", "second"))
        literal = noted(one=1, two=NOT_GIVEN)
        whole = Plain(task_id="whole", one=first).arguments
        nested = Plain(task_id="nested", one=[second, {"key": (first, second)}], two=first["key"]).arguments
    assert (literal.source("one"), literal.source("two"), literal.source("three")) == ("", "", "")
    assert whole.source("one") == "'first'"
    assert nested.source("one") == "'first', 'second'"
    assert nested.source("two") == "'first'"


def test_names_of_tasks():
    tasks = [BaseOperator(task_id=name) for name in ("b", "a", "b")]
    assert task_names(tasks) == "'a', 'b'"
    assert task_names([]) == ""


@cases(
    ("given", "problem"),
    [
        ({}, "one: it is not given"),
        ({"one": 1}, "two: it is not given"),
        ({"one": 1, "three": 3}, "three and one: both are given"),
        ({"one": None, "two": None, "three": None}, "three and one: both are given"),
    ],
    ids=["nothing", "a part", "the whole and a part", "all as None"],
)
def test_either_all_parts_or_the_whole(given, problem):
    arguments = noted()
    arguments.note(**given)
    with pytest.raises(InvalidInputError) as caught:
        arguments.check_either(("one", "two"), "three")
    assert (caught.value.description, caught.value.remedy) == (problem, "Give one and two, or three.")


@pytest.mark.parametrize("given", [{"one": 1, "two": 2}, {"three": 3}, {"three": None}])
def test_all_parts_or_the_whole_are_right(given):
    arguments = noted()
    arguments.note(**given)
    arguments.check_either(("one", "two"), "three")


def test_what_was_given_and_is_none_now_is_lost():
    operator = Plain(task_id="t", one="{{ x }}", two=None)
    operator.arguments.check_not_lost(operator, "one", "two")
    operator.one = None
    operator.arguments.check_not_lost(operator, "two")
    with pytest.raises(rest.InvalidInputError, match=r"^one: it was given, but is None now"):
        operator.arguments.check_not_lost(operator, "two", "one")


def test_what_a_mapped_task_was_given_as_none_is_lost_as_well():
    with DAG("argument_mapped") as dag:
        source = BaseOperator(task_id="upstream")
        Plain.partial(task_id="t", two=None).expand(one=source.output)
    operator = dag.task_dict["t"].unmap({"one": None})
    with pytest.raises(rest.InvalidInputError, match=r"^one: it was given, but is None now"):
        operator.arguments.check_not_lost(operator, "one")


def test_what_was_not_given_is_not_lost():
    operator = Plain(task_id="t")
    operator.arguments.check_not_lost(operator, "one", "two")
