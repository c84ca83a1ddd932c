"""A uvicorn server on its own thread and loop, on one or several addresses.

uvicorn's ``Server`` polls ten times a second and installs signal handlers; a portal that is started for
every test needs neither, so only uvicorn's protocol is used here.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import struct
import threading
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_GRACE = 0.2
_BACKLOG = 512
#: Free ports are tried in turn, so that no portal gets the port of an earlier one: a client may still pace
#: itself by what it knows of that address. From these no system takes the ports of outgoing connections.
#: Processes that are started one after another begin far apart: the address of a portal that is down refuses
#: connections, but the system would give it to another process.
_FIRST_PORT, _PORTS = 20_000, 12_000
_turn = itertools.count(os.getpid() * 7417)
_MAX_HEAD = 1024 * 1024  # whole batches travel in query strings


class _Protocol(H11Protocol):
    """Hands its transport to the application, and never writes the access log: paths hold secrets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # A request's scope gets a copy of this.
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def close_connection(transport: asyncio.Transport, *, reset: bool) -> None:
    """End a connection at once, without another byte.

    :param reset: with a TCP reset instead of an orderly close
    """
    if reset:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Running(NamedTuple):
    """What there is only while the server serves."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    config: Config


class ServerThread:
    """Serves an ASGI application until stopped; afterwards it can be started again."""

    def __init__(self, app: ASGIApp, host: str, certificate: str | None, key: str | None) -> None:
        self._app = app
        self._host = host
        self._certificate = certificate
        self._key = key
        self._now: _Running | None = None
        self._servers: list[asyncio.Server] = []
        #: its addresses while it does not serve: bound, so that nobody else gets them, but refusing
        self._kept: dict[int, socket.socket] = {}
        weakref.finalize(self, _give_away, self._kept)
        self._state = ServerState()

    @property
    def running(self) -> bool:
        """Whether it is serving."""
        return self._now is not None

    def start(self, ports: list[int]) -> list[int]:
        """Begin to serve.

        :param ports: one address each; 0 picks a free one
        :return: the ports in use
        """
        with ExitStack() as undo:
            sockets = [undo.enter_context(self._take(port)) for port in ports]
            undo.pop_all()  # all of them could be had
        config = self._load_config()
        self._state = ServerState()
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,), name="bitrix24-portal", daemon=True)
        self._now = now = _Running(loop, thread, config)
        thread.start()
        return [self._serve(now, bound) for bound in sockets]

    def open(self, port: int = 0) -> int:
        """Serve on one more address and return its port.

        :raises RuntimeError: it does not serve
        """
        if self._now is None:
            raise RuntimeError("The portal is not running, so it cannot take another address.")
        return self._serve(self._now, self._take(port))

    def stop(self) -> None:
        """End everything, running requests included, but keep the addresses for the next start."""
        if self._now is None:
            return
        loop, thread, _ = self._now
        asyncio.run_coroutine_threadsafe(self._shut_down(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        self._now = None

    def close(self) -> None:
        """Stop and give the addresses away."""
        self.stop()
        _give_away(self._kept)

    def _take(self, port: int) -> socket.socket:
        """Listen at a port; for 0 at the next free one."""
        if port:
            return self._listen_at(port)
        for _ in range(_PORTS):
            try:
                return self._listen_at(_FIRST_PORT + next(_turn) % _PORTS)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, f"No port of {self._host} is free")

    def _listen_at(self, port: int) -> socket.socket:
        bound = self._kept.pop(port) if port in self._kept else self._bind(port)
        try:
            bound.listen(_BACKLOG)
        except OSError:
            bound.close()
            raise
        return bound

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # asyncio switches delayed sending off only where the protocol is named.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._host, port))
        except OSError:
            bound.close()
            raise
        return bound

    def _load_config(self) -> Config:
        config = Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=_MAX_HEAD,
            ssl_certfile=self._certificate,
            ssl_keyfile=self._key,
        )
        config.load()
        return config

    def _serve(self, now: _Running, bound: socket.socket) -> int:
        port: int = bound.getsockname()[1]
        asyncio.run_coroutine_threadsafe(self._listen(now, bound), now.loop).result()
        return port

    async def _listen(self, now: _Running, bound: socket.socket) -> None:
        def protocol() -> asyncio.Protocol:
            return _Protocol(config=now.config, server_state=self._state, app_state={}, _loop=now.loop)

        self._servers.append(await now.loop.create_server(protocol, sock=bound, ssl=now.config.ssl))

    async def _shut_down(self) -> None:
        for server in self._servers:
            ports = [bound.getsockname()[1] for bound in server.sockets]
            server.close()
            self._kept.update((port, self._bind(port)) for port in ports)
        self._servers.clear()
        connections: list[Any] = list(self._state.connections)
        for connection in connections:
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=_GRACE)
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # connections learn that they are lost before their requests end
        running = list(self._state.tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _give_away(kept: dict[int, socket.socket]) -> None:
    while kept:
        kept.popitem()[1].close()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.run_until_complete(loop.shutdown_asyncgens())
