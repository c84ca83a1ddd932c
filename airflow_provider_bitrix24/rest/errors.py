"""What can go wrong between a caller and a portal, as one tree of errors.

Every class says three things a caller has to know before deciding anything: whether the exchange itself
may try again (``retry``), whether the portal may have acted (``acted``), and whether a later try of the
whole task can help at all (``permanent``).
"""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_bitrix24.rest.error_base import Acted as Acted
from airflow_provider_bitrix24.rest.error_base import Bitrix24Error as Bitrix24Error
from airflow_provider_bitrix24.rest.error_base import Retry as Retry

# --- before anything is sent -------------------------------------------------------------------------


class InvalidInputError(Bitrix24Error, ValueError):
    """A value that Bitrix24 would misread, refused before anything is sent. Another try cannot help."""

    permanent = True


class InvalidConnectionError(Bitrix24Error, ValueError):
    """A field of the Airflow connection is missing, contradictory or misspelt. Another try cannot help."""

    permanent = True
    connection_wide = True


# --- between here and the portal ---------------------------------------------------------------------


class ConnectionUnreadableError(Bitrix24Error):
    """Airflow does not find the connection, or cannot read it now: it answers both alike."""

    retry = Retry.BACK_OFF
    connection_wide = True
    advice = (
        "Check the id of the connection. If it is right, another try helps once Airflow's secrets backend or "
        "API server answers."
    )


class TokensUnreadableError(ConnectionUnreadableError):
    """The renewed OAuth tokens do not show, but may be kept. Another try helps, unless they are lost."""

    advice = (
        "Another try helps once Airflow's API server, or the token store, answers. If the tokens are lost, "
        "authorise the application anew and put the new pair into the connection."
    )


class PortalUnreachableError(Bitrix24Error):
    """No connection came about, so nothing was sent. Another try often helps."""

    retry = Retry.BACK_OFF
    advice = "Check the connection's host, the network and the proxy."


class TlsError(Bitrix24Error):
    """The portal's certificate was not accepted; nothing was sent. Another try cannot help."""

    permanent = True
    connection_wide = True
    advice = "For a private certificate set the connection's 'verify' to the path of its CA bundle."


class ConnectionLostError(Bitrix24Error):
    """No answer came after the call was sent (broken, too late): it may have been carried out."""

    retry = Retry.BACK_OFF
    acted = Acted.UNKNOWN


class RedirectRefusedError(Bitrix24Error):
    """The portal redirects to where the credentials must not be sent. Another try cannot help."""

    permanent = True
    connection_wide = True


class NotAPortalError(Bitrix24Error):
    """Something answers at this address, but not Bitrix24's REST API. Another try cannot help."""

    permanent = True
    connection_wide = True
    advice = "Check the connection's host and port."


class MalformedReplyError(Bitrix24Error):
    """The answer is not the API's: empty, cut short, or HTML. The call may have been carried out."""

    retry = Retry.BACK_OFF
    acted = Acted.UNKNOWN


class ServerError(Bitrix24Error):
    """The portal failed inside (5xx). The call may have been carried out; another try often helps."""

    retry = Retry.BACK_OFF
    acted = Acted.UNKNOWN


# --- limits ------------------------------------------------------------------------------------------


class LimitError(Bitrix24Error):
    """One of the portal's limits is reached; nothing was carried out. Waiting helps."""


class RequestLimitError(LimitError):
    """Too many requests from this address (``QUERY_LIMIT_EXCEEDED``); not carried out, waiting helps."""

    retry = Retry.BACK_OFF


class OperationTimeLimitError(LimitError):
    """The method used up its operating time (``OPERATION_TIME_LIMIT``); not carried out.

    Waiting up to ten minutes helps; other methods keep working meanwhile.
    """

    retry = Retry.WAIT


class SurplusCommandError(Bitrix24Error):
    """The portal takes fewer commands in a batch than were sent; this one was not carried out."""

    retry = Retry.WAIT


class OverloadError(Bitrix24Error):
    """Bitrix24 blocked the portal's REST API by hand (``OVERLOAD_LIMIT``). Another try cannot help."""

    permanent = True
    connection_wide = True
    advice = "Only Bitrix24's support can lift the block."


# --- who may do what ---------------------------------------------------------------------------------


class AuthenticationError(Bitrix24Error):
    """The portal does not accept the credentials. Another try cannot help."""

    permanent = True
    connection_wide = True
    advice = (
        "Check the webhook's code and user, or authorise the application anew, and update the connection."
    )


class ExpiredTokenError(AuthenticationError):
    """The access token has expired; it is renewed once where there is a refresh token."""

    retry = Retry.RENEW


class TokenRenewalError(AuthenticationError):
    """The authorisation server refuses to renew the tokens. Another try cannot help."""

    advice = "Authorise the application anew and put the new pair of tokens into the connection."


class AuthorizationServerError(Bitrix24Error):
    """The authorisation server cannot be reached; nothing was carried out. Another try helps."""

    retry = Retry.BACK_OFF
    connection_wide = True


class InsufficientScopeError(Bitrix24Error):
    """The webhook or application was not given the scope that the method needs. Another try cannot help."""

    permanent = True
    advice = "Add the scope to the webhook or application in Bitrix24."


class PlanError(Bitrix24Error):
    """The portal's plan, subscription or trial does not include this. Another try cannot help."""

    permanent = True


class AccessDeniedError(Bitrix24Error):
    """The user behind the credentials lacks the rights. Another try cannot help."""

    permanent = True
    advice = "Give the connection's user the right to do so; where an item is named, check that it exists."


class WrongAuthTypeError(Bitrix24Error):
    """The method cannot be called with this kind of credentials. Another try cannot help."""

    permanent = True
    advice = "Some methods need an OAuth application instead of a webhook."


class ConfirmationPendingError(Bitrix24Error):
    """An administrator has yet to confirm the use of this method. A try after that helps."""

    permanent = True
    advice = "An administrator of the portal has to confirm the call."


class PortalClosedError(Bitrix24Error):
    """The portal is deleted or closed to the public. Another try cannot help."""

    permanent = True
    connection_wide = True
    advice = (
        "Pause its DAGs. If it is a self-hosted portal that is closed for a while, set the connection's "
        "'plan' to self-hosted: then tasks are tried again, and sensors wait."
    )


class PortalMaintenanceError(Bitrix24Error):
    """A self-hosted portal is closed for a while, as it is for updates. Another try helps later."""

    retry = Retry.BACK_OFF
    connection_wide = True
    advice = "The portal's administrator has closed its public part; another try helps when it is open again."


# --- what the method says ----------------------------------------------------------------------------


class RejectedError(Bitrix24Error):
    """The method refuses the call for a reason of its own, told in its description."""


class FinalRejectionError(RejectedError):
    """The method refuses the call for a reason that stays. Another try cannot help."""

    permanent = True


class MethodNotFoundError(Bitrix24Error):
    """The portal does not know the method. Another try cannot help."""

    permanent = True
    advice = (
        "Check the method's spelling, and that the portal has the module it belongs to. Methods that exist "
        "only below /rest/api/ cannot be called: this provider does not speak REST 3.0."
    )


class NotFoundError(Bitrix24Error):
    """The thing named does not exist. Another try cannot help before it does."""

    permanent = True


class InvalidParameterError(Bitrix24Error):
    """The portal refuses a parameter. Another try cannot help."""

    permanent = True


class UnexpectedResultError(Bitrix24Error):
    """A well-formed answer that is not what the method returns, such as ``false``; the outcome is unclear."""

    permanent = True
    acted = Acted.UNKNOWN


class BadValueError(UnexpectedResultError):
    """A value does not fit the type of its field, as the metadata tells it. Another try cannot help."""


class AmbiguousWriteError(Bitrix24Error):
    """A write that must not be repeated got no clear answer: the portal may have carried it out, or not.

    Another try might do it twice, so none is made: look it up in the portal first.
    """

    #: how the description of a call's own error begins
    unclear: ClassVar[str] = "it is not known whether the portal carried this out: "
    permanent = True
    acted = Acted.UNKNOWN
    advice = (
        "It was not sent again, because it might be done twice: look in the portal whether it happened. "
        "A call of your own that does no harm when repeated is given repeatable=True."
    )


class ValueNotTakenError(Bitrix24Error):
    """The portal said yes to a write, but its answer holds other values. Another try cannot help."""

    permanent = True
    acted = Acted.YES
    advice = (
        "Check that the values exist in the portal (stages, options, items), and that the connection's user "
        "may change these fields."
    )


class KeyNotUniqueError(Bitrix24Error):
    """Several rows, or several items of the portal, have one key. Another try cannot help."""

    permanent = True
    advice = "Let each item have a key of its own, or name the item by its id."


class DoneInPartError(Bitrix24Error):
    """Some of many calls failed, and others that must not be repeated were carried out, or may have been.

    Another try would do those again, so none is made.
    """

    permanent = True
    acted = Acted.YES
    advice = (
        "The task is not tried again, because some calls that must not be repeated are done: 'outcomes' says "
        "which. Do the rest in a task of its own, or say repeatable=True where repeating does no harm."
    )


# --- lists -------------------------------------------------------------------------------------------


class IncompleteListError(Bitrix24Error):
    """Rows of a list are missing or repeated, so what was read is not the list. Reading it anew helps."""

    advice = "Read it again. If this comes back, read the list when fewer people work on it, or a part of it."

    @property
    def passes(self) -> bool:
        """Whether reading anew helps: the list changed while it was read."""
        return not self.permanent


class MorePagesError(IncompleteListError):
    """A list method was called once though it has more pages. Another try cannot help."""

    permanent = True
    advice = (
        "Read it with Bitrix24ListOperator or the hook's records(), or pass 'start' to read single pages "
        "yourself."
    )


class TooManyDeletionsError(Bitrix24Error):
    """More rows would be deleted from a table than may go at once. Another try cannot help."""

    permanent = True
    advice = (
        "Nothing was deleted. Check whether the connection leads to the right portal, and whether its user "
        "may still read everything. If the rows are really gone, raise max_deleted_share once; 1 allows all."
    )


def concrete_errors() -> dict[str, type[Bitrix24Error]]:
    """Return every class of the tree by its name."""
    found: dict[str, type[Bitrix24Error]] = {}
    queue: list[type[Bitrix24Error]] = [Bitrix24Error]
    while queue:
        cls = queue.pop()
        if cls.__module__ in (__name__, Bitrix24Error.__module__):
            found[cls.__name__] = cls
            queue.extend(cls.__subclasses__())
    return found
