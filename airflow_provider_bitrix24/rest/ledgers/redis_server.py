"""A Redis server as plain fields, and one connection to it that waits for nothing long."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import redis

#: seconds; a portal's slot is half a second, and a Redis that is slower than this is of no use to anyone
_TIMEOUT = 1.0


class RedisUnusableError(Exception):
    """Redis did not do what it was asked; the message names no secret."""


@dataclass(frozen=True)
class RedisServer:
    """Where a Redis server is and how to log in.

    :param host: its name or address
    :param port: its port
    :param db: number of the database
    :param username: user, where the server has an access list
    :param password: password
    :param tls: speak TLS
    :param ca_file: a CA bundle for that; empty for the system's
    :param cert_file: a client certificate
    :param key_file: its key
    :param verify: check the server's certificate and name
    """

    host: str
    port: int = 6379
    db: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True

    @property
    def address(self) -> str:
        """Where it is, in words."""
        return f"Redis at {self.host}:{self.port}"

    def open(self) -> redis.Redis:
        """Return a client with one connection, which it makes at once.

        A pool would look at the connection before each use; one that broke is noticed and opened anew anyway.
        """
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        tls: dict[str, Any] = {}
        if self.tls:
            tls = {
                "ssl": True,
                "ssl_cert_reqs": "required" if self.verify else "none",
                "ssl_check_hostname": self.verify,
                "ssl_ca_certs": self.ca_file or None,
                "ssl_certfile": self.cert_file or None,
                "ssl_keyfile": self.key_file or None,
            }
        return redis.Redis(
            host=self.host,
            port=self.port,
            db=self.db,
            username=self.username or None,
            password=self.password or None,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),  # whether to try again is decided here
            decode_responses=True,
            single_connection_client=True,
            **tls,
        )


class RedisLine:
    """Runs scripts on a server, over one connection. Used by one thread at a time.

    :param server: the server
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._client: redis.Redis | None = None

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> list[str]:
        """Run a script and return the texts that it returns.

        A connection that broke is opened anew once: the server may have been started anew meanwhile.

        :param script: Lua
        :param keys: the keys it works on
        :param arguments: its arguments
        :raises RedisUnusableError: it could not be run
        """
        import redis

        fault = ""
        for _ in range(2):
            try:
                return self._run(script, keys, arguments)
            except redis.ConnectionError as error:
                fault = self._said(error)
                self.close()
                if isinstance(error, (redis.AuthenticationError, redis.BusyLoadingError)):
                    break
            except (redis.RedisError, OSError, ValueError) as error:
                # Behind a failover's name another server may answer the next connection.
                fault = self._said(error)
                self.close()
                break
        raise RedisUnusableError(fault)

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.connection_pool.disconnect()

    def _run(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> list[str]:
        import redis

        client = self._client = self._client or self._server.open()
        try:
            answer: Any = client.evalsha(_digest(script), len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            answer = client.eval(script, len(keys), *keys, *arguments)
        if not isinstance(answer, list) or not all(isinstance(text, str) for text in answer):
            raise ValueError(f"{answer!r} was not asked for")
        return answer

    def _said(self, error: Exception) -> str:
        """Return what happened in a few words, without the password, should the server repeat it."""
        text = str(error).splitlines()[0][:200] if str(error) else ""
        for secret in (self._server.password, self._server.username):
            text = text.replace(secret, "***") if secret else text
        return f"{type(error).__name__}: {text}"


@cache
def _digest(script: str) -> str:
    """Return what Redis names a script by."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
