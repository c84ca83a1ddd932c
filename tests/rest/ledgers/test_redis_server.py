"""One connection to a Redis server, and to servers that are none."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from dataclasses import replace

import pytest
from free_ports import free_port

from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger
from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisLine, RedisServer, RedisUnusableError
from airflow_provider_bitrix24.rest.pacing import Limits, Reading
from airflow_provider_bitrix24.testing import tls

redis = pytest.importorskip("redis")


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


def test_a_host_that_is_not_there():
    line = RedisLine(RedisServer("nowhere.invalid"))
    with pytest.raises(RedisUnusableError, match=r"nowhere\.invalid"):
        line.run("return {}", ["key"], ["argument"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses the connection")
def test_a_server_that_takes_no_connection(deaf_port):
    line = RedisLine(RedisServer("127.0.0.1", deaf_port))
    with pytest.raises(RedisUnusableError, match="Timeout"):
        line.run("return {}", ["key"], ["argument"])


# ---------------------------------------------------------------- a Redis


SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]) return {redis.call('GET', KEYS[1])}"


def run(server: RedisServer) -> list[str]:
    line = RedisLine(server)
    try:
        return line.run(SCRIPT, ["a key"], ["a value"])
    finally:
        line.close()


def test_database_and_user(redis_box):
    redis_box.tell("ACL", "SETUSER", "airflow", "on", ">us3rs-w0rd", "~a*", "+@all")
    server = replace(redis_box.server, username="airflow", password="us3rs-w0rd", db=3)
    assert run(server) == ["a value"]
    assert redis_box.tell("DBSIZE") == 0
    assert list(redis_box.tell("INFO", "keyspace")) == ["db3"]
    with pytest.raises(RedisUnusableError):
        run(replace(server, username=""))
    redis_box.tell("ACL", "DELUSER", "airflow")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Of an authority, and of a server called ``localhost``."""
    return tls.create(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture(scope="module")
def tls_box(redis_of_module, certificates):
    """The same server, speaking TLS on another port."""
    ca_file, cert_file, key_file = certificates
    port = free_port()
    files = ["tls-ca-cert-file", ca_file, "tls-cert-file", cert_file, "tls-key-file", key_file]
    try:
        redis_of_module.tell("CONFIG", "SET", *files, "tls-port", str(port))
    except redis.ResponseError as error:
        pytest.skip(f"this redis-server was built without TLS: {error}")
    return replace(redis_of_module.server, host="localhost", port=port, tls=True, ca_file=ca_file)


def test_tls(redis_box, tls_box):
    redis_box.tell("CONFIG", "SET", "tls-auth-clients", "no")
    assert run(tls_box) == ["a value"]
    with pytest.raises(RedisUnusableError, match="certificate verify failed"):
        run(replace(tls_box, ca_file=""))
    with pytest.raises(RedisUnusableError, match="not valid for '127\\.0\\.0\\.1'"):
        run(replace(tls_box, host="127.0.0.1"))
    assert run(replace(tls_box, host="127.0.0.1", ca_file="", verify=False)) == ["a value"]
    with pytest.raises(RedisUnusableError):
        run(replace(tls_box, tls=False))


def test_a_client_certificate(redis_box, tls_box, certificates):
    _, cert_file, key_file = certificates
    redis_box.tell("CONFIG", "SET", "tls-auth-clients", "yes")
    with pytest.raises(RedisUnusableError):
        run(tls_box)
    assert run(replace(tls_box, cert_file=cert_file, key_file=key_file)) == ["a value"]
