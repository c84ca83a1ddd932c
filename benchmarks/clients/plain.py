"""A loop over requests, written in an afternoon: one call a request, a second's pause when refused.

Only the deals of 40 columns are read in batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks import deals as wide
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


def wide_deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read the deals of 40 columns, 50 pages a batch, each from the last id of the one before it."""
    return len({row["id"] for row in wide_rows(portal)} & set(range(1, size + 1)))


def wide_rows(portal: Portal) -> Iterator[dict[str, Any]]:
    """Yield the deals of 40 columns as the API gives them."""
    loop, last, full = _Loop(portal), 0, True
    while full:
        commands = {f"p{page}": _page(f"$result[p{page - 1}][items][49][id]") for page in range(1, 50)}
        body = loop.call("batch", {"halt": 1, "cmd": {"p0": _page(last), **commands}})
        pages = [page["items"] for page in body["result"]["result"].values()]
        for page in pages:
            yield from page
            full = len(page) == 50
            if not full:
                break
            last = page[-1]["id"]


def _page(after: Any) -> str:
    select = "&".join(f"select[]={name}" for name in wide.PARAMS["select"])
    type_id = wide.PARAMS["entityTypeId"]
    return f"{wide.METHOD}?entityTypeId={type_id}&start=-1&order[id]=ASC&filter[>id]={after}&{select}"
