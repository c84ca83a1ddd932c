"""Fixtures: a portal in a box and hooks for it, connected as a user would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hook_helpers import CONN_ID, Supervisor

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook


@pytest.fixture
def box() -> Iterator[Bitrix24Portal]:
    """A portal that refuses nothing."""
    with Bitrix24Portal(limits=Limits.off()) as portal:
        yield portal


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bitrix24Hook]]:
    """Put a connection into Airflow's environment, as JSON or URI, and return a hook for it."""
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    hooks = []

    def connect(connection: dict[str, Any] | str, conn_id: str = CONN_ID, **options: Any) -> Bitrix24Hook:
        text = connection if isinstance(connection, str) else json.dumps(connection)
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", text)
        hooks.append(Bitrix24Hook(conn_id, **options))
        return hooks[-1]

    yield connect
    for hook in hooks:
        hook.close()


@pytest.fixture
def hook(box: Bitrix24Portal, connect: Callable[..., Bitrix24Hook]) -> Bitrix24Hook:
    """A hook with the administrator's webhook."""
    return connect(box.connection())


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """What a task has behind it: Airflow's Variables can be read and written."""
    from airflow.sdk.execution_time import task_runner

    found = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", found, raising=False)
    return found


@pytest.fixture
def vault(box: Bitrix24Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[type]:
    """A secrets backend that holds the portal's connection and can be sealed; Airflow asks it alone."""
    from airflow.sdk.execution_time import supervisor
    from hiccups import Vault

    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [Vault()])
    Vault.connections, Vault.sealed, Vault.asked = {CONN_ID: box.connection(plan="self-hosted")}, False, []
    yield Vault
    Vault.connections, Vault.variables, Vault.sealed, Vault.hiccups = {}, {}, False, 0
    Vault.denied = set()
