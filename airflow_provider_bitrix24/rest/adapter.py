"""Adapts ``requests``: the connection's own certificates, and whether a call was sent at all."""

from __future__ import annotations

import ssl
from http.client import HTTPException
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError


class NotConnectedError(NewConnectionError):
    """No connection came about, TLS and the proxy's tunnel included: nothing was sent."""


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPException, HTTPError) as error:
            raise NotConnectedError(self, str(error)) from error


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPException, HTTPError) as error:
            raise NotConnectedError(self, str(error)) from error


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


#: connections that are kept to one portal; more requests at once only queue there
MOST_IN_FLIGHT = 40

_POOLS = {"http": _PlainPool, "https": _TlsPool}


class PlainSession(requests.Session):
    """Leaves redirects alone: ``requests`` would stumble over an address that is none."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return nothing, for the exchange decides what is followed."""
        return None


class Adapter(HTTPAdapter):
    """Connects with the given certificates and no others, through a proxy too.

    :param tls: the certificates to trust
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__(pool_maxsize=MOST_IN_FLIGHT)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Prepare direct connections."""
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Prepare connections through a proxy."""
        manager = super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave the certificates alone: ``requests`` would add its own bundle to those given."""
