"""A secrets backend of Airflow that can be made to fail, as a vault or a database does for a while."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from airflow.secrets.base_secrets import BaseSecretsBackend


class Vault(BaseSecretsBackend):
    """Keeps connections and Variables; asked while it is sealed, it raises.

    :cvar connections: the connections by id
    :cvar variables: the Variables by key; the dictionary may be another one's that writes them
    :cvar sealed: whether it raises
    :cvar hiccups: how many of the next questions for a Variable it raises at
    :cvar denied: the ids of connections that belong to another team, which Airflow 3.3 refuses
    :cvar asked: the ids that were asked for
    """

    connections: ClassVar[dict[str, dict[str, Any]]] = {}
    variables: ClassVar[dict[str, str]] = {}
    sealed: ClassVar[bool] = False
    hiccups: ClassVar[int] = 0
    denied: ClassVar[set[str]] = set()
    asked: ClassVar[list[str]] = []

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """Return a connection, ``None`` where it is not here."""
        from airflow.sdk import Connection

        Vault.asked.append(conn_id)
        if Vault.sealed:
            raise ConnectionError("the vault is sealed")
        if conn_id in Vault.denied:
            raise denial()
        found = Vault.connections.get(conn_id)
        return Connection.from_json(json.dumps(found), conn_id) if found is not None else None

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """Return a Variable, ``None`` where it is not here."""
        Vault.asked.append(key)
        if Vault.sealed or Vault.hiccups:
            Vault.hiccups = max(0, Vault.hiccups - 1)
            raise ConnectionError("the vault is sealed")
        return Vault.variables.get(key)


def denial() -> Exception:
    """Return what Airflow raises, from 3.3 up, for what belongs to another team."""
    import pytest

    exceptions: Any = pytest.importorskip("airflow.sdk.exceptions")
    if not hasattr(exceptions, "AirflowSecretsBackendAccessDenied"):
        pytest.skip("this release of Airflow denies nothing")
    denied: Exception = exceptions.AirflowSecretsBackendAccessDenied("denied")
    return denied
