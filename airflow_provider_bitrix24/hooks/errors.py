"""The REST errors joined to Airflow's, in this one place.

Every door of the hook raises one of these classes. What no retry can cure is an ``AirflowFailException``
too and ends the task without using up its retries; the rest is an ``AirflowException``. Each is also the
class of the same name in :mod:`airflow_provider_bitrix24.rest.errors`, which says what happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_bitrix24.hooks.retry_policy import BITRIX24_RETRY_POLICY as BITRIX24_RETRY_POLICY
from airflow_provider_bitrix24.rest import errors as rest


class Bitrix24Error(rest.Bitrix24Error, AirflowException):
    """Anything that goes wrong with a portal, a call or its input; the root of this tree."""


class InvalidInputError(rest.InvalidInputError, Bitrix24Error, AirflowFailException):
    """A value that Bitrix24 would misread, refused before anything is sent. Another try cannot help."""


class InvalidConnectionError(rest.InvalidConnectionError, Bitrix24Error, AirflowFailException):
    """A field of the Airflow connection is missing, contradictory or misspelt. Another try cannot help."""


class ConnectionUnreadableError(rest.ConnectionUnreadableError, Bitrix24Error):
    """Airflow does not find the connection, or cannot read it now: both look alike. Another try may help."""


class TokensUnreadableError(rest.TokensUnreadableError, ConnectionUnreadableError):
    """The renewed OAuth tokens do not show, but may be kept. Another try helps, unless they are lost."""


class PortalUnreachableError(rest.PortalUnreachableError, Bitrix24Error):
    """No connection came about, so nothing was sent. Another try often helps."""


class TlsError(rest.TlsError, Bitrix24Error, AirflowFailException):
    """The portal's certificate was not accepted; nothing was sent. Another try cannot help."""


class ConnectionLostError(rest.ConnectionLostError, Bitrix24Error):
    """No answer came after the call was sent (broken, too late): it may have been carried out."""


class RedirectRefusedError(rest.RedirectRefusedError, Bitrix24Error, AirflowFailException):
    """The portal redirects to where the credentials must not be sent. Another try cannot help."""


class NotAPortalError(rest.NotAPortalError, Bitrix24Error, AirflowFailException):
    """Something answers at this address, but not Bitrix24's REST API. Another try cannot help."""


class MalformedReplyError(rest.MalformedReplyError, Bitrix24Error):
    """The answer is not the API's: empty, cut short, or HTML. The call may have been carried out."""


class ServerError(rest.ServerError, Bitrix24Error):
    """The portal failed inside (5xx). The call may have been carried out; another try often helps."""


class LimitError(rest.LimitError, Bitrix24Error):
    """One of the portal's limits is reached; nothing was carried out. Waiting helps."""


class RequestLimitError(rest.RequestLimitError, LimitError):
    """Too many requests from this address (``QUERY_LIMIT_EXCEEDED``); not carried out, waiting helps."""


class OperationTimeLimitError(rest.OperationTimeLimitError, LimitError):
    """The method used up its operating time (``OPERATION_TIME_LIMIT``); not carried out."""


class SurplusCommandError(rest.SurplusCommandError, Bitrix24Error):
    """The portal takes fewer commands in a batch than were sent; this one was not carried out."""


class OverloadError(rest.OverloadError, Bitrix24Error, AirflowFailException):
    """Bitrix24 blocked the portal's REST API by hand (``OVERLOAD_LIMIT``). Another try cannot help."""


class AuthenticationError(rest.AuthenticationError, Bitrix24Error, AirflowFailException):
    """The portal does not accept the credentials. Another try cannot help."""


class ExpiredTokenError(rest.ExpiredTokenError, AuthenticationError):
    """The access token has expired; it is renewed once where there is a refresh token."""


class TokenRenewalError(rest.TokenRenewalError, AuthenticationError):
    """The authorisation server refuses to renew the tokens. Another try cannot help."""


class AuthorizationServerError(rest.AuthorizationServerError, Bitrix24Error):
    """The authorisation server cannot be reached; nothing was carried out. Another try helps."""


class InsufficientScopeError(rest.InsufficientScopeError, Bitrix24Error, AirflowFailException):
    """The webhook or application was not given the scope that the method needs. Another try cannot help."""


class PlanError(rest.PlanError, Bitrix24Error, AirflowFailException):
    """The portal's plan, subscription or trial does not include this. Another try cannot help."""


class AccessDeniedError(rest.AccessDeniedError, Bitrix24Error, AirflowFailException):
    """The user behind the credentials lacks the rights. Another try cannot help."""


class WrongAuthTypeError(rest.WrongAuthTypeError, Bitrix24Error, AirflowFailException):
    """The method cannot be called with this kind of credentials. Another try cannot help."""


class ConfirmationPendingError(rest.ConfirmationPendingError, Bitrix24Error, AirflowFailException):
    """An administrator has yet to confirm the use of this method. A try after that helps."""


class PortalClosedError(rest.PortalClosedError, Bitrix24Error, AirflowFailException):
    """The portal is deleted or closed to the public. Another try cannot help."""


class PortalMaintenanceError(rest.PortalMaintenanceError, Bitrix24Error):
    """A self-hosted portal is closed for a while, as it is for updates. Another try helps later."""


class RejectedError(rest.RejectedError, Bitrix24Error):
    """The method refuses the call for a reason of its own, told in its description."""


class FinalRejectionError(rest.FinalRejectionError, RejectedError, AirflowFailException):
    """The method refuses the call for a reason that stays. Another try cannot help."""


class MethodNotFoundError(rest.MethodNotFoundError, Bitrix24Error, AirflowFailException):
    """The portal does not know the method. Another try cannot help."""


class NotFoundError(rest.NotFoundError, Bitrix24Error, AirflowFailException):
    """The thing named does not exist. Another try cannot help before it does."""


class InvalidParameterError(rest.InvalidParameterError, Bitrix24Error, AirflowFailException):
    """The portal refuses a parameter. Another try cannot help."""


class UnexpectedResultError(rest.UnexpectedResultError, Bitrix24Error, AirflowFailException):
    """A well-formed answer that is not what the method returns, such as ``false``; the outcome is unclear."""


class BadValueError(rest.BadValueError, UnexpectedResultError):
    """A value does not fit the type of its field, as the metadata tells it. Another try cannot help."""


class AmbiguousWriteError(rest.AmbiguousWriteError, Bitrix24Error, AirflowFailException):
    """A write that must not be repeated got no clear answer: the portal may have carried it out, or not."""


class ValueNotTakenError(rest.ValueNotTakenError, Bitrix24Error, AirflowFailException):
    """The portal said yes to a write, but its answer holds other values. Another try cannot help."""


class KeyNotUniqueError(rest.KeyNotUniqueError, Bitrix24Error, AirflowFailException):
    """Several rows, or several items of the portal, have one key. Another try cannot help."""


class DoneInPartError(rest.DoneInPartError, Bitrix24Error, AirflowFailException):
    """Some of many calls failed, and others that must not be repeated were carried out, or may have been."""


class IncompleteListError(rest.IncompleteListError, Bitrix24Error):
    """Rows of a list are missing or repeated, so what was read is not the list. Reading it anew helps."""


class MorePagesError(rest.MorePagesError, IncompleteListError, AirflowFailException):
    """A list method was called once though it has more pages. Another try cannot help."""


class TooManyDeletionsError(rest.TooManyDeletionsError, Bitrix24Error, AirflowFailException):
    """More rows would be deleted from a table than may go at once. Another try cannot help."""


class SqlLoadError(Bitrix24Error):
    """A database failed: a load, of which nothing was committed, or a query. Another try may help."""

    retry = rest.Retry.BACK_OFF
    advice = "Another try helps once the database answers again."


class SqlRefusedError(SqlLoadError, AirflowFailException):
    """A database refuses a row, a statement or a query. Another try cannot help before something changes."""

    retry = rest.Retry.NEVER
    permanent = True
    advice = "Compare the row in Bitrix24 with the table's types, constraints and triggers."


_JOINED: dict[str, type[Bitrix24Error]] = {
    name: cls
    for name, cls in list(globals().items())
    if isinstance(cls, type) and issubclass(cls, Bitrix24Error)
}


def join(error: rest.Bitrix24Error) -> Bitrix24Error:
    """Return an error of the REST core as the class of the same name that Airflow knows.

    :param error: the error
    """
    if isinstance(error, Bitrix24Error):
        return error
    name = next(cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _JOINED)
    joined = _JOINED[name].from_fields(error.fields())
    joined.outcomes = error.outcomes
    return joined


def from_json(data: dict[str, Any]) -> Bitrix24Error:
    """Build an error again that travelled as code and data, such as through a trigger's event.

    :param data: from ``error.to_json()``
    """
    known = Bitrix24Error().fields()  # a newer version may send more
    fields = {name: value for name, value in data.items() if name in known}
    return _JOINED.get(str(data.get("type")), Bitrix24Error).from_fields(fields)


@contextmanager
def joined() -> Iterator[None]:
    """Turn the REST core's errors into this module's on the way out."""
    try:
        yield
    except rest.Bitrix24Error as error:
        found = join(error)
    else:
        return
    raise found from None
