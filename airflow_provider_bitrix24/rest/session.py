"""What the exchanges of one client share: credentials, limits, patience."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from airflow_provider_bitrix24.rest.announcing import announce_renewal
from airflow_provider_bitrix24.rest.credentials import Credentials, OAuthApplication
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, PortalMaintenanceError
from airflow_provider_bitrix24.rest.pacing import Limits
from airflow_provider_bitrix24.rest.steps import Renew, Renewed, Step


@dataclass(frozen=True)
class Policy:
    """How patient an exchange is.

    :param attempts: how often a call is sent at most when portal or network fail
    :param first_pause: seconds before the second attempt; every further pause is twice as long
    :param longest_pause: bound of these pauses, in seconds
    :param max_wait: seconds that an exchange may wait for limits in all
    :param cut: seconds after which the portal cuts a request off, so that it carries out nothing more of it
    :param jitter: returns a number in [0, 1) that spreads the pauses of many callers
    """

    attempts: int = 6
    first_pause: float = 0.5
    longest_pause: float = 16.0
    max_wait: float = 660.0
    cut: float = 60.0
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    @property
    def near_the_cut(self) -> float:
        """Seconds after which a request came so near the cut that the next one should hold less."""
        return self.cut * 2 / 3

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after so many failed attempts."""
        longest = min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1))
        return longest * (0.75 + 0.25 * self.jitter())

    def spread(self, wait: float) -> float:
        """Return a wait for a limit, lengthened a little so that not everyone comes back at once."""
        return wait * (1.0 + 0.1 * self.jitter())


@dataclass
class Session:
    """What the exchanges of one client share.

    :param credentials: replaced when a token is renewed or the portal moves
    :param limits: what the portal allows
    :param policy: how patient to be
    :param trusted_hosts: hosts besides Bitrix24's cloud that a redirect may lead to
    :param self_hosted: whether the portal is the user's own, which may be closed for a while
    """

    credentials: Credentials
    limits: Limits = field(default_factory=Limits)
    policy: Policy = field(default_factory=Policy)
    trusted_hosts: frozenset[str] = frozenset()
    self_hosted: bool = False

    def understood(self, error: Bitrix24Error) -> Bitrix24Error:
        """Return what an error means for this portal: a closed one of one's own says that it is deleted.

        :param error: what the portal answered
        """
        if self.self_hosted and error.code.upper() == "PORTAL_DELETED":
            return PortalMaintenanceError.from_fields({**error.fields(), "remedy": ""})
        return error


def can_renew(credentials: Credentials) -> TypeGuard[OAuthApplication]:
    """Tell whether there is a token that buys a new pair."""
    return isinstance(credentials, OAuthApplication) and bool(credentials.tokens.refresh)


def renew(session: Session, refused: OAuthApplication) -> Generator[Step, Any, Renewed | Bitrix24Error]:
    """Put a newer pair of tokens into the session, or return why there is none.

    :param session: of an OAuth application
    :param refused: the application as it was when the portal called their token expired
    """
    renewed: Renewed | Bitrix24Error = yield Renew(refused)
    current = session.credentials  # the portal may have moved meanwhile
    if isinstance(renewed, Renewed) and isinstance(current, OAuthApplication):
        session.credentials = current.with_tokens(renewed.tokens)
        if renewed.fresh:
            announce_renewal(current.portal)
    return renewed
