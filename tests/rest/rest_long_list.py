"""A long list as a portal keeps it: pages, batches with references, and trouble on demand."""

from __future__ import annotations

import json
import logging
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from rest_feed import Feed, html, lost, ok

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.chains import Pace
from airflow_provider_bitrix24.rest.reader import Reader
from airflow_provider_bitrix24.rest.spreading import Job

LOG = logging.getLogger(__name__)
DEALS, ITEMS = "crm.deal.list", "crm.item.list"
#: each sign, where it cuts ids in order, and what holds where it is not given
_BOUNDS = (
    (">", bisect_right, 0),
    (">=", bisect_left, 0),
    ("<", bisect_left, 10**9),
    ("<=", bisect_right, 10**9),
)
_REFERENCE = re.compile(r"\$result((?:\[[^\]]*\])+)")


@dataclass
class LongList:
    """A list of rows with ids that answers requests; trouble is told by the page's number, from 0.

    :param ids: of its rows
    :param item: answer like ``crm.item.list`` instead of ``crm.deal.list``
    :param errors: pages that fail, with the code
    :param short: pages that show only so many rows
    :param holes: pages that leave out a row for good
    :param wrong: pages that answer something else
    :param added: ids that come into being before a page
    :param removed: ids that go before a page
    :param outages: requests that are not answered: a status of the web server, or 0 for none at all
    :param resolves: whether references are resolved at all
    :param astray: the id that a reference becomes which does not lead to one
    :param title: of every row
    :param slow: seconds that a batch takes, as the portal tells
    :param times: what it tells of every page's time instead
    """

    ids: set[int]
    item: bool = False
    errors: dict[int, str] = field(default_factory=dict)
    short: dict[int, int] = field(default_factory=dict)
    holes: set[int] = field(default_factory=set)
    wrong: dict[int, Any] = field(default_factory=dict)
    added: dict[int, set[int]] = field(default_factory=dict)
    removed: dict[int, set[int]] = field(default_factory=dict)
    outages: dict[int, int] = field(default_factory=dict)
    resolves: bool = True
    astray: int = 1
    title: str = "x"
    slow: float = 0.0
    times: Any = None
    pages: int = 0
    most_under_way: int = 0
    requests: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ordered = sorted(self.ids)

    def answer(self, request: Any) -> Any:
        body = json.loads(request.body)
        commands = body.get("cmd")
        self.requests.append(list(commands.values()) if commands else [json.dumps(body)])
        if (status := self.outages.get(len(self.requests) - 1)) is not None:
            return html(status) if status else lost()
        if commands is None:
            answer = self._page(body)
            return answer if not isinstance(answer, dict) else ok(**answer)
        return ok(self._batch(commands))

    def _batch(self, commands: dict[str, str]) -> dict[str, Any]:
        maps: dict[str, Any] = {
            name: {} for name in ("result", "result_error", "result_total", "result_next", "result_time")
        }
        for key, command in commands.items():
            answer = self._page(_nested(command, maps["result"] if self.resolves else None), in_batch=True)
            if "error" in answer:
                maps["result_error"][key] = answer
                continue
            maps["result"][key] = answer["result"]
            maps["result_time"][key] = self.times or {"start": 1e9, "finish": 1e9 + self.slow}
            for name in ("total", "next"):
                if name in answer:
                    maps[f"result_{name}"][key] = answer[name]
        return maps

    def _page(self, params: dict[str, Any], *, in_batch: bool = False) -> Any:
        number = self.pages
        self.pages += 1
        if number in self.added or number in self.removed:
            self.ids = (self.ids | self.added.get(number, set())) - self.removed.get(number, set())
            self._ordered = sorted(self.ids)
        if number in self.errors and in_batch:
            return {"error": self.errors[number], "error_description": "told to"}
        if number in self.wrong and in_batch:
            return {"result": self.wrong[number]}
        return self._list(params, self.short.get(number, 50), hole=number in self.holes)

    def _list(self, params: dict[str, Any], most: int, *, hole: bool) -> dict[str, Any]:
        key = "id" if self.item else "ID"
        conditions = params.get("filter") or {}
        bounds = [(cut, conditions.get(f"{sign}{key}", end)) for sign, cut, end in _BOUNDS]
        low, *lows, high, highs = (cut(self._ordered, self._id(bound)) for cut, bound in bounds)
        ids = self._ordered[max(low, *lows) : min(high, highs)]
        shown = ids[-most:][::-1] if params["order"][key] == "DESC" and most else ids[:most]
        if hole and len(shown) > 2:
            del shown[1]
        rows = [{key: number if self.item else str(number), "TITLE": self.title} for number in shown]
        answer: dict[str, Any] = {"result": {"items": rows} if self.item else rows}
        if str(params.get("start", 0)) != "-1":
            answer["total"] = len(ids)
            if len(ids) > 50:
                answer["next"] = 50
        elif not self.item:
            answer["total"] = 0
        return answer

    def _id(self, value: Any) -> int:
        """Cast as PHP does: a list that is not empty is 1, and text without a number 0."""
        if isinstance(value, (dict, list)):
            return self.astray if value else 0
        return int(value) if str(value).isdigit() else 0

    def read(
        self,
        order: str = "ASC",
        feed: Feed | None = None,
        in_flight: int = 1,
        choice: Any = None,
        pages: int = 50,
        **params: Any,
    ) -> list[int]:
        """Read the whole list, and return the ids.

        :param in_flight: how many requests may be under way at once
        :param pages: that a request may ask for
        :param choice: its ``randrange`` says which of them comes first; the first one sent, if it is ``None``
        """
        feed = feed or Feed([])
        feed.script = self.script
        key = "id" if self.item else "ID"
        call = Call(ITEMS if self.item else DEALS, {"order": {key: order}, **params})
        reader = Reader(call, feed.session, LOG, in_flight, Pace(pages))
        found: list[int] = []
        under_way: list[Job] = []
        while True:
            under_way += reader.jobs(in_flight - len(under_way))
            self.most_under_way = max(self.most_under_way, len(under_way))
            while (rows := reader.next_page()) is not None:
                found += [int(row[key]) for row in rows]
            if under_way:
                job = under_way.pop(choice.randrange(len(under_way)) if choice else 0)
                job.take(feed.drive(job.exchange))
            elif reader.is_done:
                return found

    @property
    def script(self) -> list[Any]:
        """A script for a feed that never ends."""
        return _Endless(self)

    def add(self, ids: set[int]) -> None:
        """Let rows come into being."""
        self.ids |= ids
        self._ordered = sorted(self.ids)

    @property
    def lengths(self) -> list[int]:
        """How many pages each request asked for."""
        return [len(request) for request in self.requests]


class _Endless(list[Any]):
    def __init__(self, portal: LongList) -> None:
        super().__init__([None])
        self._portal = portal

    def pop(self, position: Any = 0) -> Any:
        return self._portal.answer


def _nested(command: str, results: dict[str, Any] | None) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, value in parse_qsl(command.partition("?")[2]):
        top, *inner = re.findall(r"[^\[\]]+", name)
        resolved = value if results is None else _resolved(value, results)
        if inner:
            params.setdefault(top, {})[inner[0]] = resolved
        else:
            params[top] = resolved
    return params


def _resolved(value: str, results: dict[str, Any]) -> Any:
    """Follow a reference as far as it leads, as the API does."""
    found = _REFERENCE.fullmatch(value)
    if not found:
        return value
    target: Any = results
    for step in re.findall(r"\[([^\]]*)\]", found[1]):
        if isinstance(target, dict) and step in target:
            target = target[step]
        elif isinstance(target, list) and step.isdigit() and int(step) < len(target):
            target = target[int(step)]
        else:
            break
    return target
