"""From a connection's settings to what speaks to its portal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bitrix24.connection.ledgers import ledger_for
from airflow_provider_bitrix24.connection.threads import in_thread
from airflow_provider_bitrix24.connection.tokens import TokenKeeper, TokenStore, mask, token_store
from airflow_provider_bitrix24.rest.credentials import OAuthApplication
from airflow_provider_bitrix24.rest.pacing import Limits
from airflow_provider_bitrix24.rest.session import Policy, Session

if TYPE_CHECKING:
    from airflow_provider_bitrix24.connection.parsing import Settings
    from airflow_provider_bitrix24.rest.aio import AsyncClient
    from airflow_provider_bitrix24.rest.client import Client
    from airflow_provider_bitrix24.rest.ledgers import Ledger


@dataclass(frozen=True)
class OpenedConnection:
    """What a connection says, with the ledger and the newest tokens that it names.

    :param settings: what the connection says
    :param session: what every request needs
    :param ledger: gives out the portal's slots
    :param keeper: keeps renewed tokens; ``None`` for an inbound webhook
    """

    settings: Settings
    session: Session
    ledger: Ledger
    keeper: TokenKeeper | None

    def client(self) -> Client:
        """Return a new synchronous client."""
        from airflow_provider_bitrix24.rest.client import Client

        return Client(self.session, self.ledger, self.settings.wire, self.keeper)

    def aclient(self) -> AsyncClient:
        """Return a new asynchronous client."""
        from airflow_provider_bitrix24.rest.aio import AsyncClient

        return AsyncClient(self.session, self.ledger, self.settings.wire, self.keeper, in_thread)


def open_connection(settings: Settings, policy: Policy) -> OpenedConnection:
    """Return what a connection says, its secrets masked in logs.

    :param settings: what the connection says
    :param policy: how requests are repeated and waited for
    :raises InvalidConnectionError: the ledger or the token store that it names is not there
    """
    mask(*settings.secrets)
    ledger, store = ledger_and_store(settings)
    credentials, keeper = settings.credentials, None
    if isinstance(credentials, OAuthApplication):
        keeper = TokenKeeper(store, credentials)
        credentials = credentials.with_tokens(keeper.newest())
    limits = settings.limits
    if settings.pacing == "off":
        limits = Limits(None, limits.burst, math.inf)
    session = Session(credentials, limits, policy, settings.trusted_hosts, settings.self_hosted)
    return OpenedConnection(settings, session, ledger, keeper)


def ledger_and_store(settings: Settings) -> tuple[Ledger, TokenStore]:
    """Return the ledger and the token store that a connection names.

    :param settings: what the connection says
    :raises InvalidConnectionError: one is not there
    """
    return ledger_for(settings.pacing, settings.redis_conn_id), token_store(settings.token_store)
