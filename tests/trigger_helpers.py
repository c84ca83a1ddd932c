"""What the tests of the triggers share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger

LIST = "crm.timeline.bindings.list"


class _AnyMet:
    """Equals every event that says that the condition is met."""

    def __eq__(self, event: object) -> bool:
        return isinstance(event, dict) and event["status"] == "met"

    def __hash__(self) -> int:
        return 0


MET = _AnyMet()


def trigger_for(record: Any, **options: Any) -> TimelineBindingTrigger:
    """Return a trigger that waits for a record on contact 1, and looks again at once."""
    rest = {"entity_type": "contact", "entity_id": 1, "bitrix24_conn_id": "bitrix24_default"}
    return TimelineBindingTrigger(record_id=record, **{**rest, "poke_interval": 0.02, **options})


async def events_of(trigger: TimelineBindingTrigger) -> list[Any]:
    """Run a trigger to its end and return what it fired."""
    return [event.payload async for event in trigger.run()]


def running(trigger: TimelineBindingTrigger) -> asyncio.Task[list[Any]]:
    """Run a trigger, as the triggerer does."""
    return asyncio.create_task(events_of(trigger))


async def until(condition: Callable[[], Any]) -> int:
    """Wait for something that happens elsewhere, and return how often it was looked for."""
    looks = 0
    while not condition():
        await asyncio.sleep(0.01)
        looks += 1
    return looks


async def asked(portal: Any, count: int) -> None:
    """Wait until the portal was asked so many times, whatever it answered."""
    await until(lambda: len(portal.requests) >= count)


async def stop(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel tasks and see them end."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
