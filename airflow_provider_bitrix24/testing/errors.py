"""What a method can raise to answer with an error."""

from __future__ import annotations

from typing import Any

# The statuses the portal's source gives its system codes; every other code is a 400.
STATUS_OF_CODE = {
    "QUERY_LIMIT_EXCEEDED": 503,
    "OPERATION_TIME_LIMIT": 429,
    "OVERLOAD_LIMIT": 401,
    "INTERNAL_SERVER_ERROR": 500,
    "ERROR_UNEXPECTED_ANSWER": 500,
    "expired_token": 401,
    "invalid_token": 401,
    "NO_AUTH_FOUND": 401,
    "INVALID_CREDENTIALS": 401,
    "insufficient_scope": 401,
    "user_access_error": 401,
    "authorization_error": 401,
    "APPLICATION_NOT_FOUND": 401,
    "CONNECTION_ERROR": 401,
    "WRONG_AUTH_TYPE": 403,
    "WRONG_LICENSE": 403,
    "METHOD_CONFIRM_WAITING": 401,
    "METHOD_CONFIRM_DENIED": 403,
    "INVALID_REQUEST": 401,
    "ERROR_METHOD_NOT_FOUND": 404,
    "ERROR_OAUTH": 401,
    "PORTAL_DELETED": 403,
    "WRONG_ENCODING": 200,
}


class RestError(Exception):
    """An error answer.

    :param code: value of ``error``; most classic CRM methods leave it empty
    :param description: value of ``error_description``
    :param status: HTTP status; by default the one the portal's source has for the code
    :param extra: further keys of the error object
    """

    def __init__(self, code: str, description: str = "", status: int | None = None, **extra: Any) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.status = STATUS_OF_CODE.get(code, 400) if status is None else status
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Return the error object."""
        return {"error": self.code, "error_description": self.description, **self.extra}


class PhpTypeError(Exception):
    """A PHP type error outside of the error handler: the whole HTTP request ends with an HTML 500."""


def classic_error(description: str) -> RestError:
    """Return an error of a classic CRM method: status 400, empty code, meaning only in the text."""
    return RestError("", description)


ACCESS_DENIED = "Access denied."


# What many controller methods answer.


def denied() -> RestError:
    """Return the error of a caller without rights."""
    return RestError("ACCESS_DENIED", "Access denied")


def not_found(what: str = "Element") -> RestError:
    """Return the error for something that is not there."""
    return RestError("NOT_FOUND", f"{what} was not found")


def owner_not_found() -> RestError:
    """Return the error for a CRM item that is not there."""
    return RestError("OWNER_NOT_FOUND", "Owner was not found")
