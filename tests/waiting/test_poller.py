from __future__ import annotations

import asyncio

import pytest
from trigger_helpers import LIST, MET, asked, events_of, running, stop, trigger_for, until

from airflow_provider_bitrix24.hooks.errors import from_json
from airflow_provider_bitrix24.testing import Bitrix24Portal
from airflow_provider_bitrix24.waiting import poller

EXISTS = "crm.timeline.comment.get"
LATER = 3600.0


@pytest.fixture
def records(portal):
    """Return records that show on deal 1, or on nothing at all."""

    def add(count, *, bound=True):
        found = [portal.add_comment("deal", 1, f"Comment {number}") for number in range(count)]
        for record in [] if bound else found:
            portal.unbind(record, "deal", 1)
        return found

    return add


def looked(portal, record=None):
    """Return how many looks at bindings there were."""
    calls = portal.calls(LIST, executed=None)
    return len([call for call in calls if record in (None, int(call.params["filter"]["OWNER_ID"]))])


def test_one_round_of_a_thousand(connection):
    with Bitrix24Portal() as portal:  # a cloud portal, which refuses what is too much
        portal.load_demo()
        connection(portal.connection())

        async def scenario():
            records = [portal.add_comment("deal", 1, "Hello") for _ in range(1000)]
            tasks = [running(trigger_for(record, poke_interval=LATER)) for record in records]
            await until(lambda: looked(portal) >= 1000)
            await stop(tasks)

        asyncio.run(scenario())
        assert looked(portal) == 1000
        assert len(portal.requests) == 20
        assert portal.refusals == 0


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 2.0], ids=["together", "drifted apart"])
@pytest.mark.parametrize("bound", [True, False], ids=["bound elsewhere", "bound to nothing"])
def test_rounds_of_a_thousand(portal, records, apart, bound):
    async def begin(record, after):
        await asyncio.sleep(after)
        return await events_of(trigger_for(record, poke_interval=2.0))

    async def scenario():
        tasks = [
            asyncio.create_task(begin(record, apart * number / 1000))
            for number, record in enumerate(records(1000, bound=bound))
        ]
        await until(lambda: looked(portal) >= 1000 and (bound or len(portal.calls(EXISTS, None)) >= 1000))
        first = len(portal.requests), looked(portal)
        await until(lambda: looked(portal) >= 3000)
        last = len(portal.requests), looked(portal)
        await stop(tasks)
        return first, last

    (requests, looks), (more_requests, more_looks) = asyncio.run(scenario())
    assert requests <= (30 if bound else 60), "whether a record exists is asked at the first look"
    # 20 to 24 on a machine that has time; a busy one sends some batches half empty.
    assert (more_requests - requests) * 1000 <= 30 * (more_looks - looks)


def test_each_keeps_its_own_interval(portal, records):
    often, seldom = records(2)

    async def scenario():
        tasks = [running(trigger_for(seldom, poke_interval=LATER)), running(trigger_for(often))]
        await until(lambda: looked(portal, often) >= 5)
        await stop(tasks)

    asyncio.run(scenario())
    assert looked(portal, seldom) == 1
    assert portal.requests[0].n_commands == 2, "the patient one travels with the other"


def test_a_record_that_is_gone_fails_alone(portal, records):
    first, last = records(2)

    async def scenario():
        tasks = [running(trigger_for(record)) for record in (first, 999, last)]
        [event] = await tasks[1]
        assert type(from_json(event["error"])).__name__ == "NotFoundError"
        before = looked(portal, last)
        await until(lambda: looked(portal, last) > before + 2)
        for record in (first, last):
            portal.bind(record, "contact", 1)
        return [await tasks[0], await tasks[2]]

    assert asyncio.run(scenario()) == [[MET], [MET]]


def test_a_record_that_is_deleted_while_it_is_waited_for(portal, records):
    [record] = records(1, bound=False)

    async def scenario():
        task = running(trigger_for(record))
        # By chance the second look may ask whether the record exists, too; then the next nine do not.
        await until(lambda: looked(portal) >= 3)
        portal.delete_record(record)
        return await task

    [event] = asyncio.run(scenario())
    assert event["error"]["type"] == "NotFoundError"
    assert len(portal.calls(EXISTS, executed=None)) < looked(portal)


def test_a_record_that_the_portal_breaks_on_holds_nobody_up(portal, records):
    found = records(20)

    def has_the_bad_one(params):
        return any(command.endswith(f"={found[7]}") for command in params["cmd"].values())

    portal.inject("status", LIST, status=500, times=None, params={"filter": {"OWNER_ID": found[7]}})
    portal.inject("status", "batch", status=500, times=None, match=has_the_bad_one)
    for record in found:
        portal.bind(record, "contact", 1)

    async def scenario():
        tasks = [running(trigger_for(record)) for record in found]
        bad = tasks.pop(7)
        met = await asyncio.gather(*tasks)
        assert not bad.done()
        portal.faults.clear()
        return [*met, await bad]

    assert asyncio.run(scenario()) == [[MET]] * 20


def test_cancelled_before_its_call_was_sent(portal, records):
    patient, other = records(2)

    async def scenario():
        waiting = running(trigger_for(patient, poke_interval=LATER))
        await asyncio.sleep(0)
        task = running(trigger_for(other))
        await asyncio.sleep(0)  # both have asked
        await stop([waiting])
        await until(lambda: looked(portal, other) >= 2)
        await stop([task])

    asyncio.run(scenario())
    assert looked(portal, patient) == 0


def test_cancelled_while_its_call_is_under_way(portal, records):
    first, last = records(2)
    portal.inject("delay", seconds=0.5, times=1)

    async def scenario():
        tasks = [running(trigger_for(record)) for record in (first, last)]
        await asked(portal, 1)
        await stop(tasks[:1])
        portal.bind(last, "contact", 1)
        return await tasks[1]

    assert asyncio.run(scenario()) == [MET]
    assert portal.requests[0].n_commands == 2
    assert looked(portal, first) == 1


def test_cancelled_between_two_looks(portal, records):
    first, last = records(2)

    async def scenario():
        tasks = [running(trigger_for(first, poke_interval=LATER)), running(trigger_for(last))]
        await until(lambda: looked(portal, last) >= 3)
        await stop(tasks[:1])
        portal.bind(last, "contact", 1)
        return await tasks[1]

    assert asyncio.run(scenario()) == [MET]


def test_the_last_one_leaves_nothing_behind(portal, records):
    portal.inject("delay", seconds=30.0, times=None)

    async def scenario():
        tasks = [running(trigger_for(record)) for record in records(60)]
        await asked(portal, 1)
        await stop(tasks)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(scenario()) == set()
    assert poller._POLLERS == {}


def test_event_loops_after_one_another(portal, records):
    first, last = records(2)

    async def cut_off():
        tasks = [running(trigger_for(record)) for record in (first, last)]
        await until(lambda: looked(portal) >= 4)
        return tasks

    for _ in range(2):
        assert all(task.cancelled() for task in asyncio.run(cut_off()))
    portal.bind(first, "contact", 1)
    assert asyncio.run(events_of(trigger_for(first))) == [MET]
    assert poller._POLLERS == {}


def test_a_portal_that_is_away_is_told_once(portal, records, written):
    found = records(120)

    async def scenario():
        tasks = [running(trigger_for(record, poke_interval=0.2)) for record in found]
        await until(lambda: looked(portal) >= 120)
        await asyncio.to_thread(portal.stop)
        await until(lambda: "Waiting goes on" in written())
        await asyncio.sleep(0.5)
        await asyncio.to_thread(portal.start)
        await until(lambda: "The portal answers again." in written())
        for record in found:
            portal.bind(record, "contact", 1)
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == [[MET]] * 120
    assert written().count("Waiting goes on") == 1
    assert written().count("The portal answers again.") == 1


def test_a_limit_that_lasts_too_long_is_waited_out(portal, connection, records, written):
    connection(portal.connection(pacing="process", requests_per_second=0.01, burst=1))

    async def scenario():
        tasks = [running(trigger_for(record, poke_interval=LATER)) for record in records(150)]
        await until(lambda: "Waiting goes on" in written())
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in tasks)
        await stop(tasks)

    asyncio.run(scenario())
    assert len(portal.requests) == 1
    assert written().count("Waiting goes on") == 1
