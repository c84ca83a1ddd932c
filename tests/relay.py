"""A relay before a portal that counts the connections that it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from trigger_helpers import until


@dataclass
class Relay:
    """What leads to a portal.

    :param port: where it listens, on 127.0.0.1
    :param connections: how many there have been
    :param open: how many there are
    """

    port: int = 0
    connections: int = 0
    open: int = 0


@contextlib.asynccontextmanager
async def relay_to(port: int) -> AsyncIterator[Relay]:
    """Relay to a port of this machine, for as long as the block lasts."""
    relay = Relay()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay.connections += 1
        relay.open += 1
        portal_reader, portal_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, portal_writer), copy(portal_reader, writer))
        relay.open -= 1

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await asyncio.wait_for(until(lambda: not relay.open), 10)
