"""One connection to a Redis server, and to servers that are none."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger
from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisLine, RedisServer, RedisUnusableError
from airflow_provider_bitrix24.rest.pacing import Limits, Reading


class Parrot:
    """Answers whatever it is sent with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        for one in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            with connection:
                while connection.recv(65536):
                    connection.sendall(self._answer)


@pytest.fixture
def parrot():
    started = []

    def starter(answer: bytes) -> Parrot:
        started.append(Parrot(answer))
        return started[-1]

    yield starter
    for server in started:
        server.stop()


def said_by(server: Parrot, **login: str) -> str:
    line = RedisLine(RedisServer("127.0.0.1", server.port, **login))
    try:
        with pytest.raises(RedisUnusableError) as caught:
            line.run("return {}", ["key"], ["argument"])
    finally:
        line.close()
    return str(caught.value)


def test_a_server_may_repeat_the_login(parrot):
    server = parrot(b"-ERR user airflow-user has no password s3cr3t-w0rd\r\n")
    text = said_by(server, username="airflow-user", password="s3cr3t-w0rd")
    assert text.endswith(": user *** has no password ***")


def test_without_a_login_nothing_is_masked(parrot):
    assert said_by(parrot(b"-WRONGTYPE of key\r\n")) == "ResponseError: WRONGTYPE of key"


def test_a_long_answer_is_cut(parrot):
    assert said_by(parrot(b"-WRONGTYPE " + b"x" * 500 + b"\r\n")) == f"ResponseError: WRONGTYPE {'x' * 190}"


def test_an_error_without_words(parrot):
    """As the library raises it for a connection that is closed at an odd moment."""
    assert said_by(parrot(b"-\r\n")).startswith("ResponseError: ")


ANSWERS = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"+OK\r\n",
    b":1\r\n",
    b"*1\r\n:1\r\n",
    b"*1\r\n+1 2\r\n",
    b"*-1\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_server_that_is_no_redis_is_gone_without(parrot, answer):
    warnings: list[str] = []
    ledger = ClusterLedger(RedisServer("127.0.0.1", parrot(answer).port), warn=warnings.append)
    limits = Limits()
    slot = ledger.reserve("portal.example", limits)
    ledger.settle("portal.example", limits, slot, passed=True, readings=[Reading("m", True)])
    assert ledger.reserve("portal.example", limits).wait > 0
    assert list(ledger.blocked(["m", "n"])) == ["m"]
    [warning] = warnings
    assert "cannot be shared through Redis at 127.0.0.1" in warning
