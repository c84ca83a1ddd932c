"""One asynchronous client for all who use a hook in an event loop at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from airflow_provider_bitrix24.rest.aio import AsyncClient


@dataclass
class _Held:
    client: AsyncClient
    users: int = 0


class SharedClients:
    """The asynchronous clients of a hook, one for each event loop.

    A client is closed when nobody uses it any more: connections to the portal are kept as long as that.
    """

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, _Held] = WeakKeyDictionary()

    @asynccontextmanager
    async def use(self, make: Callable[[], AsyncClient]) -> AsyncIterator[AsyncClient]:
        """Use the client of this event loop, for as long as the block lasts.

        :param make: returns a new client
        """
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            held = self._held[loop] = _Held(make())
        held.users += 1
        try:
            yield held.client
        finally:
            held.users -= 1
            if not held.users:
                del self._held[loop]
                await held.client.close()
