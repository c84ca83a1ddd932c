"""From ``redis_conn_id`` to a server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from types import SimpleNamespace

import pytest
from redis_box import PASSWORD

from airflow_provider_bitrix24.connection.ledgers import ledger_for
from airflow_provider_bitrix24.connection.redis import parse_redis, redis_server
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.rest.errors import ConnectionUnreadableError, InvalidConnectionError
from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger
from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisServer


@pytest.fixture
def airflow_redis(monkeypatch):
    def keep(**fields):
        monkeypatch.setenv("AIRFLOW_CONN_A_REDIS", json.dumps({"conn_type": "redis", **fields}))
        return "a_redis"

    return keep


def test_the_fields_of_airflows_redis_connection(airflow_redis):
    extra = {"db": 3, "ssl": True, "ssl_cert_reqs": "none", "ssl_ca_certs": "/ca", "ssl_certfile": "/crt"}
    name = airflow_redis(
        host="r", port=7, login="u", password="p4ssw0rd", extra={**extra, "ssl_keyfile": "/k"}
    )
    assert redis_server(name) == RedisServer("r", 7, 3, "u", "p4ssw0rd", True, "/ca", "/crt", "/k", False)
    assert "p4ssw0rd" not in repr(redis_server(name))


@pytest.mark.parametrize("extra", ["[]", "db=1"])
def test_an_extra_that_is_no_object(extra):
    """Some releases of Airflow keep such a connection, others do not let it in."""
    connection = SimpleNamespace(host="r", port=None, schema="", login="", password="", extra=extra)
    with pytest.raises(InvalidConnectionError, match="the extra of that connection is not a JSON object"):
        parse_redis(connection)


@pytest.mark.parametrize("name", ["host", "login", "password"])
def test_the_mask_is_no_secret(airflow_redis, name):
    with pytest.raises(InvalidConnectionError, match=f"the {name} of that connection: it holds the mask"):
        redis_server(airflow_redis(**{"host": "r", name: "***"}))


def test_little_is_needed(airflow_redis):
    assert redis_server(airflow_redis(host="r")) == RedisServer("r", 6379, 0)


def test_an_address(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_A_REDIS", "redis://:p4ssw0rd@r:7/2?ssl=true")
    assert redis_server("a_redis") == RedisServer("r", 7, 2, password="p4ssw0rd", tls=True)


@pytest.mark.parametrize(
    ("fields", "begin"),
    [
        ({"conn_type": "http"}, "redis_conn_id: the connection 'a_redis' is not of type redis"),
        ({"extra": {"db": "none"}}, "redis_conn_id: the db of that connection is not a number"),
        (
            {"extra": {"ssl_keyfile": "/key"}},
            "redis_conn_id: the extra of that connection has ssl_keyfile but",
        ),
    ],
)
def test_bad_fields(airflow_redis, fields, begin):
    name = airflow_redis(**{"host": "r", "password": "p4ssw0rd", **fields})
    with pytest.raises(InvalidConnectionError) as caught:
        ledger_for("redis", name)
    assert str(caught.value).startswith(begin)
    assert "p4ssw0rd" not in str(caught.value)


def test_no_connection_named():
    with pytest.raises(InvalidConnectionError, match="redis_conn_id: it is needed"):
        ledger_for("redis", "")


def test_no_such_connection():
    with pytest.raises(ConnectionUnreadableError, match=r"redis_conn_id: Airflow does not find .* 'nobody'"):
        ledger_for("redis", "nobody")


def test_the_package_is_only_in_the_extra(airflow_redis, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "airflow_provider_bitrix24.connection.redis.find_spec",
        lambda name: None if name == "redis" else found(name),
    )
    with pytest.raises(InvalidConnectionError, match=r"pacing: .* not installed.*\[redis\]"):
        ledger_for("redis", airflow_redis(host="r"))


def test_one_server_is_one_ledger(airflow_redis):
    ledger = ledger_for("redis", airflow_redis(host="one"))
    assert isinstance(ledger, ClusterLedger)
    assert ledger_for("redis", airflow_redis(host="one")) is ledger
    assert ledger_for("redis", airflow_redis(host="two")) is not ledger


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_hook_keeps_the_limits_through_redis(box, connect, airflow_redis, redis_box, in_loop):
    name = airflow_redis(host="127.0.0.1", port=redis_box.port, password=PASSWORD)
    hook = connect(box.connection(pacing="redis", redis_conn_id=name))
    call = asyncio.run(hook.acall("profile")) if in_loop else hook.call("profile")
    assert call["ID"] == "1"
    assert isinstance(hook._opened.ledger, ClusterLedger)
    keys = redis_box.tell("KEYS", "*")
    assert any(key.startswith("bitrix24:bucket:") for key in keys)
    assert not any(box.webhook_code() in key for key in keys)


def test_the_connections_test_names_what_is_missing(box, connect):
    works, message = Bitrix24Hook.test_connection(connect(box.connection(pacing="redis")))
    assert not works
    assert message.startswith("redis_conn_id: it is needed for pacing 'redis'")
    assert box.requests == []
