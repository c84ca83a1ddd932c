"""A secrets backend of Airflow that can be made to fail, as a vault or a database does for a while."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from airflow.secrets.base_secrets import BaseSecretsBackend


class Vault(BaseSecretsBackend):
    """Keeps connections; asked while it is sealed, it raises.

    :cvar connections: what is kept, by id
    :cvar sealed: whether it raises
    :cvar asked: the ids that were asked for
    """

    connections: ClassVar[dict[str, dict[str, Any]]] = {}
    sealed: ClassVar[bool] = False
    asked: ClassVar[list[str]] = []

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """Return a connection, ``None`` where it is not here."""
        from airflow.sdk import Connection

        Vault.asked.append(conn_id)
        if Vault.sealed:
            raise ConnectionError("the vault is sealed")
        found = Vault.connections.get(conn_id)
        return Connection.from_json(json.dumps(found), conn_id) if found is not None else None

    def get_variable(self, key: str, team_name: str | None = None) -> None:
        """Return nothing: variables are kept elsewhere."""
