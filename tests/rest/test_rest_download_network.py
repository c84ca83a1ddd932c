"""Fetching files over the network: what is asked for, what breaks off, what is never followed."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
from rest_drivers import session_of
from rest_sockets import HANG_UP, RESET, RawServer, http

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.wire import Wire

CODE = "s3cr3twebhookcode"
PATH = f"/rest/1/{CODE}/download/?token=x"


@pytest.fixture
def fetch():
    """Download from an address with one client, closed in the end."""
    clients: dict[tuple[str, Wire], Client] = {}

    def fetcher(origin: str, target: Any = None, wire: Wire = Wire(timeout=0.3)) -> bytes:  # noqa: B008
        client = clients.get((origin, wire))
        if client is None:
            session = session_of(Webhook(origin, "1", CODE))
            client = clients[origin, wire] = Client(session, ProcessLedger(), wire)
        target = io.BytesIO() if target is None else target
        length = client.download(origin + PATH, target)
        assert length == len(target.getvalue())
        return target.getvalue()

    yield fetcher
    for client in clients.values():
        client.close()


def test_what_is_asked_for(raw_server, fetch):
    server = raw_server(http(b"hello"))
    assert fetch(server.origin) == b"hello"
    first, *headers = server.heads[0].decode().split("\r\n")
    assert first == f"GET {PATH} HTTP/1.1"
    assert [line for line in headers if line.startswith("User-Agent: airflow-provider-bitrix24/")]
    assert not [line for line in headers if line.lower().startswith(("cookie", "authorization", "content-"))]
    assert server.bodies == [b""]


def test_files_share_a_connection(raw_server, fetch):
    server = raw_server(http(b"hello"), keep_alive=True)
    assert [fetch(server.origin), fetch(server.origin)] == [b"hello", b"hello"]
    assert server.came_on == [1, 1]


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 1024, b'{"error": "x"}', b"<html>"])
def test_any_content_arrives_as_it_is(raw_server, fetch, content):
    attached = 'Content-Disposition: attachment; filename="a"'
    assert fetch(raw_server(http(content, "200 OK", attached)).origin) == content


@pytest.mark.parametrize(
    "answer",
    [
        HANG_UP,
        RESET,
        http(b"half of the fi", length=500),
        b"garbage\r\n\r\n",
        http(b"<html>", "502 Bad Gateway"),
    ],
    ids=["hang-up", "reset", "short", "garbage", "502"],
)
def test_what_breaks_off_is_fetched_again(raw_server, fetch, answer):
    server = raw_server(answer, http(b"whole"))
    assert fetch(server.origin) == b"whole"
    assert len(server.heads) == 2


def test_what_breaks_off_for_ever_leaves_nothing_behind(raw_server, fetch):
    server, target = raw_server(http(b"half of the fi", length=500)), io.BytesIO()
    with pytest.raises(e.ConnectionLostError) as caught:
        fetch(server.origin, target)
    assert target.getvalue() == b""
    assert len(server.heads) == 4
    assert CODE not in str(caught.value)


class Slow(RawServer):
    """Keeps the rest of every answer back until it is told to send it, or for a second at most."""

    def __init__(self, *answers: bytes) -> None:
        self.go_on = threading.Event()
        super().__init__(*answers)

    def _send(self, connection: Any, answer: Any) -> None:
        connection.sendall(answer[:-1])
        self.go_on.wait(1.0)
        connection.sendall(answer[-1:])


@pytest.fixture
def slow():
    server = Slow(http(b"x" * 300_000, "200 OK", "Content-Disposition: attachment"))
    yield server
    server.stop()


def test_a_file_is_not_held_in_memory(slow, fetch):
    class Target(io.BytesIO):
        def write(self, data: Any) -> int:
            slow.go_on.set()
            return super().write(data)

    assert fetch(slow.origin, Target()) == b"x" * 300_000
    assert len(slow.heads) == 1


def test_a_portal_that_says_nothing_more(slow, fetch):
    with pytest.raises(e.ConnectionLostError, match=r"imed out|Timeout"):
        fetch(slow.origin, wire=Wire(timeout=0.05))
    assert len(slow.heads) == 4


@pytest.mark.parametrize("source", ["connection", "environment"])
def test_a_proxy_is_asked(raw_server, fetch, monkeypatch, source):
    server = raw_server(http(b"hello"))
    if source == "environment":
        monkeypatch.setenv("http_proxy", server.origin)
    wire = Wire(proxy=server.origin if source == "connection" else "")
    assert fetch("http://portal.example", wire=wire) == b"hello"
    assert server.heads[0].startswith(f"GET http://portal.example{PATH} HTTP/1.1".encode())


def test_an_address_that_is_no_proxys(fetch):
    with pytest.raises(e.InvalidConnectionError, match=r"ftp://x is not the address of a proxy"):
        fetch("http://portal.example", wire=Wire(proxy="ftp://x:1"))


def test_an_answer_that_is_no_file(raw_server, fetch):
    server, target = raw_server(http(b'{"error": "ERROR_ARGUMENT"}', "400 Bad Request")), io.BytesIO()
    with pytest.raises(e.Bitrix24Error, match="ERROR_ARGUMENT"):
        fetch(server.origin, target)
    assert target.getvalue() == b""


@pytest.mark.parametrize(
    "header",
    [["Location: http://127.0.0.1:1/elsewhere"], ["Location: /rest/1/other/"], ["Location: http://[::1"]],
    ids=["elsewhere", "relative", "no-address"],
)
def test_a_redirect_that_is_refused(raw_server, fetch, header):
    server = raw_server(http(b"<html>", "302 Found", *header))
    with pytest.raises(e.RedirectRefusedError):
        fetch(server.origin)
    assert len(server.heads) == 1


def test_a_redirect_to_nowhere_ends(raw_server, fetch):
    server = raw_server(http(b"<html>", "302 Found"))
    with pytest.raises(e.RedirectRefusedError):
        fetch(server.origin)
    assert len(server.heads) == 4


def test_a_portal_without_tls(raw_server, fetch):
    origin = raw_server([http(b"hello", "400 Bad Request")]).origin.replace("http://", "https://")
    with pytest.raises(e.PortalUnreachableError, match="it speaks no TLS"):
        fetch(origin)
