"""Users of the portal, their inbound webhooks and their rights."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

# Several names of one scope stand for the levels of detail that the portal distinguishes.
DEFAULT_SCOPES = ("crm", "user", "user_basic", "user_brief", "department", "im", "task", "disk")
Rights = bool | Collection[tuple[str, int]]


def new_code() -> str:
    """Return a fresh secret for a webhook."""
    return secrets.token_hex(8)


@dataclass
class User:
    """A user with one inbound webhook.

    ``may_read`` and ``may_update`` are true, false, or the items the right is limited to. ``time_zone``
    names the user's own zone, if any: ``crm.item.list`` reads the bounds of date filters on that clock.
    ``card`` holds further fields of ``user.get`` by name.
    ``hidden`` are items that the user may not read, an administrator neither;
    ``hidden_fields`` are user fields that the user neither sees nor changes.
    """

    user_id: int
    name: str
    admin: bool
    code: str
    scopes: tuple[str, ...]
    active: bool
    may_read: Rights
    may_update: Rights
    webhook_active: bool = True
    time_zone: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    hidden: set[tuple[str, int]] = field(default_factory=set)
    hidden_fields: set[tuple[str, str]] = field(default_factory=set)

    def allowed(self, rights: Rights, kind: str, item_id: int, *, exists: bool) -> bool:
        """Tell whether a right covers an item; administrators have it for items that do not exist too.

        :param rights: ``self.may_read`` or ``self.may_update``
        """
        if (kind, item_id) in self.hidden:
            return False
        if self.admin:
            return True
        if not exists:
            return False
        return rights if isinstance(rights, bool) else (kind, item_id) in rights

    def zone_shift(self, now: float, server: tzinfo) -> float:
        """Return by how many seconds the user's clock is ahead of the server's.

        :param now: the portal's time
        :param server: the server's zone
        """
        if not self.time_zone:
            return 0.0
        moment = datetime.fromtimestamp(now, server)
        own = moment.astimezone(ZoneInfo(self.time_zone)).utcoffset() or timedelta()
        return (own - (moment.utcoffset() or timedelta())).total_seconds()

    @property
    def reads_everything(self) -> bool:
        """Whether lists show the user every item."""
        return not self.hidden and (self.admin or self.may_read is True)

    @property
    def reads_anything(self) -> bool:
        """Whether the user has any right to read the CRM."""
        return self.admin or bool(self.may_read)

    @property
    def writes_anything(self) -> bool:
        """Whether the user may create items."""
        return self.admin or bool(self.may_update)


@dataclass(frozen=True)
class Identity:
    """Who a call is made by.

    :param credential: what operating time is counted by: one webhook, or one application
    :param secret: webhook code or access token, to be put into download links
    """

    user: User
    scopes: tuple[str, ...]
    via: str
    credential: str
    secret: str

    def nested_credential(self) -> str:
        """Return the credential for commands of a batch: webhooks count those apart."""
        return f"{self.credential}/batch" if self.via == "webhook" else self.credential
