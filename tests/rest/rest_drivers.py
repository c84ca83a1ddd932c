"""Drivers of both clients by the same names, so that one test shows what both of them do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from airflow_provider_bitrix24.rest.aio import AsyncClient
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens, Webhook
from airflow_provider_bitrix24.rest.exchange import Policy, Session
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.wire import Wire

#: as patient as by default, but in a hurry
QUICK = Policy(attempts=4, first_pause=0.005, longest_pause=0.01, max_wait=5.0)

# One for all, because loading the certificates takes longer than most tests.
_WIRE = Wire()


class Keeper:
    """Keeps renewed tokens in memory."""

    def __init__(self, kept: Tokens | None = None) -> None:
        self.kept = kept
        self.saved: list[Tokens] = []

    def load(self, *, stale: Tokens | None = None, refused: bool = False) -> Tokens | None:
        return self.kept

    def save(self, tokens: Tokens) -> None:
        self.kept = tokens
        self.saved.append(tokens)


def webhook_of(portal: Any, user_id: int = 1) -> Webhook:
    return Webhook(portal.url, str(user_id), portal.webhook_code(user_id))


def application_of(portal: Any, **changes: Any) -> OAuthApplication:
    extra = portal.oauth_connection()["extra"]
    tokens = Tokens(extra["access_token"], extra["refresh_token"])
    return OAuthApplication(portal.url, portal.client_id, portal.client_secret, tokens, portal.url, **changes)


def session_of(credentials: Any, **changes: Any) -> Session:
    return Session(credentials, **{"policy": QUICK, **changes})


class SyncDriver:
    """The client over ``requests``."""

    def __init__(
        self, session: Session, wire: Wire | None = None, keeper: Any = None, ledger: Any = None
    ) -> None:
        self.session = session
        self.client = Client(session, ledger or ProcessLedger(), wire or _WIRE, keeper)

    def call(self, method: str, params: Any = None, **options: Any) -> Any:
        return self.client.call_reply(Call(method, params, **options)).result

    def batch(self, calls: list[Call]) -> list[Outcome]:
        return self.client.batch(calls)

    def records(self, call: Call, **options: Any) -> list[Any]:
        return list(self.client.records(call, **options))

    def close(self) -> None:
        self.client.close()


class AsyncDriver:
    """The client over ``httpx2``, in an event loop of its own."""

    def __init__(
        self, session: Session, wire: Wire | None = None, keeper: Any = None, ledger: Any = None
    ) -> None:
        self.session = session
        self.runner = asyncio.Runner()
        self.client = AsyncClient(session, ledger or ProcessLedger(), wire or _WIRE, keeper)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def call(self, method: str, params: Any = None, **options: Any) -> Any:
        return self.run(self.client.call_reply(Call(method, params, **options))).result

    def batch(self, calls: list[Call]) -> list[Outcome]:
        return self.run(self.client.batch(calls))

    def records(self, call: Call, **options: Any) -> list[Any]:
        async def read() -> list[Any]:
            return [row async for row in self.client.records(call, **options)]

        return self.run(read())

    def close(self) -> None:
        self.run(self.client.close())
        self.runner.close()


DRIVERS: dict[str, Callable[..., Any]] = {"requests": SyncDriver, "httpx2": AsyncDriver}
