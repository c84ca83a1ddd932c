"""Changes that somebody makes in a portal for a while, and what the events of a watcher tell of them."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta

#: a customer's name, which is to be in the portal and in the target only
CUSTOMER = "Ann Smith of Acme"
EVENT = {"entity_type", "since", "until", "count", "ids", "truncated"}
#: the portal tells its time in whole seconds
_TICK = timedelta(seconds=1)


class Changes:
    """Adds deals and changes deals, evenly over time; every fourth is a new one.

    :param portal: where the deals are
    """

    def __init__(self, portal):
        self._portal = portal
        self._random = random.Random(16)
        self._made = defaultdict(list)
        self.count = 0

    def make(self, count, *, seconds):
        """Make so many changes in so many seconds."""
        begin = time.monotonic()
        for number in range(count):
            self._make_one()
            time.sleep(max(0.0, begin + seconds * (number + 1) / count - time.monotonic()))

    def _make_one(self):
        self.count += 1
        fields = {"TITLE": f"{CUSTOMER}, change {self.count}"}
        if self.count % 4 == 0:
            deal = self._portal.add_item("deal", fields)
        else:
            deal = self._random.choice(list(self._portal.items("deal")))
            self._portal.update_item("deal", deal, fields)
        self._made[deal].append(datetime.now(UTC))

    def without_news(self, payloads):
        """Return the events that tell of nothing that one before had not told of already."""
        told = {}
        found = []
        for payload in sorted(payloads, key=lambda payload: payload["until"]):
            until = datetime.fromisoformat(payload["until"]) + _TICK
            if not any(
                told.get(deal, at) <= at <= until for deal in payload["ids"] for at in self._made[deal]
            ):
                found.append(payload)
            told |= dict.fromkeys(payload["ids"], until - 2 * _TICK)
        return found


def titles(portal):
    """Return the titles of a portal's deals by id."""
    return {number: item["TITLE"] for number, item in portal.items("deal").items()}


def loaded(path):
    """Return what a load has written: titles by id; nothing as long as there is no table."""
    with closing(sqlite3.connect(path, timeout=30)) as database:
        try:
            return dict(database.execute("SELECT id, title FROM deal").fetchall())
        except sqlite3.OperationalError:
            return {}
