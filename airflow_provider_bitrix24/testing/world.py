"""The state of a portal, shared by everything that answers requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .faults import FaultBox
from .files import FileStore
from .items import Crm
from .journal import Journal
from .limits import LeakyBuckets, Limits, OperatingTime
from .oauth import OAuthApplication
from .owner_types import OwnerTypes
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
    """

    rest_available: bool = True
    deleted: bool = False
    overload_status: int | None = None
    require_https: bool = False


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
    journal: Journal = field(default_factory=Journal)
    faults: FaultBox = field(default_factory=FaultBox)
    switches: Switches = field(default_factory=Switches)
    method_cost: dict[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.crm = Crm(self.zone, self.files)
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

    # ------------------------------------------------------------ changes

    def reset(self) -> None:
        """Forget journal, faults and what has been used of the limits."""
        self.journal.clear()
        self.faults.clear()
        self.buckets = LeakyBuckets(self.limits)
        self.operating.clear()

    def delete_item(self, pair: Pair) -> None:
        """Delete an item with its bindings and the records that belong to nothing else."""
        self.crm.store(pair[0]).remove(pair[1])
        self.timeline.item_deleted(pair)


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

    def pairs_user_may(self, action: Callable[[User, Pair], bool], pairs: list[Pair]) -> Iterator[Pair]:
        """Filter items by a right, ``world.may_read`` or ``world.may_update``."""
        return (pair for pair in pairs if action(self.user, pair))
