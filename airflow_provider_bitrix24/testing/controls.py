"""What a portal was asked, and how it is told to behave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .faults import Fault, FaultBox

if TYPE_CHECKING:
    from .journal import JournalEntry, RequestEntry
    from .world import World


class PortalControls:
    """Journal, faults, limits and OAuth. All functions may be called from any thread."""

    _world: World

    # ------------------------------------------------------------ what happened

    @property
    def journal(self) -> list[JournalEntry]:
        """Every call that was executed or refused, commands of batches included."""
        with self._world.lock:
            return list(self._world.journal.calls)

    def calls(self, method: str | None = None, executed: bool | None = True) -> list[JournalEntry]:
        """Return calls of a method (all if not given) that were executed, refused, or both (``None``)."""
        return [
            entry
            for entry in self.journal
            if (method is None or entry.method.lower() == method.lower())
            and (executed is None or entry.executed is executed)
        ]

    @property
    def requests(self) -> list[RequestEntry]:
        """Every HTTP request to ``/rest/``."""
        with self._world.lock:
            return [replace(entry) for entry in self._world.journal.requests]

    @property
    def refusals(self) -> int:
        """How many requests were answered with ``QUERY_LIMIT_EXCEEDED``."""
        return sum(entry.refused for entry in self.requests)

    def clear_journal(self) -> None:
        """Forget calls and requests."""
        with self._world.lock:
            self._world.journal.clear()

    # ------------------------------------------------------------ misbehaviour and limits

    @property
    def faults(self) -> FaultBox:
        """The faults in force."""
        return self._world.faults

    def inject(self, kind: Any, method: str | None = None, **options: Any) -> Fault:
        """Put a fault in force; see :class:`Fault` for the options."""
        return self.faults.add(Fault(kind, method, **options))

    @property
    def method_cost(self) -> dict[str, float]:
        """Seconds booked for every call of a method (by lower-case name), without taking that long."""
        return self._world.method_cost

    def charge_operating(
        self, method: str, seconds: float, user_id: int = 1, in_batch: bool = False, application: bool = False
    ) -> None:
        """Book execution time of a method.

        :param in_batch: count it as commands of batches of the webhook, which are counted apart
        :param application: book it for the OAuth application instead of the user's webhook
        """
        world = self._world
        credential = f"application/{world.oauth.client_id}" if application else f"webhook/{user_id}"
        with world.lock:
            credential += "/batch" if in_batch and not application else ""
            world.operating.book(credential, method.lower(), seconds, world.clock())

    def fill_bucket(self, requests: int, source: str = "127.0.0.1") -> None:
        """Count requests as if another program had sent them from the same address."""
        with self._world.lock:
            self._world.buckets.fill(source, self._world.clock(), requests)

    def set_plan(self, rest_available: bool) -> None:
        """Decide whether the portal's plan includes REST."""
        self._world.switches.rest_available = rest_available

    def set_overload(self, blocked: bool, status: int = 401) -> None:
        """Hold all calls with ``OVERLOAD_LIMIT``, or end that.

        :param status: 401 as in the portal's source; the documentation says 503
        """
        self._world.switches.overload_status = status if blocked else None

    def set_deleted(self, deleted: bool) -> None:
        """Close the portal: every call is answered with ``PORTAL_DELETED``."""
        self._world.switches.deleted = deleted

    def set_https_required(self, required: bool) -> None:
        """Refuse webhooks over plain HTTP, as real portals do."""
        self._world.switches.require_https = required

    def set_bindings_remembered(self, remembered: bool) -> None:
        """Decide whether changing a comment goes by the bindings that the change before it saw.

        The portal's source keeps them for an hour, and binding does not make it forget them.
        """
        self._world.switches.remembered_bindings = remembered

    def set_log_messages_as_documented(self, documented: bool) -> None:
        """Decide in which shape ``crm.timeline.logmessage.list`` answers.

        :param documented: a plain list, paged by ``start``; otherwise as in the portal's source: rows under
            ``logMessages``, taken from ``offset``, while ``start`` moves nothing but ``next``
        """
        self._world.switches.documented_log_messages = documented

    def set_date_filters_ignored(self, ignored: bool) -> None:
        """Decide whether the lists of CRM items ignore conditions on dates with a time."""
        self._world.switches.ignored_date_filters = ignored

    # ------------------------------------------------------------ OAuth

    @property
    def client_id(self) -> str:
        """The OAuth application's ``client_id``."""
        return self._world.oauth.client_id

    @property
    def client_secret(self) -> str:
        """The OAuth application's ``client_secret``."""
        return self._world.oauth.client_secret

    @property
    def renew_count(self) -> int:
        """How many times a refresh token was redeemed."""
        return self._world.oauth.renew_count

    def authorize(self, user_id: int = 1) -> str:
        """Return an authorisation code as the browser would bring it back."""
        with self._world.lock:
            return self._world.oauth.authorise(user_id)

    def expire_access_tokens(self) -> None:
        """Make all access tokens given out so far run out."""
        with self._world.lock:
            self._world.oauth.expire_access()

    def revoke_refresh_token(self, user_id: int = 1) -> None:
        """Make a user's refresh tokens useless."""
        with self._world.lock:
            self._world.oauth.revoke_refresh(user_id)

    def install_application(self, installed: bool = True) -> None:
        """Install or uninstall the OAuth application."""
        self._world.oauth.installed = installed
