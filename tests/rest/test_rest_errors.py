"""The error tree: what each class says, and that it survives every journey."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from airflow_provider_bitrix24.rest import errors as e

ALL = e.concrete_errors()
_FIELDS = {
    "description": "what",
    "code": "CODE",
    "method": "crm.deal.get",
    "portal": "portal.bitrix24.com",
    "status": 400,
    "retry_after": 5.0,
    "remedy": "Do this.",
}


def test_the_tree_holds_every_class():
    assert {
        cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Bitrix24Error)
    } == set(ALL.values())


@pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
def test_travels_as_data(cls):
    error = cls(**_FIELDS)
    assert error.fields() == _FIELDS
    for again in (
        cls.from_fields(json.loads(json.dumps(error.fields()))),
        pickle.loads(pickle.dumps(error)),
        copy.copy(error),
    ):
        assert type(again) is cls
        assert again.fields() == _FIELDS
        assert str(again) == str(error)
    assert json.loads(json.dumps(error.to_json())) == {"type": cls.__name__, **_FIELDS}


@pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
def test_what_no_later_try_cures_is_not_tried_again_at_once(cls):
    assert not (cls.permanent and cls.retry in (e.Retry.BACK_OFF, e.Retry.WAIT))


def test_message():
    assert str(e.ServerError(**_FIELDS)) == (
        "crm.deal.get at portal.bitrix24.com: CODE what. Try again in 5 s. Do this."
    )
    assert str(e.ServerError()) == "no reason given"
    assert str(e.ServerError("Stop!", remedy="Go.")) == "Stop! Go."
    assert str(e.OverloadError("held")) == "held. Only Bitrix24's support can lift the block."


@pytest.mark.parametrize(
    ("cls", "passes"),
    [
        (e.ServerError, True),
        (e.RequestLimitError, True),
        (e.OperationTimeLimitError, True),
        (e.IncompleteListError, True),
        (e.MorePagesError, False),
        (e.NotFoundError, False),
        (e.RejectedError, False),
        (e.ExpiredTokenError, False),
    ],
)
def test_passes(cls, passes):
    assert cls("x").passes is passes


def test_input_errors_are_value_errors():
    for cls in (e.InvalidInputError, e.InvalidConnectionError):
        with pytest.raises(ValueError, match="x"):
            raise cls("x")
