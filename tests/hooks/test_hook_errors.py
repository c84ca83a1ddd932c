from __future__ import annotations

import copy
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from cases import cases
from hook_helpers import whole_story

from airflow_provider_bitrix24.hooks import errors as joined_errors
from airflow_provider_bitrix24.hooks.errors import Bitrix24Error, from_json, join, joined
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.rest.redaction import MASK

_CLASSES = sorted(rest.concrete_errors().items())
_FIELDS = {
    "description": "it went wrong",
    "code": "CODE",
    "method": "crm.deal.get",
    "portal": "portal.bitrix24.com",
    "status": 503,
    "retry_after": 7.5,
    "remedy": "Do something.",
    "owner": "portal user 3",
}


EVERY_ERROR = cases("error", [cls.from_fields(_FIELDS) for _, cls in _CLASSES])


@EVERY_ERROR
def test_every_error_has_its_joined_class(error):
    found = join(error)
    assert type(found).__name__ == type(error).__name__
    assert type(found).__module__ == joined_errors.__name__
    assert isinstance(found, type(error))
    assert isinstance(found, Bitrix24Error)
    assert isinstance(found, AirflowException)
    assert found.fields() == error.fields()
    assert str(found) == str(error)


@EVERY_ERROR
def test_permanent_is_airflows_fail_exception_and_nothing_else_is(error):
    assert isinstance(join(error), AirflowFailException) is type(error).permanent


@EVERY_ERROR
def test_the_joined_tree_has_the_shape_of_the_first(error):
    parents = {cls.__name__ for cls in type(error).__mro__ if issubclass(cls, rest.Bitrix24Error)}
    joined_parents = {cls.__name__ for cls in type(join(error)).__mro__ if issubclass(cls, Bitrix24Error)}
    assert joined_parents == parents


@EVERY_ERROR
def test_what_a_class_says_of_itself_is_the_same(error):
    found = type(join(error))
    for name in ("retry", "acted", "permanent", "connection_wide", "advice"):
        assert getattr(found, name) == getattr(type(error), name)
    assert join(error).passes == error.passes
    assert found.__doc__


@pytest.mark.parametrize(
    "again",
    [
        copy.copy,
        copy.deepcopy,
        lambda error: pickle.loads(pickle.dumps(error)),
        lambda error: from_json(error.to_json()),
        join,
    ],
    ids=["copy", "deepcopy", "pickle", "JSON", "join"],
)
@EVERY_ERROR
def test_an_error_travels(error, again):
    found = again(join(error))
    assert type(found) is type(join(error))
    assert found.fields() == _FIELDS
    assert str(found) == str(error)
    assert found.retry_after == 7.5


def test_joining_keeps_the_outcomes():
    error = rest.ServerError("boom")
    error.outcomes = ({"STATUS": "failed"},)
    assert join(error).outcomes == ({"STATUS": "failed"},)


def test_a_class_that_is_not_joined_is_its_nearest_parent():
    class NewError(rest.RequestLimitError):
        pass

    assert type(join(NewError("boom"))) is joined_errors.RequestLimitError


@cases(
    "data",
    [
        {"type": "ErrorOfTomorrow", "description": "boom"},
        {"description": "boom"},
        {"type": "Bitrix24Error", "description": "boom", "trace_id": "new"},
        {"type": None, "description": "boom"},
        {"type": "Iterator", "description": "boom"},
    ],
    ids=["unknown type", "no type", "unknown field", "a type of nothing", "another name of the module"],
)
def test_what_another_version_sent_survives(data):
    error = from_json(data)
    assert type(error) is Bitrix24Error
    assert error.description == "boom"


def test_nothing_was_sent():
    assert str(from_json({})) == "no reason given"


def test_the_door_joins():
    with pytest.raises(joined_errors.NotFoundError, match="boom") as caught, joined():
        raise rest.NotFoundError("boom")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_door_lets_through_what_is_joined_already():
    error = joined_errors.NotFoundError("boom")
    with pytest.raises(joined_errors.NotFoundError) as caught, joined(), joined():
        raise error
    assert caught.value is error


def test_the_door_lets_through_everything_else():
    with pytest.raises(KeyError), joined():
        raise KeyError("x")
    with joined():
        pass


def test_the_story_of_an_error_can_be_told():
    """The helper that the tests for secrets rely on finds what stands in a frame."""

    def fail(secret):
        raise rest.ServerError(f"{MASK}")

    with pytest.raises(rest.ServerError) as caught:
        fail("s3cr3t")
    assert MASK in whole_story(caught.value)
