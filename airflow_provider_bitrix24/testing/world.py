"""The state of a portal, shared by everything that answers requests."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .activities import Activities
from .faults import FaultBox
from .fields import CHILD_KINDS, PARENT_KINDS, parent_field
from .files import FileStore
from .history import StageHistory
from .items import Crm
from .journal import Journal
from .limits import LeakyBuckets, Limits, OperatingTime
from .messages import Messenger
from .oauth import OAuthApplication
from .owner_types import OwnerTypes
from .pipelines import Pipelines
from .timeline import Pair, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timezone

    from .users import Identity, User


@dataclass
class Switches:
    """Conditions of the portal as a whole.

    :param rest_available: whether the plan includes REST
    :param deleted: whether the portal is closed
    :param overload_status: answer ``OVERLOAD_LIMIT`` with this status (401 in the source, 503 in the docs)
    :param require_https: refuse webhooks over plain HTTP
    :param remembered_bindings: let changes of comments go by the bindings they saw in the last hour
    :param documented_log_messages: list log messages as documented, not as in the source
    :param ignored_date_filters: let the lists of items ignore conditions on dates with a time
    """

    rest_available: bool = True
    deleted: bool = False
    overload_status: int | None = None
    require_https: bool = False
    documented_log_messages: bool = False
    ignored_date_filters: bool = False
    remembered_bindings: bool = False


@dataclass
class World:
    """Everything a portal knows. Hold ``lock`` while looking at or changing it."""

    clock: Callable[[], float]
    zone: timezone
    limits: Limits
    self_hosted: bool
    request_delay: float = 0.0
    command_delay: float = 0.0
    base_url: str = ""
    users: dict[int, User] = field(default_factory=dict)
    types: OwnerTypes = field(default_factory=OwnerTypes)
    timeline: Timeline = field(default_factory=Timeline)
    files: FileStore = field(default_factory=FileStore)
    pipelines: Pipelines = field(default_factory=Pipelines)
    history: StageHistory = field(default_factory=StageHistory)
    messenger: Messenger = field(default_factory=Messenger)
    journal: Journal = field(default_factory=Journal)
    faults: FaultBox = field(default_factory=FaultBox)
    switches: Switches = field(default_factory=Switches)
    method_cost: dict[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.crm = Crm(self.zone, self.files, self.pipelines, self.history)
        self.activities = Activities(self.zone, self.types)
        self._born = secrets.token_hex(4)  # another portal's versions are others
        self.oauth = OAuthApplication(self.clock)
        self.buckets = LeakyBuckets(self.limits)
        self.operating = OperatingTime(self.limits.operating_limit)

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
        revisions = (self.crm.revision, self.timeline.revision, self.activities.revision)
        return ".".join(map(str, (self._born, *revisions, self.journal.last)))

    # ------------------------------------------------------------ changes

    def reset(self) -> None:
        """Forget journal, faults and what has been used of the limits."""
        self.journal.clear()
        self.faults.clear()
        self.buckets = LeakyBuckets(self.limits)
        self.operating.clear()

    def add_smart_process(self, type_id: int, title: str) -> str:
        """Create a smart process with a pipeline, and the links between its items and others."""
        known = self.types.by_id(type_id) is not None
        owner = self.types.add_dynamic(type_id, title)
        if not known:
            self.pipelines.add(owner.kind, type_id, "General")
            fields = self.crm.store(owner.kind).fields
            for parent in PARENT_KINDS:
                link = parent_field(self.types.require(parent).type_id)
                fields[link.name] = link
            link = parent_field(type_id)
            for child in CHILD_KINDS:
                self.crm.store(child).fields[link.name] = link
        return owner.kind

    def delete_item(self, pair: Pair) -> None:
        """Delete an item with its bindings and the records and activities that belong to nothing else."""
        self.crm.remove(*pair)
        self.timeline.item_deleted(pair)
        self.activities.item_deleted(pair)


@dataclass
class Listed:
    """The result of a list method."""

    rows: Any
    total: int | None = None
    next: int | None = None


@dataclass
class Call:
    """A call as its method sees it: who calls, with what, and from which offset."""

    world: World
    identity: Identity
    method: str
    params: dict[str, Any]
    start: int | None = None

    @property
    def user(self) -> User:
        """The user who calls."""
        return self.identity.user

    @property
    def now(self) -> float:
        """The portal's time."""
        return self.world.clock()

    def date_shift(self, *, on_users_clock: bool) -> float | None:
        """Return by how many seconds a list reads bounds of dates too early; ``None`` if it ignores them.

        :param on_users_clock: whether the list reads them on the clock of the user who calls
        """
        if self.world.switches.ignored_date_filters:
            return None
        return self.user.zone_shift(self.now, self.world.zone) if on_users_clock else 0.0

    def pairs_user_may(self, action: Callable[[User, Pair], bool], pairs: list[Pair]) -> Iterator[Pair]:
        """Filter items by a right, ``world.may_read`` or ``world.may_update``."""
        return (pair for pair in pairs if action(self.user, pair))
