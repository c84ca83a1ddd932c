from __future__ import annotations

import asyncio
import time

import pytest
from airflow.sdk.module_loading import import_string

from airflow_provider_bitrix24.triggers.limit import LimitTrigger


async def _events(trigger):
    return [event.payload async for event in trigger.run()]


@pytest.mark.parametrize("seconds", [-100.0, 0.2])
def test_fires_at_its_moment_and_not_before(seconds):
    until = time.time() + seconds
    assert asyncio.run(_events(LimitTrigger(until=until, reason="Used up."))) == [
        {"status": "over", "state": {}}
    ]
    assert time.time() >= until


@pytest.mark.parametrize(
    ("ahead", "waited"),
    [(1800.0, 600.0), (10.0, 310.0), (-10.0, 290.0)],
    ids=["far ahead", "ahead", "behind"],
)
def test_a_worker_whose_clock_differs_costs_minutes_at_most(monkeypatch, ahead, waited):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(_events(LimitTrigger(until=time.time() + ahead + 300, reason="Used up.")))
    assert slept == pytest.approx([waited], abs=5.0)


def test_is_built_again_from_what_it_says_of_itself():
    path, arguments = LimitTrigger(until=12.5, reason="Used up.", state={"record_id": 7}).serialize()
    again = import_string(path)(**arguments)
    assert (again.until, again.reason, again.state) == (12.5, "Used up.", {"record_id": 7})


def test_takes_back_the_state():
    [event] = asyncio.run(_events(LimitTrigger(until=0.0, reason="Used up.", state={"record_id": 7})))
    assert event["state"] == {"record_id": 7}
