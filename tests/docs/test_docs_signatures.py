"""What docstrings say of arguments is so: every one that is taken is told of, and none besides."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module

import pytest
from airflow.triggers.base import BaseEventTrigger
from cases import cases
from doc_blocks import surface

from airflow_provider_bitrix24 import get_provider_info
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.triggers.base import Bitrix24Trigger

OPERATORS = [cls for folder in surface.FOLDERS for cls in surface.classes(folder).values()]
#: of each trigger, those that the sensors use and the one that waits for limits
TRIGGERS = [
    cls
    for group in get_provider_info()["triggers"]
    for name in group["python-modules"]
    for cls in vars(import_module(name)).values()
    if isinstance(cls, type) and cls.__module__ == name
]
METHODS = surface.methods(Bitrix24Hook)
DATA = [cls for section in ("calls", "replies") for cls in surface.classes(section).values()]


def documented(doc):
    """Return the parameters that a docstring tells of, in order."""
    return re.findall(r"^:param (\w+): \S", inspect.cleandoc(doc or ""), re.MULTILINE)


def parameters(function):
    """Return the parameters by name, without those that take any other ones."""
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and name != "self"
    }


def is_vague(annotation):
    """Tell whether an annotation is ``Any``, alone or as one of several; within a mapping it may be."""
    nodes = [ast.parse(annotation, mode="eval").body]
    for node in nodes:
        if isinstance(node, ast.BinOp):
            nodes += [node.left, node.right]
    return any(isinstance(node, ast.Name) and node.id == "Any" for node in nodes)


def name_of(value):
    return value.__name__


def test_everything_is_found():
    assert len(OPERATORS) == len({cls.__name__ for cls in OPERATORS}) == 30
    assert {cls.__name__ for cls in TRIGGERS} == {
        "CrmChangesTrigger",
        "CrmItemTrigger",
        "CrmItemsTrigger",
        "TimelineBindingTrigger",
        "TimelineCommentTrigger",
    }
    assert {"call", "batch", "bind_timeline_records", "carry_out", "aclient"} <= set(METHODS)


@cases("cls", [*OPERATORS, *TRIGGERS, Bitrix24Hook])
def test_every_argument_is_documented_and_no_other(cls):
    own = set(parameters(cls)) - {"logger_name"}  # Airflow's own
    told = documented(cls.__doc__)
    assert len(told) == len(set(told))
    assert set(told) == own


@cases("cls", OPERATORS)
def test_operators_name_all_their_arguments(cls):
    """In their own constructor, by name only; whatever else is given goes to Airflow."""
    assert "__init__" in vars(cls)
    found = inspect.signature(cls).parameters
    assert [name for name, parameter in found.items() if parameter.kind is parameter.VAR_KEYWORD] == [
        "kwargs"
    ]
    assert {parameter.kind for parameter in parameters(cls).values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert "bitrix24_conn_id" in found
    assert set(cls.template_fields) <= set(found), "what is rendered is an argument"


@cases("cls", [*OPERATORS, *TRIGGERS, Bitrix24Hook])
def test_arguments_are_annotated_precisely(cls):
    found = {name: parameter.annotation for name, parameter in parameters(cls).items()}
    assert [name for name, note in found.items() if note is inspect.Parameter.empty] == []
    assert [name for name, note in found.items() if is_vague(note)] == []


@pytest.mark.parametrize("cls", TRIGGERS, ids=name_of)
def test_triggers_name_all_their_arguments(cls):
    assert issubclass(cls, (Bitrix24Trigger, BaseEventTrigger))
    assert "__init__" in vars(cls)
    found = inspect.signature(cls).parameters.values()
    assert {parameter.kind for parameter in found} == {inspect.Parameter.KEYWORD_ONLY}


@cases("name", METHODS)
def test_arguments_of_the_hooks_methods_are_documented(name):
    held = inspect.getattr_static(Bitrix24Hook, name)
    assert (held.fget if isinstance(held, property) else held).__doc__
    if isinstance(held, property):
        return
    found = parameters(getattr(Bitrix24Hook, name))
    assert sorted(documented(held.__doc__)) == sorted(found)
    assert [name for name, parameter in found.items() if is_vague(parameter.annotation)] == []


@pytest.mark.parametrize("cls", DATA, ids=name_of)
def test_documented_arguments_of_calls_and_replies_are_there(cls):
    told = documented(cls.__doc__)
    assert told
    assert set(told) <= set(inspect.signature(cls).parameters)


@cases(
    ("annotation", "vague"),
    [
        ("Any", True),
        ("Any | None", True),
        ("str | Any", True),
        ("Mapping[str, Any] | str", False),
        ("x", False),
    ],
)
def test_what_is_vague(annotation, vague):
    assert is_vague(annotation) is vague


def test_reference_shows_what_may_be_left_out():
    shown = {cls.__name__: surface.signature(cls) for cls in OPERATORS}
    for name, text in shown.items():
        assert text.startswith("(*, "), name
        assert text.endswith(", **kwargs)"), name
        assert "NOT_GIVEN" not in text, name
    assert "record_id=..., entity_type=..., " in shown["BindTimelineRecordOperator"]
    assert shown["ListTimelineBindingsOperator"].startswith("(*, record_id, check_record=True, ")
