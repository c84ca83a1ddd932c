"""The state of a portal, shared by everything that answers requests."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .activities import Activities
from .date_habits import DateHabits, seconds
from .dates import stamp
from .departments import Departments
from .directories import Directories
from .faults import FaultBox
from .fields import CHILD_KINDS, PARENT_KINDS, parent_field
from .files import FileStore
from .history import StageHistory
from .interference import Interference
from .items import Crm
from .journal import Journal
from .limits import LeakyBuckets, Limits, OperatingTime
from .messages import Messenger
from .oauth import OAuthApplication
from .owner_types import OwnerTypes
from .pipelines import Pipelines
from .product_rows import ProductRows
from .recycle_bin import RecycleBin
from .requisites import Requisites
from .timeline import Pair, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from .users import Identity, User


ROBOTS, PROCESSES = "robots", "processes"
#: What adding or changing an item starts: robots with triggers, and business processes.
AUTOMATION = (ROBOTS, PROCESSES)


@dataclass
class Switches:
    """Conditions of the portal as a whole.

    :param rest_available: whether the plan includes REST
    :param deleted: whether the portal is closed
    :param overload_status: answer ``OVERLOAD_LIMIT`` with this status (401 in the source, 503 in the docs)
    :param require_https: refuse webhooks over plain HTTP
    :param remembered_bindings: let changes of comments go by the bindings they saw in the last hour
    :param documented_log_messages: list log messages as documented, not as in the source
    :param ignored_owner_arrays: let the list of product rows ignore an array of items
    :param corrections: correct values that are written into items without a word
    :param user_fields_required: refuse items that lack a mandatory user field
    """

    rest_available: bool = True
    deleted: bool = False
    overload_status: int | None = None
    require_https: bool = False
    documented_log_messages: bool = False
    ignored_owner_arrays: bool = False
    corrections: bool = True
    user_fields_required: bool = False
    remembered_bindings: bool = False


@dataclass
class World:
    """Everything a portal knows. Hold ``lock`` while looking at or changing it."""

    clock: Callable[[], float]
    zone: tzinfo
    limits: Limits
    self_hosted: bool
    request_delay: float = 0.0
    command_delay: float = 0.0
    base_url: str = ""
    users: dict[int, User] = field(default_factory=dict)
    departments: Departments = field(default_factory=Departments)
    directories: Directories = field(default_factory=Directories)
    types: OwnerTypes = field(default_factory=OwnerTypes)
    timeline: Timeline = field(default_factory=Timeline)
    files: FileStore = field(default_factory=FileStore)
    pipelines: Pipelines = field(default_factory=Pipelines)
    history: StageHistory = field(default_factory=StageHistory)
    messenger: Messenger = field(default_factory=Messenger)
    journal: Journal = field(default_factory=Journal)
    faults: FaultBox = field(default_factory=FaultBox)
    switches: Switches = field(default_factory=Switches)
    interference: Interference = field(default_factory=Interference)
    date_habits: DateHabits = field(default_factory=DateHabits)
    skew: float = 0.0
    method_cost: dict[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.opened = self.clock()
        self.crm = Crm(self.zone, self.files, self.pipelines, self.history)
        self.product_rows = ProductRows(self.crm, self.types)
        self.recycle_bin = RecycleBin()
        self.requisites = Requisites(self.types)
        self.activities = Activities(self.zone, self.types)
        self._born = secrets.token_hex(4)  # another portal's versions are others
        self.oauth = OAuthApplication(self.clock)
        self.buckets = LeakyBuckets(self.limits)
        self.operating = OperatingTime(self.limits.operating_limit)

    def moment(self) -> str:
        """Return the portal's time as it is stored."""
        return stamp(self.now(), self.zone)

    def now(self) -> float:
        """Return the time as the portal's clock shows it; limits and tokens go by ``clock``."""
        return self.clock() + self.skew

    # ------------------------------------------------------------ rights

    def may_read(self, user: User, pair: Pair) -> bool:
        """Tell whether the user may read an item."""
        return user.allowed(user.may_read, *pair, exists=self.crm.exists(*pair))

    def may_update(self, user: User, pair: Pair) -> bool:
        """Tell whether the user may change an item."""
        return user.allowed(user.may_update, *pair, exists=self.crm.exists(*pair))

    def user_by_webhook(self, user_id: str, code: str) -> User | None:
        """Return the owner of a webhook."""
        user = self.users.get(int(user_id)) if user_id.isascii() and user_id.isdigit() else None
        return user if user and user.webhook_active and user.code == code else None

    def version(self) -> str:
        """Return what changes whenever there is something new to see."""
        revisions = (
            self.crm.revision,
            self.timeline.revision,
            self.activities.revision,
            self.messenger.revision,
        )
        return ".".join(map(str, (self._born, *revisions, self.journal.last)))

    # ------------------------------------------------------------ changes

    def set_zone(self, zone: tzinfo) -> None:
        """Set the server's time zone."""
        self.zone = self.crm.zone = self.activities.zone = zone

    def reset(self) -> None:
        """Forget journal, faults and what has been used of the limits."""
        self.journal.clear()
        self.faults.clear()
        self.buckets = LeakyBuckets(self.limits)
        self.operating.clear()

    def add_smart_process(self, type_id: int, title: str) -> str:
        """Create a smart process with a pipeline, and the links between its items and others."""
        known = self.types.by_id(type_id) is not None
        owner = self.types.add_dynamic(type_id, title, self.now())
        if not known:
            self.pipelines.add(owner.kind, type_id, "General")
            for parent in PARENT_KINDS:
                link = parent_field(self.types.require(parent).type_id)
                self.crm.store(owner.kind).add_field(link)
            for child in CHILD_KINDS:
                self.crm.store(child).add_field(parent_field(type_id))
        return owner.kind

    def delete_item(self, pair: Pair) -> None:
        """Delete an item with all that belongs to it alone."""
        row = self.crm.remove(*pair)
        self.recycle_bin.keep(pair, row, self.product_rows.take_out(pair))
        self.timeline.item_deleted(pair)
        self.activities.item_deleted(pair)
        self.requisites.item_deleted(pair)

    def restore_item(self, pair: Pair) -> int:
        """Make a new item of a deleted one, as the portal does, and return its number."""
        deleted = self.recycle_bin.take(pair)
        item_id = self.crm.put_back(pair[0], deleted.row, self.moment())
        self.product_rows.put_back((pair[0], item_id), deleted.product_rows)
        return item_id


@dataclass
class Listed:
    """The result of a list method."""

    rows: Any
    total: int | None = None
    next: int | None = None


@dataclass
class Call:
    """A call as its method sees it: who calls, with what, from which offset, and what it has started."""

    world: World
    identity: Identity
    method: str
    params: dict[str, Any]
    start: int | None = None
    started: list[str] = field(default_factory=list)

    @property
    def user(self) -> User:
        """The user who calls."""
        return self.identity.user

    @property
    def now(self) -> float:
        """The portal's time."""
        return self.world.now()

    def date_shift(self, *, on_users_clock: bool) -> float | None:
        """Return by how many seconds a list reads bounds of dates too early; ``None`` if it ignores them.

        :param on_users_clock: whether the list reads them on the clock of the user who calls
        """
        habits = self.world.date_habits
        if habits.filter_ignored:
            return None
        return seconds(habits.filter_shift_hours, self._user_ahead) if on_users_clock else 0.0

    def shown_shift(self) -> float:
        """Return by how many seconds dates with a time are moved in answers about items."""
        return seconds(self.world.date_habits.shown_shift_hours, self._user_ahead)

    def _user_ahead(self) -> float:
        return self.user.zone_shift(self.now, self.world.zone)

    def pairs_user_may(self, action: Callable[[User, Pair], bool], pairs: list[Pair]) -> Iterator[Pair]:
        """Filter items by a right, ``world.may_read`` or ``world.may_update``."""
        return (pair for pair in pairs if action(self.user, pair))
