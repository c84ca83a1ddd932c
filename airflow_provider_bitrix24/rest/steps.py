"""Steps: what an exchange asks its driver to do, and the answer to each."""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_bitrix24.rest.credentials import Address, OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.pacing import Reading, Slot


class Request(NamedTuple):
    """An HTTP request, a POST of JSON."""

    address: Address
    body: bytes
    #: a write that must not be repeated goes out on a new connection, for a stale one could leave it unclear
    fresh_connection: bool

    def __repr__(self) -> str:
        return f"Request({self.address}, {len(self.body)} bytes)"


class Reserve(NamedTuple):
    """Take a slot in the flow of requests; answered by a ``Slot``.

    :param at_most: seconds; for a later slot the ledger returns the wait without reserving
    """

    portal: str
    at_most: float


class IsCurrent(NamedTuple):
    """Is the slot still good? Answered by a boolean."""

    portal: str
    slot: Slot


class Blocked(NamedTuple):
    """Which of these methods are blocked? Answered by seconds to wait, by meter."""

    meters: tuple[str, ...]


class Settle(NamedTuple):
    """Account for an answer; answered by nothing."""

    portal: str
    slot: Slot
    passed: bool | None
    readings: tuple[Reading, ...]


class Send(NamedTuple):
    """Send this; answered by a ``Response`` or a ``Failure``."""

    request: Request


class Pause(NamedTuple):
    """Wait; answered by nothing. ``notable`` is false for the short waits of an ordinary pace."""

    seconds: float
    why: str
    notable: bool = True


class Renew(NamedTuple):
    """Get a newer pair of tokens; answered by ``Renewed`` or the error that prevents it.

    :param application: as it was when the portal called its token expired
    """

    application: OAuthApplication


class Renewed(NamedTuple):
    """A newer pair.

    :param fresh: it was bought just now; a pair that was already there may have run out as well
    """

    tokens: Tokens
    fresh: bool


Step = Reserve | IsCurrent | Blocked | Settle | Send | Pause | Renew
