"""Fifty watchers of one connection look together."""

from __future__ import annotations

import asyncio

import pytest
from trigger_helpers import until

from airflow_provider_bitrix24.triggers.changes import CrmChangesTrigger

TYPES = ("deal", "lead", "contact", "company", "dynamic_128")
COUNT, ROUNDS = 50, 4
#: what changed, and what is new
CALLS_OF_A_LOOK = 2


def watchers():
    """Return watchers of all types: of all items, of some, and several of the same."""
    filters = (None, None, {">id": 1}, {"@id": [1, 2]}, {"assigned_by_id": 1})
    return [
        CrmChangesTrigger(entity_type=TYPES[number % 5], where=filters[number // 5 % 5], poke_interval=2.0)
        for number in range(COUNT)
    ]


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("seconds", [0.0, 1.2], ids=["a portal", "a slow portal"])
def test_a_round_of_fifty_takes_two_requests(portal, seconds):
    fired = []

    async def watch(trigger):
        async for event in trigger.run():
            fired.append(event.payload)  # noqa: PERF401 - each is seen at once

    async def rounds(count):
        """Return how many requests so many rounds take."""
        before = len(portal.requests)

        def commands():
            return sum(request.n_commands for request in portal.requests[before:])

        await until(lambda: commands() >= count * COUNT * CALLS_OF_A_LOOK)
        return len(portal.requests) - before

    async def scenario():
        tasks = [asyncio.create_task(watch(trigger)) for trigger in watchers()]
        await rounds(6)  # the first looks ask for fields and clocks, too
        portal.inject("delay", seconds=seconds, times=None)
        requests = await rounds(ROUNDS)
        fired.clear()  # without a state store, the first look tells of the last ten minutes
        new = portal.add_item("deal", {"TITLE": "new"})
        await until(lambda: len(fired) == 8)
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return requests, new

    requests, new = asyncio.run(scenario())
    assert requests <= 2 * ROUNDS
    assert all(event["ids"] == [new] for event in fired), "those that watch deals, and no others"
