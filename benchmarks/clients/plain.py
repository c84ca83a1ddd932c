"""A loop over requests, written in an afternoon: one call a request, a second's pause when refused."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import work
from benchmarks.work import Portal


class _Loop:
    def __init__(self, portal: Portal) -> None:
        import requests

        self._session = requests.Session()
        self._webhook = portal.webhook

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        while True:
            answer = self._session.post(self._webhook + method, json=params, timeout=70)
            body: dict[str, Any] = answer.json()
            if body.get("error") != "QUERY_LIMIT_EXCEEDED":
                answer.raise_for_status()
                return body
            time.sleep(1)


def bind(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind the records one by one."""
    loop = _Loop(portal)
    for binding in work.bindings(size)[rank::processes]:
        loop.call(work.BIND, work.bind_fields(binding))


singles = bind


def listings(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read the bindings of the records one by one."""
    loop = _Loop(portal)
    return sum(
        work.is_listed(loop.call(work.LISTING, work.list_filter(binding[0]))["result"], binding)
        for binding in work.bindings(size)
    )


sensors = listings


def comments(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Add the comments one by one."""
    loop = _Loop(portal)
    for comment in work.comments(size):
        loop.call(work.ADD, work.comment_fields(comment))


def deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read the deals page by page, by offset."""
    loop, seen, start = _Loop(portal), set(), 0
    while True:
        page = loop.call(work.DEALS, {"select": work.SELECT, "order": {"ID": "ASC"}, "start": start})
        seen |= {int(row["ID"]) for row in page["result"]}
        if "next" not in page:
            return len(seen & set(range(1, size + 1)))
        start = page["next"]
