from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest
from rest_drivers import DRIVERS, session_of, webhook_of
from rest_sockets import RawServer

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own proxies out."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def box() -> Iterator[Bitrix24Portal]:
    """A portal that refuses nothing by itself."""
    with Bitrix24Portal(limits=Limits.off()) as portal:
        yield portal


@pytest.fixture(params=DRIVERS)
def open_driver(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Open clients of one kind; they are closed in the end."""
    opened: list[Any] = []

    def opener(session: Any, wire: Any = None, keeper: Any = None, ledger: Any = None) -> Any:
        opened.append(DRIVERS[request.param](session, wire, keeper, ledger))
        return opened[-1]

    yield opener
    for driver in opened:
        driver.close()


@pytest.fixture
def driver(open_driver: Callable[..., Any], box: Bitrix24Portal) -> Any:
    """A client with the webhook of the portal's administrator."""
    return open_driver(session_of(webhook_of(box)))


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Start servers that say exactly what they are told; they are stopped in the end."""
    started: list[RawServer] = []

    def starter(*answers: Any, **options: Any) -> RawServer:
        started.append(RawServer(*answers, **options))
        return started[-1]

    yield starter
    for server in started:
        server.stop()


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that another one comes about never."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]
