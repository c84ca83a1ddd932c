"""The hook's connection: its clients, whose portal it leads to, and the end of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from airflow_provider_bitrix24.connection import form
from airflow_provider_bitrix24.connection.diagnosis import diagnose
from airflow_provider_bitrix24.connection.opening import OpenedConnection, ledger_and_store, open_connection
from airflow_provider_bitrix24.connection.parsing import Settings, parse_connection
from airflow_provider_bitrix24.connection.reading import aread_connection, read_connection
from airflow_provider_bitrix24.connection.threads import in_thread
from airflow_provider_bitrix24.connection.tokens import mask
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.shared_clients import SharedClients
from airflow_provider_bitrix24.rest.errors import ConnectionUnreadableError, InvalidConnectionError
from airflow_provider_bitrix24.rest.session import Policy

if TYPE_CHECKING:
    from airflow_provider_bitrix24.rest.aio import AsyncClient
    from airflow_provider_bitrix24.rest.client import Client


class ConnectedHook(BaseHook):
    """Opens the portal that an Airflow connection leads to, in ordinary code and in an event loop.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param max_wait: seconds that one request may wait for the portal's limits in all; a longer wait raises
        the limit's error with its ``retry_after``
    :param max_attempts: how often a request is sent at most if the network or the portal fails
    :param request_cut: seconds after which the portal cuts a request off and carries out nothing more of it;
        ``None`` is the connection's
    """

    conn_name_attr = "bitrix24_conn_id"
    default_conn_name = form.DEFAULT_CONN_ID
    conn_type = form.CONN_TYPE
    hook_name = form.HOOK_NAME

    def __init__(
        self,
        bitrix24_conn_id: str = default_conn_name,
        *,
        max_wait: float = Policy.max_wait,
        max_attempts: int = Policy.attempts,
        request_cut: float | None = None,
        logger_name: str | None = None,
    ) -> None:
        super().__init__(logger_name=logger_name)
        self.bitrix24_conn_id = bitrix24_conn_id
        self._policy = Policy(attempts=max_attempts, max_wait=max_wait)
        self._request_cut = request_cut
        self._opened: OpenedConnection | None = None
        self._client: Client | None = None
        self._aclients = SharedClients()
        self._is_stopped = False

    def get_conn(self) -> Client:
        """Return the synchronous client behind this hook.

        :raises ConnectionUnreadableError: the connection is not there, or cannot be read
        :raises InvalidConnectionError: a field of the connection is missing, contradictory or misspelt
        """
        if self._client is None:
            with joined():
                opened = self._opened or self._open(parse_connection(read_connection(self.bitrix24_conn_id)))
                self._client = opened.client()
                if self._is_stopped:
                    self._client.stop()
        return self._client

    def test_connection(self) -> tuple[bool, str]:
        """Say in one sentence who the credentials belong to and what they may do, or exactly what is wrong.

        Calls ``profile`` and ``scope``; never renews a token and never raises.
        """
        try:
            settings = parse_connection(read_connection(self.bitrix24_conn_id))
            mask(*settings.secrets)
            ledger, _ = ledger_and_store(settings)
        except (InvalidConnectionError, ConnectionUnreadableError) as error:
            return False, str(error)
        return diagnose(settings, ledger)

    def close(self) -> None:
        """Close idle connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def stop(self) -> None:
        """Send nothing more from now on: the requests under way end, and everything that waits is given up.

        Operators call this when their task is stopped. What was going on raises ``InterruptedError``.
        """
        self._is_stopped = True
        if self._client is not None:
            self._client.stop()

    @property
    def origin(self) -> str:
        """The portal's scheme, host and port."""
        return self.get_conn().session.credentials.origin

    @property
    def portal(self) -> str:
        """The portal's host and port as the connection names them, also where it leads to a new one.

        Nothing is asked for but the connection.
        """
        if self._opened is not None:
            return self._opened.settings.credentials.portal
        return parse_connection(read_connection(self.bitrix24_conn_id)).credentials.portal

    @property
    def identity(self) -> tuple[str, str]:
        """The portal and the user: what stays when a webhook's code or a token is replaced."""
        credentials = self.get_conn().session.credentials
        return credentials.portal, credentials.user_id

    @property
    def request_cut(self) -> float:
        """Seconds after which the portal carries out nothing more of a request."""
        return self.get_conn().session.policy.cut

    @asynccontextmanager
    async def aclient(self) -> AsyncIterator[AsyncClient]:
        """Open the asynchronous client behind this hook, for as long as the block lasts.

        Whatever the hook is asked in this event loop meanwhile uses the same client, so :meth:`acall` in a
        block does not connect anew each time.
        """
        opened = await self.aopen()
        async with self._aclients.use(opened.aclient) as client:
            yield client

    async def aopen(self) -> OpenedConnection:
        """Read the connection, unless that is done.

        :raises ConnectionUnreadableError: it is not there, or cannot be read
        :raises InvalidConnectionError: a field of the connection is missing, contradictory or misspelt
        """
        if self._opened is None:
            # The connection is kept in no variable of this frame: its repr shows its secrets.
            settings = parse_connection(await aread_connection(self.bitrix24_conn_id, self))
            return await in_thread(self._open, settings)
        return self._opened

    def _open(self, settings: Settings) -> OpenedConnection:
        if self._opened is None:
            cut = settings.request_cut if self._request_cut is None else self._request_cut
            self._opened = open_connection(settings, replace(self._policy, cut=cut))
        return self._opened
