"""What can go wrong between a caller and a portal, as one tree of errors.

Every class says three things a caller has to know before deciding anything: whether the exchange itself
may try again (``retry``), whether the portal may have acted (``acted``), and whether a later try of the
whole task can help at all (``permanent``).
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar, Self


class Retry(enum.Enum):
    """What the exchange does after an error, as far as repeating the call is safe."""

    NEVER = "never"
    RENEW = "renew the access token, repeat once"
    BACK_OFF = "repeat after a growing pause"
    WAIT = "repeat when the limit is lifted"


class Acted(enum.Enum):
    """Whether the portal carried the call out."""

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


class Bitrix24Error(Exception):
    """Anything this package reports about a portal, a call or its input.

    :param description: what happened, in the portal's words where it spoke
    :param code: the API's error code, ``""`` where there is none (most classic CRM methods)
    :param method: the API method called
    :param portal: the portal's host
    :param status: HTTP status of the answer
    :param retry_after: seconds after which another try makes sense, where known
    :param remedy: what to do about it; replaces the class's general advice
    :param owner: whose rights did not suffice, in words
    """

    retry: ClassVar[Retry] = Retry.NEVER
    acted: ClassVar[Acted] = Acted.NO
    #: no later try of the task can succeed before somebody changes something
    permanent: ClassVar[bool] = False
    #: the trouble is the connection's, so it hits every call alike
    connection_wide: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    #: what is known of every item, where the error ends work on many of them
    outcomes: tuple[Any, ...] = ()

    def __init__(
        self,
        description: str = "",
        *,
        code: str = "",
        method: str = "",
        portal: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        remedy: str = "",
        owner: str = "",
    ) -> None:
        self.description = description
        self.code = code
        self.method = method
        self.portal = portal
        self.status = status
        self.retry_after = retry_after
        self.remedy = remedy or self.advice
        self.owner = owner
        super().__init__(self._message())

    def _message(self) -> str:
        where = " at ".join(part for part in (self.method, self.portal) if part)
        what = " ".join(part for part in (self.code, self.description) if part) or "no reason given"
        again = f" Try again in {self.retry_after:.0f} s." if self.retry_after is not None else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        text = f"{where}: {what}" if where else what
        if (again or remedy) and text[-1] not in ".!?":
            text += "."
        return text + again + remedy

    @property
    def passes(self) -> bool:
        """Whether the trouble passes by itself, so that one who waits anyway goes on waiting."""
        return not self.permanent and self.retry is not Retry.NEVER

    def fields(self) -> dict[str, Any]:
        """Return what the error was made of, as plain JSON."""
        return {
            "description": self.description,
            "code": self.code,
            "method": self.method,
            "portal": self.portal,
            "status": self.status,
            "retry_after": self.retry_after,
            "remedy": self.remedy,
            "owner": self.owner,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the error as code and data, to travel through a trigger event or XCom."""
        return {"type": type(self).__name__, **self.fields()}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Build the error again from :meth:`fields`."""
        return cls(fields.get("description", ""), **{k: v for k, v in fields.items() if k != "description"})

    def but(self, **changes: Any) -> Self:
        """Return the same error with some of its fields changed.

        :param changes: new values by the names of :meth:`fields`
        """
        return type(self).from_fields({**self.fields(), **changes})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_fields, (self.fields(),)


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


# --- what the method says ----------------------------------------------------------------------------


class RejectedError(Bitrix24Error):
    """The method refuses the call for a reason of its own, told in its description."""


class FinalRejectionError(RejectedError):
    """The method refuses the call for a reason that stays. Another try cannot help."""

    permanent = True


class MethodNotFoundError(Bitrix24Error):
    """The portal does not know the method. Another try cannot help."""

    permanent = True
    advice = "Check the method's spelling, and that the portal has the module it belongs to."


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


class AmbiguousWriteError(Bitrix24Error):
    """A write that must not be repeated got no clear answer: the portal may have carried it out, or not.

    Another try might do it twice, so none is made: look it up in the portal first.
    """

    permanent = True
    acted = Acted.UNKNOWN
    advice = (
        "It was not sent again, because it might be done twice: look in the portal whether it happened. "
        "A call of your own that does no harm when repeated is given repeatable=True."
    )


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


def concrete_errors() -> dict[str, type[Bitrix24Error]]:
    """Return every class of the tree by its name."""
    found: dict[str, type[Bitrix24Error]] = {}
    queue: list[type[Bitrix24Error]] = [Bitrix24Error]
    while queue:
        cls = queue.pop()
        if cls.__module__ == __name__:
            found[cls.__name__] = cls
            queue.extend(cls.__subclasses__())
    return found
