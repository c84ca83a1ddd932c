"""Every code of the API's tables: which error it is, whether it is repeated, whether waiting helps."""

from __future__ import annotations

import pytest
from cases import cases
from rest_feed import APPLICATION, STEADY, Feed, html, ok, refusal

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.codes import error_class, status_class
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.steps import Renewed

_READ = Call("crm.deal.get", {"id": 7})
_ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})
_NEVER, _BACK_OFF, _WAIT, _RENEW = e.Retry.NEVER, e.Retry.BACK_OFF, e.Retry.WAIT, e.Retry.RENEW
_V3 = "BITRIX_REST_V3_EXCEPTION_"

# code, text, statuses it is seen with, class, retry, permanent
_SYSTEM = [
    ("QUERY_LIMIT_EXCEEDED", "Too many requests", (503, 429), e.RequestLimitError, _BACK_OFF, False),
    ("OPERATION_TIME_LIMIT", "Method is blocked", (429,), e.OperationTimeLimitError, _WAIT, False),
    ("OVERLOAD_LIMIT", "REST API is blocked", (503, 401), e.OverloadError, _NEVER, True),
    ("INTERNAL_SERVER_ERROR", "Internal server error", (500,), e.ServerError, _BACK_OFF, False),
    ("ERROR_UNEXPECTED_ANSWER", "", (500,), e.ServerError, _BACK_OFF, False),
    ("expired_token", "The access token provided has expired", (401,), e.ExpiredTokenError, _RENEW, True),
    ("invalid_token", "Unable to get application", (401,), e.ExpiredTokenError, _RENEW, True),
    ("NO_AUTH_FOUND", "Wrong authorization data", (401,), e.AuthenticationError, _NEVER, True),
    ("INVALID_CREDENTIALS", "Invalid request credentials", (401, 403), e.AuthenticationError, _NEVER, True),
    ("insufficient_scope", "", (401, 403), e.InsufficientScopeError, _NEVER, True),
    ("user_access_error", "", (401, 403), e.AccessDeniedError, _NEVER, True),
    ("authorization_error", "Unable to authorize user", (401,), e.AuthenticationError, _NEVER, True),
    ("APPLICATION_NOT_FOUND", "Application not found", (401,), e.AuthenticationError, _NEVER, True),
    ("CONNECTION_ERROR", "Error connecting to authorization server", (401,),
     e.AuthorizationServerError, _BACK_OFF, False),
    ("PAYMENT_REQUIRED", "", (401,), e.PlanError, _NEVER, True),
    ("ACCESS_DENIED", "Access denied", (400, 403), e.AccessDeniedError, _NEVER, True),
    ("ACCESS_DENIED", "REST is available only by subscription.", (401,), e.PlanError, _NEVER, True),
    ("ACCESS_DENIED", "REST is available only on commercial plans.", (401,), e.PlanError, _NEVER, True),
    ("WRONG_AUTH_TYPE", "Current authorization type is denied", (403,), e.WrongAuthTypeError, _NEVER, True),
    ("WRONG_LICENSE", "", (403,), e.PlanError, _NEVER, True),
    ("allowed_only_intranet_user", "", (400, 403), e.AccessDeniedError, _NEVER, True),
    ("METHOD_CONFIRM_WAITING", "", (401,), e.ConfirmationPendingError, _NEVER, True),
    ("METHOD_CONFIRM_DENIED", "", (403,), e.AccessDeniedError, _NEVER, True),
    ("INVALID_REQUEST", "Https required.", (400, 401), e.AuthenticationError, _NEVER, True),
    ("ERROR_METHOD_NOT_FOUND", "Method not found!", (404,), e.MethodNotFoundError, _NEVER, True),
    ("ERROR_BATCH_METHOD_NOT_ALLOWED", "", (405, 200), e.FinalRejectionError, _NEVER, True),
    ("ERROR_ARGUMENT", "Argument 'x' is null or empty", (400,), e.InvalidParameterError, _NEVER, True),
    ("ERROR_CORE", "Something", (400,), e.UnexpectedResultError, _NEVER, True),
    ("ERROR_CORE", "Something", (500, 503), e.ServerError, _BACK_OFF, False),
    ("ERROR_CORE", "SQL query error!", (500, 200), e.ServerError, _BACK_OFF, False),
    ("ERROR_NOT_FOUND", "", (400,), e.NotFoundError, _NEVER, True),
    ("ERROR_OAUTH", "", (401,), e.AuthenticationError, _NEVER, True),
    ("ERROR_MANIFEST_IS_NOT_AVAILABLE", "", (404,), e.RejectedError, _NEVER, False),
    ("PORTAL_DELETED", "", (500, 403, 410), e.PortalClosedError, _NEVER, True),
    ("INTERNAL_WRONG_TRANSPORT", "", (500,), e.RejectedError, _NEVER, False),
    ("INTERNAL_WRONG_HANDLER_CLASS", "", (500,), e.RejectedError, _NEVER, False),
    ("WRONG_ENCODING", "", (200,), e.UnexpectedResultError, _NEVER, True),
]  # fmt: skip
_METHODS = [
    *((code, "", (400,), e.NotFoundError, _NEVER, True) for code in ("NOT_FOUND", "OWNER_NOT_FOUND")),
    *(
        (code, "", (400,), e.InvalidParameterError, _NEVER, True)
        for code in (
            "100",
            "MAIN_CONTROLLER_22001",
            "INVALID_ARG_VALUE",
            "REQUIRED_ARG_MISSING",
            "ENTITY_TYPE_NOT_SUPPORTED",
            "CRM_FIELD_ERROR_VALUE_NOT_VALID",
            "CRM_FIELD_ERROR_REQUIRED",
            "MAX_IMPORT_BATCH_SIZE_EXCEEDED",
        )
    ),
    *(
        (code, "", (400,), e.PlanError, _NEVER, True)
        for code in (
            "CREATE_DYNAMIC_ITEM_RESTRICTED",
            "UPDATE_DYNAMIC_ITEM_RESTRICTED",
            "RESTRICTED_BY_TARIFF",
            "FEATURE_DISABLED",
        )
    ),
    *(
        (code, "", (400,), e.FinalRejectionError, _NEVER, True)
        for code in ("ADDING_DISABLED", "REMOVING_DISABLED", "LAST_BINDING_CANNOT_BE_DELETED")
    ),
    ("MULTIPLE_BINDINGS", "", (400,), e.RejectedError, _NEVER, False),
    ("0", "Ein Fehler", (400,), e.RejectedError, _NEVER, False),
    ("0", "Missing a required field: title", (400,), e.InvalidParameterError, _NEVER, True),
]
_TEXTS = [
    *(
        ("", text, (400, 200), e.NotFoundError, _NEVER, True)
        for text in (
            "Not found",
            "Not found.",
            "NOT FOUND.",
            "Contact is not found",
            "Company is not found.",
            "Lead is not found",
        )
    ),
    *(
        ("", text, (400, 200), e.AccessDeniedError, _NEVER, True)
        for text in ("Access denied", "Access denied.", "access denied.", " Access denied. ")
    ),
    *(
        ("", text, (400, 200), e.InvalidParameterError, _NEVER, True)
        for text in (
            "ID is not defined or invalid.",
            "OWNER_ID is not defined or invalid",
            "Parameter 'fields' must be array.",
            "Parameter 'filter' must be array",
            "Could not find value for parameter {fields}",
        )
    ),
    ("", "Something of its own", (400, 200), e.RejectedError, _NEVER, False),
    ("", "", (400,), e.RejectedError, _NEVER, False),
    ("", "", (500,), e.ServerError, _BACK_OFF, False),
]
_VERSION_3 = [
    *(
        (_V3 + code, "", (400,), e.InvalidParameterError, _NEVER, True)
        for code in (
            "VALIDATION_REQUESTVALIDATIONEXCEPTION",
            "VALIDATION_DTOVALIDATIONEXCEPTION",
            "INVALIDJSONEXCEPTION",
            "INVALIDFILTEREXCEPTION",
            "INVALIDSELECTEXCEPTION",
            "INVALIDPAGINATIONEXCEPTION",
            "UNKNOWNDTOPROPERTYEXCEPTION",
            "UNKNOWNFILTEROPERATOREXCEPTION",
        )
    ),
    (_V3 + "ENTITYNOTFOUNDEXCEPTION", "", (400,), e.NotFoundError, _NEVER, True),
    (_V3 + "ACCESSDENIEDEXCEPTION", "", (403,), e.AccessDeniedError, _NEVER, True),
    (_V3 + "ACCESSDENIEDEXCEPTION", "", (401,), e.AuthenticationError, _NEVER, True),
    (_V3 + "INSUFFICIENTSCOPEEXCEPTION", "", (403,), e.InsufficientScopeError, _NEVER, True),
    (_V3 + "METHODNOTFOUNDEXCEPTION", "", (404,), e.MethodNotFoundError, _NEVER, True),
    (_V3 + "IDEMPOTENCYKEYREUSEDEXCEPTION", "", (422,), e.InvalidParameterError, _NEVER, True),
    (_V3 + "RATELIMITEXCEPTION", "", (429,), e.OperationTimeLimitError, _WAIT, False),
    (_V3 + "INTERNAL_INTERNALEXCEPTION", "", (500,), e.ServerError, _BACK_OFF, False),
]
_TABLE = [
    pytest.param(code, text, status, cls, retry, permanent, id=f"{code or 'empty'}-{text[:24]}-{status}")
    for code, text, statuses, cls, retry, permanent in (*_SYSTEM, *_METHODS, *_TEXTS, *_VERSION_3)
    for status in statuses
]


@cases(("code", "text", "status", "cls", "retry", "permanent"), _TABLE)
def test_code(code, text, status, cls, retry, permanent):
    """The class, and what the exchange makes of it for a call that may be repeated."""
    for spelling in (code, code.lower(), code.upper()):
        assert error_class(spelling, text, status) is cls
    assert (cls.retry, cls.permanent) == (retry, permanent)
    renewals = [Renewed(APPLICATION.tokens, fresh=True)]
    feed = Feed([refusal(code, text, status)], renewals, Session(APPLICATION, policy=STEADY))
    if retry is _NEVER:
        error = feed.error(_READ)
        assert type(error) is cls
        assert (error.code, error.status, error.method) == (
            "" if code == "0" else code,
            status,
            "crm.deal.get",
        )
        assert error.portal == "portal.bitrix24.com"
        assert not feed.pauses
        return
    feed.script.append(ok({"ID": "7"}))
    assert feed.result(_READ) == {"ID": "7"}
    assert len(feed.renewed) == (retry is _RENEW)
    assert bool(feed.pauses) is (retry is not _RENEW)
    if retry is _WAIT:
        assert feed.waits == [10.0], "without a known reset"


@cases(("code", "text", "status", "cls", "retry", "permanent"), _TABLE)
def test_one_shot_write(code, text, status, cls, retry, permanent):
    """It is repeated only where the table says that it was not carried out."""
    renewals = [Renewed(APPLICATION.tokens, fresh=True)]
    feed = Feed([refusal(code, text, status)], renewals, Session(APPLICATION, policy=STEADY))
    if retry is _NEVER:
        assert type(feed.error(_ADD)) is cls
    elif cls is e.ServerError:
        error = feed.error(_ADD)
        assert type(error) is e.AmbiguousWriteError
        assert error.code == code
    else:
        feed.script.append(ok(5))
        assert feed.result(_ADD) == 5


@cases(
    ("status", "cls"),
    [
        (200, e.MalformedReplyError),
        (302, e.MalformedReplyError),
        (400, e.RejectedError),
        (401, e.AuthenticationError),
        (403, e.AccessDeniedError),
        (404, e.NotAPortalError),
        (405, e.NotAPortalError),
        (408, e.ConnectionLostError),
        (410, e.PortalClosedError),
        (413, e.RejectedError),
        (429, e.RequestLimitError),
        (500, e.ServerError),
        (502, e.ServerError),
        (503, e.ServerError),
        (504, e.ServerError),
    ],
)
@cases("body", ["<html>x</html>", "", '{"result":', "[1]", '{"x": 1}', "[" * 100_000])
def test_status_decides_where_the_body_says_nothing(status, cls, body):
    assert status_class(status) is cls
    feed = Feed([html(status, body)])
    if cls.retry is _NEVER:
        assert type(feed.error(_READ)) is cls
    else:
        feed.script.append(ok({"ID": "7"}))
        assert feed.result(_READ) == {"ID": "7"}


@cases(
    ("status", "cls"),
    [
        (400, e.RejectedError),
        (401, e.AuthenticationError),
        (403, e.AccessDeniedError),
        (404, e.RejectedError),
        (429, e.RequestLimitError),
        (503, e.ServerError),
    ],
)
@cases("code", ["", "0", "SOMETHING_NEW"])
def test_status_decides_where_the_code_says_nothing(code, status, cls):
    assert error_class(code, "", status) is cls


def test_the_body_decides_before_the_status():
    assert type(Feed([refusal("NOT_FOUND", "", 500)]).error(_READ)) is e.NotFoundError
    assert type(Feed([refusal("", "Access denied.", 503)]).error(_READ)) is e.AccessDeniedError
    assert type(Feed([refusal("NOT_FOUND", "", 200)]).error(_READ)) is e.NotFoundError
