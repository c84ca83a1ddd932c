"""What a portal was asked, and how it is told to behave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from . import dates
from .date_habits import DateHabits
from .faults import Fault, FaultBox

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def set_results_kept(self, kept: bool) -> None:
        """Decide whether the journal keeps what calls returned; 100,000 wide rows take 100 MB and more."""
        with self._world.lock:
            self._world.journal.keep_results = kept

    def clear_journal(self) -> None:
        """Forget calls and requests."""
        with self._world.lock:
            self._world.journal.clear()

    # ------------------------------------------------------------ what happens meanwhile

    def on_request(
        self, callback: Callable[[RequestEntry], object], when: Literal["before", "after"] = "after"
    ) -> Callable[[], None]:
        """Run something before or after each request to ``/rest/``, and return what ends that.

        It may change the portal, as other people do while a list is read, but not send a request: the
        portal's lock is held. If it raises, closing the portal raises the error.

        :param when: before a request is carried out, or after that, before its answer is sent
        """
        return self._world.interference.add(when, callback)

    def on_call(self, callback: Callable[[JournalEntry], object]) -> Callable[[], None]:
        """Run something after each executed call, commands of batches included, and return what ends that.

        What holds for :meth:`on_request` holds here, too.
        """
        return self._world.interference.add("call", callback)

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
        self.dates.filter_ignored = ignored

    def set_corrections(self, corrected: bool) -> None:
        """Decide whether the portal corrects what is written into items, and answers that all went well.

        Real portals do. Otherwise ``crm.item.*`` refuses a stage that there is not, and everything else is
        stored as it comes: links to nothing, empty titles, lists without an entry.
        """
        self._world.switches.corrections = corrected

    def set_user_fields_required(self, required: bool) -> None:
        """Decide whether ``crm.item.*`` refuses items that lack a mandatory user field."""
        self._world.switches.user_fields_required = required

    # ------------------------------------------------------------ dates and the clock

    @property
    def dates(self) -> DateHabits:
        """What the portal makes of dates where a user's time zone is not the server's."""
        return self._world.date_habits

    def set_dates(
        self,
        filter_shift_hours: float | None = None,
        shown_shift_hours: float | None = 0.0,
        filter_ignored: bool = False,
    ) -> None:
        """Set all of ``dates`` at once, as another process has to.

        :param filter_shift_hours: by how many hours ``crm.item.list`` reads bounds too early; ``None``: by as
            many as the user's clock is ahead of the server's
        :param shown_shift_hours: by how many hours dates in answers about items are moved; ``None``: likewise
        :param filter_ignored: whether lists ignore conditions on dates with a time
        """
        self._world.date_habits = DateHabits(filter_shift_hours, shown_shift_hours, filter_ignored)

    def move_clock(self, seconds: float) -> None:
        """Move the portal's clock, back if negative: dates and ``server.time`` follow, limits do not."""
        with self._world.lock:
            self._world.skew += seconds

    def set_server_timezone(self, zone: str) -> None:
        """Set the server's time zone: an offset such as ``+03:00``, or a name such as ``Europe/Berlin``.

        Dates that are stored already keep the offset they were written with.
        """
        with self._world.lock:
            self._world.set_zone(dates.zone(zone))

    def set_time_zone(self, user_id: int, time_zone: str) -> None:
        """Set a user's own time zone; ``profile`` shows it. Empty: the server's."""
        with self._world.lock:
            self._world.users[user_id].time_zone = time_zone

    def set_owner_arrays_ignored(self, ignored: bool) -> None:
        """Decide whether ``crm.item.productrow.list`` ignores an array of items.

        The documentation of spring 2026 allows ``=ownerId`` to be an array, a later one says that only one
        item can be named and arrays are no condition: then the rows of all items of the type come.
        """
        self._world.switches.ignored_owner_arrays = ignored

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
