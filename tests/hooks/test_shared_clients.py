"""What a hook is asked in an event loop within a block of ``aclient`` uses one client."""

from __future__ import annotations

import asyncio

from relay import relay_to


def through(relay, fields):
    return {**fields, "port": relay.port}


def test_calls_in_a_block_use_one_connection(box, connect):
    async def scenario():
        async with relay_to(int(box.connection()["port"])) as relay:
            hook = connect(through(relay, box.connection()))
            async with hook.aclient():
                for _ in range(3):
                    await hook.acall("server.time")
                assert relay.connections == 1
            for _ in range(2):
                await hook.acall("server.time")
            return relay.connections

    assert asyncio.run(scenario()) == 3, "outside of the block each call closes what it opened"


def test_the_last_block_closes_the_client(box, connect):
    async def scenario():
        hook = connect(box.connection())
        async with hook.aclient() as outer:
            async with hook.aclient() as inner:
                assert inner is outer
            assert await hook.acall("server.time")
        async with hook.aclient() as later:
            assert later is not outer

    asyncio.run(scenario())


def test_each_event_loop_has_a_client_of_its_own(box, connect):
    hook = connect(box.connection())

    async def ask():
        async with hook.aclient() as client:
            await hook.acall("server.time")
            return client

    assert asyncio.run(ask()) is not asyncio.run(ask())
