"""An Airflow connection to Redis as plain fields, for pacing that a cluster shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow_provider_bitrix24.connection.extras import invalid, refuse_mask
from airflow_provider_bitrix24.connection.reading import read_connection
from airflow_provider_bitrix24.connection.tokens import mask
from airflow_provider_bitrix24.rest.errors import ConnectionUnreadableError, InvalidConnectionError
from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisServer

if TYPE_CHECKING:
    from airflow_provider_bitrix24.connection.parsing import ConnectionLike

_CONN_TYPES = ("redis", "rediss")
_YES = ("true", "1", "yes")
#: what connections said when they were read last
_KNOWN: dict[str, RedisServer] = {}


def redis_server(redis_conn_id: str) -> RedisServer:
    """Return the server that an Airflow connection of type ``redis`` names; its password is masked.

    :param redis_conn_id: the connection's id
    :raises ConnectionUnreadableError: it is not there, or cannot be read and never was
    :raises InvalidConnectionError: it is not given or not one to Redis, or ``redis`` is missing
    """
    if find_spec("redis") is None:
        raise invalid(
            "pacing: 'redis' needs the Python package redis, which is not installed",
            "Install airflow-provider-bitrix24[redis] where tasks and triggers run, or use machine.",
        )
    if not redis_conn_id:
        raise invalid(
            "redis_conn_id: it is needed for pacing 'redis'",
            "Give the id of an Airflow connection of type redis.",
        )
    try:
        connection = read_connection(redis_conn_id, "redis_conn_id")
    except ConnectionUnreadableError:
        if redis_conn_id in _KNOWN:  # what was so a while ago is better than no pacing
            return _KNOWN[redis_conn_id]
        raise
    if connection.conn_type not in _CONN_TYPES:
        raise invalid(
            f"redis_conn_id: the connection {redis_conn_id!r} is not of type redis",
            "Give one that is.",
        )
    mask(connection.password or "")
    try:
        server = _KNOWN[redis_conn_id] = parse_redis(connection)
    except InvalidConnectionError as error:
        problem = error.fields()
    else:
        return server
    # Raised anew: the frames left behind hold the password.
    del connection
    raise InvalidConnectionError.from_fields(problem)


def parse_redis(connection: ConnectionLike) -> RedisServer:
    """Return the server that a connection names.

    The extra fields are those of Airflow's provider for Redis; what pacing has no use for is left alone.

    :param connection: an Airflow connection of type ``redis``
    :raises InvalidConnectionError: a field is no good
    """
    for name in ("host", "login", "password"):
        refuse_mask(getattr(connection, name) or "", f"redis_conn_id: the {name} of that connection")
    extra = _extra(connection.extra)
    if extra.get("ssl_keyfile") and not extra.get("ssl_certfile"):
        raise invalid(
            "redis_conn_id: the extra of that connection has ssl_keyfile but no ssl_certfile",
            "Give the file of the certificate, which may hold the key as well.",
        )
    tls = _flag(extra, "ssl") or getattr(connection, "conn_type", "") == "rediss"
    return RedisServer(
        host=connection.host or "localhost",
        port=int(connection.port or RedisServer.port),
        db=_database(extra.get("db"), connection.schema),
        username=connection.login or "",
        password=connection.password or "",
        tls=tls,
        ca_file=str(extra.get("ssl_ca_certs") or ""),
        cert_file=str(extra.get("ssl_certfile") or ""),
        key_file=str(extra.get("ssl_keyfile") or ""),
        verify=str(extra.get("ssl_cert_reqs") or "required").lower() != "none",
    )


def _extra(raw: str | None) -> Mapping[str, Any]:
    try:
        extra = json.loads(raw) if raw and raw.strip() else {}
    except (ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise invalid("redis_conn_id: the extra of that connection is not a JSON object", "Correct it.")
    return extra


def _flag(extra: Mapping[str, Any], name: str) -> bool:
    return str(extra.get(name) or "").lower() in _YES


def _database(db: Any, schema: str | None) -> int:
    """Return the number of the database: the extra field, or the path of a ``redis://`` address."""
    text = str(db if db is not None else "").strip() or (schema or "").strip() or "0"
    if not (text.isascii() and text.isdigit()):
        raise invalid("redis_conn_id: the db of that connection is not a number", "Give it as 0.")
    return int(text)
