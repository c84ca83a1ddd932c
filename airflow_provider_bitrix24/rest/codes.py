"""Which of the API's error codes, texts and statuses means which error.

The documentation and the product disagree about HTTP statuses, so the code decides (in any case), then
the fixed English texts of the classic methods, whose code is empty, and only then the status.
"""

from __future__ import annotations

import re

from airflow_provider_bitrix24.rest import errors as e

_BY_CODE: dict[str, type[e.Bitrix24Error]] = {
    # limits
    "QUERY_LIMIT_EXCEEDED": e.RequestLimitError,
    "OPERATION_TIME_LIMIT": e.OperationTimeLimitError,
    "RATELIMITEXCEPTION": e.OperationTimeLimitError,
    "OVERLOAD_LIMIT": e.OverloadError,
    # credentials
    "EXPIRED_TOKEN": e.ExpiredTokenError,
    "INVALID_TOKEN": e.ExpiredTokenError,
    "NO_AUTH_FOUND": e.AuthenticationError,
    "INVALID_CREDENTIALS": e.AuthenticationError,
    "AUTHORIZATION_ERROR": e.AuthenticationError,
    "APPLICATION_NOT_FOUND": e.AuthenticationError,
    "ERROR_OAUTH": e.AuthenticationError,
    "INVALID_REQUEST": e.AuthenticationError,
    "CONNECTION_ERROR": e.AuthorizationServerError,
    # rights, scopes, plans
    "INSUFFICIENT_SCOPE": e.InsufficientScopeError,
    "INSUFFICIENTSCOPEEXCEPTION": e.InsufficientScopeError,
    "ACCESS_DENIED": e.AccessDeniedError,
    "ACCESSDENIEDEXCEPTION": e.AccessDeniedError,
    "USER_ACCESS_ERROR": e.AccessDeniedError,
    "ALLOWED_ONLY_INTRANET_USER": e.AccessDeniedError,
    "METHOD_CONFIRM_DENIED": e.AccessDeniedError,
    "METHOD_CONFIRM_WAITING": e.ConfirmationPendingError,
    "WRONG_AUTH_TYPE": e.WrongAuthTypeError,
    "PAYMENT_REQUIRED": e.PlanError,
    "WRONG_LICENSE": e.PlanError,
    "CREATE_DYNAMIC_ITEM_RESTRICTED": e.PlanError,
    "UPDATE_DYNAMIC_ITEM_RESTRICTED": e.PlanError,
    "RESTRICTED_BY_TARIFF": e.PlanError,
    "FEATURE_DISABLED": e.PlanError,
    "PORTAL_DELETED": e.PortalClosedError,
    # the method and its parameters
    "ERROR_METHOD_NOT_FOUND": e.MethodNotFoundError,
    "METHODNOTFOUNDEXCEPTION": e.MethodNotFoundError,
    "ERROR_BATCH_METHOD_NOT_ALLOWED": e.FinalRejectionError,
    "ERROR_ARGUMENT": e.InvalidParameterError,
    "100": e.InvalidParameterError,
    "MAIN_CONTROLLER_22001": e.InvalidParameterError,
    "INVALID_ARG_VALUE": e.InvalidParameterError,
    "REQUIRED_ARG_MISSING": e.InvalidParameterError,
    "CRM_FIELD_ERROR_VALUE_NOT_VALID": e.InvalidParameterError,
    "CRM_FIELD_ERROR_REQUIRED": e.InvalidParameterError,
    "ENTITY_TYPE_NOT_SUPPORTED": e.InvalidParameterError,
    "MAX_IMPORT_BATCH_SIZE_EXCEEDED": e.InvalidParameterError,
    "NOT_FOUND": e.NotFoundError,
    "OWNER_NOT_FOUND": e.NotFoundError,
    "ERROR_NOT_FOUND": e.NotFoundError,
    "BINDING_NOT_FOUND": e.NotFoundError,
    "ENTITYNOTFOUNDEXCEPTION": e.NotFoundError,
    "MULTIPLE_BINDINGS": e.RejectedError,
    "ACTIVITY_IS_ALREADY_BOUND": e.RejectedError,
    "LAST_BINDING_CANNOT_BE_DELETED": e.FinalRejectionError,
    "ADDING_DISABLED": e.FinalRejectionError,
    "REMOVING_DISABLED": e.FinalRejectionError,
    # the portal's inside
    "INTERNAL_SERVER_ERROR": e.ServerError,
    "INTERNALEXCEPTION": e.ServerError,
    "ERROR_UNEXPECTED_ANSWER": e.ServerError,
    "INTERNAL_WRONG_TRANSPORT": e.RejectedError,
    "INTERNAL_WRONG_HANDLER_CLASS": e.RejectedError,
    "WRONG_ENCODING": e.UnexpectedResultError,
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": e.RejectedError,
    "ERROR_BATCH_LENGTH_EXCEEDED": e.SurplusCommandError,
}

_V3_PREFIX = re.compile(r"^BITRIX_REST_V3_EXCEPTION_(?:[A-Z]+_)?")
_V3_VALIDATION = re.compile(
    r"^(?:REQUESTVALIDATION|DTOVALIDATION|INVALID\w*|UNKNOWN\w*|IDEMPOTENCYKEYREUSED)EXCEPTION$"
)

_BY_TEXT: tuple[tuple[re.Pattern[str], type[e.Bitrix24Error]], ...] = (
    (
        re.compile(r"^(?:(?:contact|company|lead|deal|quote|activity) is )?not found\.?$", re.IGNORECASE),
        e.NotFoundError,
    ),
    (re.compile(r"^access denied[.!]?$", re.IGNORECASE), e.AccessDeniedError),
    (re.compile(r"is not defined or invalid\.?$", re.IGNORECASE), e.InvalidParameterError),
    (re.compile(r"^parameter '\w+' must be array\.?$", re.IGNORECASE), e.InvalidParameterError),
    (re.compile(r"^could not find value for parameter", re.IGNORECASE), e.InvalidParameterError),
    (re.compile(r"^missing a required field", re.IGNORECASE), e.InvalidParameterError),
)
_PLAN_TEXT = re.compile(r"available only (?:by subscription|on commercial)", re.IGNORECASE)

_WANTS_HTTPS = "Have the connection use https: the portal accepts no credentials over plain http."

#: HTTP statuses that say something where the body says nothing
_BY_STATUS: dict[int, type[e.Bitrix24Error]] = {
    401: e.AuthenticationError,
    403: e.AccessDeniedError,
    404: e.NotAPortalError,
    405: e.NotAPortalError,
    408: e.ConnectionLostError,
    410: e.PortalClosedError,
    429: e.RequestLimitError,
}


def error_class(code: str, description: str, status: int) -> type[e.Bitrix24Error]:
    """Return the class of an error answer.

    :param code: the body's ``error`` as text; ``""`` and ``"0"`` say nothing
    :param description: the body's ``error_description``
    :param status: HTTP status; 200 for an error of one command inside a batch
    """
    name = _V3_PREFIX.sub("", code.upper())
    known = _BY_CODE.get(name)
    if name == "ACCESSDENIEDEXCEPTION" and status == 401:
        return e.AuthenticationError
    if known in (e.AccessDeniedError, e.AuthenticationError) and _PLAN_TEXT.search(description):
        return e.PlanError
    if known is not None:
        return known
    if name == "ERROR_CORE":  # the method may have run; inside a batch only the text tells a failure inside
        is_inside = status >= 500 or "SQL QUERY ERROR" in description.upper()
        return e.ServerError if is_inside else e.UnexpectedResultError
    if name != code.upper() and _V3_VALIDATION.match(name):
        return e.InvalidParameterError
    for pattern, cls in _BY_TEXT:
        if pattern.search(description.strip()):
            return cls
    if status >= 500:
        return e.ServerError
    return _BY_STATUS[status] if status in (401, 403, 429) else e.RejectedError


def remedy_of(description: str) -> str:
    """Return what to do about an error, where its text tells more than its class; else ``""``.

    :param description: the body's ``error_description``
    """
    return _WANTS_HTTPS if description.lower().startswith("https required") else ""


def status_class(status: int) -> type[e.Bitrix24Error]:
    """Return the class of an answer whose body is not the API's (HTML, empty, cut short).

    :param status: HTTP status
    """
    if status >= 500:
        return e.ServerError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return e.RejectedError if status >= 400 else e.MalformedReplyError
