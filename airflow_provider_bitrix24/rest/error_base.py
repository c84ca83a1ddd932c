"""What every error says, and the root of the tree in :mod:`airflow_provider_bitrix24.rest.errors`."""

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
    :param in_doubt: whether an earlier attempt at the same call got no answer, so that the portal may have
        carried it out whatever this error says
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
        in_doubt: bool = False,
    ) -> None:
        self.description = description
        self.code = code
        self.method = method
        self.portal = portal
        self.status = status
        self.retry_after = retry_after
        self.remedy = remedy or self.advice
        self.owner = owner
        self.in_doubt = in_doubt
        super().__init__(self._message())

    def _message(self) -> str:
        where = " at ".join(part for part in (self.method, self.portal) if part)
        what = " ".join(part for part in (self.code, self.description) if part) or "no reason given"
        again = f" Try again in {self.retry_after:.0f} s." if self.retry_after is not None else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        text = f"{where}: {what}" if where else what
        return _ended(text) + again + remedy if again or remedy else text

    @property
    def sentence(self) -> str:
        """The message with a full stop, so that another sentence can follow."""
        return _ended(str(self))

    @property
    def passes(self) -> bool:
        """Whether the trouble passes by itself, so that one who waits anyway goes on waiting."""
        return not self.permanent and self.retry is not Retry.NEVER

    @property
    def may_have_acted(self) -> bool:
        """Whether the portal carried the call out, or may have."""
        return self.in_doubt or self.acted is not Acted.NO

    def fields(self) -> dict[str, Any]:
        """Return what the error was made of, as plain JSON."""
        fields = {
            "description": self.description,
            "code": self.code,
            "method": self.method,
            "portal": self.portal,
            "status": self.status,
            "retry_after": self.retry_after,
            "remedy": self.remedy,
            "owner": self.owner,
        }
        return {**fields, "in_doubt": True} if self.in_doubt else fields

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
        changed = type(self).from_fields({**self.fields(), **changes})
        changed.outcomes = self.outcomes
        return changed

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_fields, (self.fields(),)


def _ended(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."
