"""The error tree: what each class says, and that it survives every journey."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from cases import cases

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
    "owner": "portal user 3",
}


def test_the_tree_holds_every_class():
    assert {
        cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Bitrix24Error)
    } == set(ALL.values())


@cases("cls", ALL.values(), ids=ALL)
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


@cases("cls", ALL.values(), ids=ALL)
def test_what_no_later_try_cures_is_not_tried_again_at_once(cls):
    assert not (cls.permanent and cls.retry in (e.Retry.BACK_OFF, e.Retry.WAIT))


def test_message():
    assert str(e.ServerError(**_FIELDS)) == (
        "crm.deal.get at portal.bitrix24.com: CODE what. Try again in 5 s. Do this."
    )
    assert str(e.ServerError()) == "no reason given"
    assert str(e.ServerError("Stop!", remedy="Go.")) == "Stop! Go."
    assert str(e.OverloadError("held")) == "held. Only Bitrix24's support can lift the block."


@cases(
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


_NO, _UNKNOWN, _YES = e.Acted.NO, e.Acted.UNKNOWN, e.Acted.YES
_NEVER, _RENEW, _BACK_OFF, _WAIT = e.Retry.NEVER, e.Retry.RENEW, e.Retry.BACK_OFF, e.Retry.WAIT

# whether the exchange tries again, the portal acted, it lasts, and every call meets it
_SAYS = {
    e.Bitrix24Error: (_NEVER, _NO, False, False),
    e.InvalidInputError: (_NEVER, _NO, True, False),
    e.InvalidConnectionError: (_NEVER, _NO, True, True),
    e.TokensUnreadableError: (_BACK_OFF, _NO, False, True),
    e.ConnectionUnreadableError: (_BACK_OFF, _NO, False, True),
    e.PortalUnreachableError: (_BACK_OFF, _NO, False, False),
    e.TlsError: (_NEVER, _NO, True, True),
    e.ConnectionLostError: (_BACK_OFF, _UNKNOWN, False, False),
    e.RedirectRefusedError: (_NEVER, _NO, True, True),
    e.NotAPortalError: (_NEVER, _NO, True, True),
    e.MalformedReplyError: (_BACK_OFF, _UNKNOWN, False, False),
    e.ServerError: (_BACK_OFF, _UNKNOWN, False, False),
    e.LimitError: (_NEVER, _NO, False, False),
    e.RequestLimitError: (_BACK_OFF, _NO, False, False),
    e.OperationTimeLimitError: (_WAIT, _NO, False, False),
    e.SurplusCommandError: (_WAIT, _NO, False, False),
    e.OverloadError: (_NEVER, _NO, True, True),
    e.AuthenticationError: (_NEVER, _NO, True, True),
    e.ExpiredTokenError: (_RENEW, _NO, True, True),
    e.TokenRenewalError: (_NEVER, _NO, True, True),
    e.AuthorizationServerError: (_BACK_OFF, _NO, False, True),
    e.InsufficientScopeError: (_NEVER, _NO, True, False),
    e.PlanError: (_NEVER, _NO, True, False),
    e.AccessDeniedError: (_NEVER, _NO, True, False),
    e.WrongAuthTypeError: (_NEVER, _NO, True, False),
    e.ConfirmationPendingError: (_NEVER, _NO, True, False),
    e.PortalClosedError: (_NEVER, _NO, True, True),
    e.PortalMaintenanceError: (_BACK_OFF, _NO, False, True),
    e.RejectedError: (_NEVER, _NO, False, False),
    e.FinalRejectionError: (_NEVER, _NO, True, False),
    e.MethodNotFoundError: (_NEVER, _NO, True, False),
    e.NotFoundError: (_NEVER, _NO, True, False),
    e.InvalidParameterError: (_NEVER, _NO, True, False),
    e.BadValueError: (_NEVER, _UNKNOWN, True, False),
    e.UnexpectedResultError: (_NEVER, _UNKNOWN, True, False),
    e.AmbiguousWriteError: (_NEVER, _UNKNOWN, True, False),
    e.DoneInPartError: (_NEVER, _YES, True, False),
    e.ValueNotTakenError: (_NEVER, _YES, True, False),
    e.KeyNotUniqueError: (_NEVER, _NO, True, False),
    e.IncompleteListError: (_NEVER, _NO, False, False),
    e.MorePagesError: (_NEVER, _NO, True, False),
    e.TooManyDeletionsError: (_NEVER, _NO, True, False),
}


def test_what_every_class_says():
    said = {cls: (cls.retry, cls.acted, cls.permanent, cls.connection_wide) for cls in ALL.values()}
    assert said == _SAYS


def test_classes_made_elsewhere_are_not_of_the_tree():
    class Foreign(e.ServerError):
        pass

    assert "Foreign" not in e.concrete_errors()
    assert all(name == cls.__name__ for name, cls in e.concrete_errors().items())


def test_what_is_not_told_is_empty():
    error = e.RejectedError()
    assert error.fields() == {
        **dict.fromkeys(("description", "code", "method", "portal", "remedy", "owner"), ""),
        "status": None,
        "retry_after": None,
    }
    assert error.outcomes == ()
    assert e.RejectedError.from_fields({}).fields() == error.fields()


@cases(
    ("fields", "message"),
    [
        ({"method": "x.get"}, "x.get: no reason given"),
        ({"portal": "p"}, "p: no reason given"),
        ({"code": "C"}, "C"),
        ({"description": "held?", "retry_after": 0.0}, "held? Try again in 0 s."),
        ({"description": "held", "retry_after": 2.6}, "held. Try again in 3 s."),
        ({"description": "held", "remedy": "Go."}, "held. Go."),
        ({"description": "held.", "remedy": "Go."}, "held. Go."),
        ({"description": "held"}, "held"),
    ],
)
def test_a_message_has_only_what_is_known(fields, message):
    assert str(e.RejectedError(**fields)) == message


def test_a_remedy_replaces_the_general_advice():
    assert e.TlsError().remedy == e.TlsError.advice
    assert e.TlsError(remedy="Do this.").remedy == "Do this."


# ---------------------------------------------------------------- the same error, but for something


@cases("cls", ALL.values(), ids=ALL)
@cases(
    ("field", "value"),
    [
        ("description", "else"),
        ("code", ""),
        ("method", "x.get"),
        ("portal", "p"),
        ("status", None),
        ("retry_after", 0.5),
        ("remedy", "Go."),
        ("owner", ""),
    ],
)
def test_the_same_error_with_another_field(cls, field, value):
    error = cls(**_FIELDS)
    again = error.but(**{field: value})
    assert type(again) is cls
    assert again.fields() == {**_FIELDS, field: value}
    assert error.fields() == _FIELDS, "it is left as it was"
    assert str(again) == str(cls(**{**_FIELDS, field: value}))


def test_the_same_error_with_nothing_else_is_another_object():
    error = e.ServerError(**_FIELDS)
    error.outcomes = ({"ID": 1},)
    again = error.but()
    assert again is not error
    assert again.fields() == error.fields()
    assert again.outcomes == error.outcomes


def test_the_same_error_without_a_remedy_has_its_class_s_advice():
    assert e.TlsError(remedy="Do this.").but(remedy="").remedy == e.TlsError.advice


def test_an_error_has_no_other_fields():
    with pytest.raises(TypeError):
        e.ServerError().but(colour="red")
