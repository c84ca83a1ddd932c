"""``/_portal/``: control of a portal in another process, JSON both ways, not counted anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import Fault

if TYPE_CHECKING:
    from starlette.requests import Request

    from .world import World

Actions = Mapping[str, Callable[..., Any]]


def routes(world: World, actions: Actions) -> list[Route]:
    """Return the routes below ``/_portal``.

    :param actions: functions that ``POST /_portal/do`` may call, by name
    """
    controller = _Control(world, actions)
    return [
        Route("/state", controller.state, methods=["GET"]),
        Route("/journal", controller.journal, methods=["GET"]),
        Route("/requests", controller.requests, methods=["GET"]),
        Route("/faults", controller.list_faults, methods=["GET"]),
        Route("/faults", controller.add_faults, methods=["POST"]),
        Route("/faults", controller.clear_faults, methods=["DELETE"]),
        Route("/reset", controller.reset, methods=["POST"]),
        Route("/do", controller.do, methods=["POST"]),
    ]


class _Control:
    def __init__(self, world: World, actions: Actions) -> None:
        self._world = world
        self._actions = actions

    async def state(self, _: Request) -> Response:
        """Items, records and activities with their bindings, and counters."""
        world = self._world
        with world.lock:
            return _json(
                {
                    "url": world.base_url,
                    "time": world.now(),
                    "items": {kind: sorted(world.crm.store(kind).ids) for kind in world.crm.kinds()},
                    "records": [
                        {
                            "id": record.record_id,
                            "kind": record.kind,
                            "text": record.text,
                            "author_id": record.author_id,
                            "bindings": sorted(world.timeline.bindings(record.record_id)),
                        }
                        for record in world.timeline.records.values()
                    ],
                    "activities": [
                        {
                            "id": number,
                            "kind": world.activities.kind(row),
                            "subject": row.get("SUBJECT"),
                            "bindings": sorted(world.activities.bindings(number)),
                        }
                        for number, row in world.activities.store.rows.items()
                    ],
                    "requests": len(world.journal.requests),
                    "refusals": sum(entry.refused for entry in world.journal.requests),
                    "renew_count": world.oauth.renew_count,
                }
            )

    async def journal(self, request: Request) -> Response:
        """List calls, optionally only those of one method (``?method=``)."""
        method = request.query_params.get("method")
        with self._world.lock:
            return _json(
                [
                    asdict(entry)
                    for entry in self._world.journal.calls
                    if method is None or entry.method.lower() == method.lower()
                ]
            )

    async def requests(self, _: Request) -> Response:
        """HTTP requests."""
        with self._world.lock:
            return _json([asdict(entry) for entry in self._world.journal.requests])

    async def list_faults(self, _: Request) -> Response:
        """Faults in force."""
        shown = ("kind", "method", "times", "struck")
        faults = self._world.faults.active()
        return _json([{name: getattr(fault, name) for name in shown} for fault in faults])

    async def add_faults(self, request: Request) -> Response:
        """Add one fault, or a list of them, given by the arguments of ``Fault``."""
        sent = json.loads(await request.body())
        try:
            faults = [_fault(entry) for entry in (sent if isinstance(sent, list) else [sent])]
        except (TypeError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        for fault in faults:
            self._world.faults.add(fault)
        return _json({"added": len(faults)})

    async def clear_faults(self, _: Request) -> Response:
        """End all faults."""
        self._world.faults.clear()
        return _json({})

    async def reset(self, _: Request) -> Response:
        """Forget journal, faults and what has been used of the limits; the CRM stays."""
        with self._world.lock:
            self._world.reset()
        return _json({})

    async def do(self, request: Request) -> Response:
        """Call a function of the portal: ``{"name": "add_comment", "args": ["deal", 1, "Hello"]}``."""
        sent = json.loads(await request.body())
        action = self._actions.get(sent.get("name"))
        if action is None:
            return _json({"error": f"name: one of {', '.join(sorted(self._actions))} expected"}, 400)
        try:
            # On another thread: some of them wait for the server's loop.
            result = await asyncio.to_thread(action, *sent.get("args", []), **sent.get("kwargs", {}))
        except (TypeError, ValueError, KeyError) as error:
            return _json({"error": str(error)}, 400)
        return _json({"result": result})


def _fault(entry: dict[str, Any]) -> Fault:
    if isinstance(entry.get("raw"), str):
        entry = {**entry, "raw": entry["raw"].encode()}
    return Fault(**entry)


def _json(value: Any, status: int = 200) -> Response:
    return JSONResponse(value, status_code=status)
