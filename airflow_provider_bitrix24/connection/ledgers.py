"""Which ledger a connection's pacing means, and where a machine's is kept."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bitrix24.rest.ledgers import Ledger
from airflow_provider_bitrix24.rest.ledgers.machine import MachineLedger
from airflow_provider_bitrix24.rest.ledgers.process import PROCESS_LEDGER, ProcessLedger

if TYPE_CHECKING:
    from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger
    from airflow_provider_bitrix24.rest.ledgers.redis_server import RedisServer


def ledger_for(pacing: str, redis_conn_id: str = "") -> Ledger:
    """Return the ledger that a connection's ``pacing`` names.

    Reads another Airflow connection where that is ``redis``, so an event loop calls it in a thread.

    :param pacing: ``machine``, ``redis``, ``process`` or ``off``
    :param redis_conn_id: Airflow connection for ``redis``
    :raises InvalidConnectionError: there is no such Redis connection, or the package ``redis`` is missing
    """
    if pacing == "redis":
        from airflow_provider_bitrix24.connection.redis import redis_server

        return _cluster_ledger(redis_server(redis_conn_id))
    if pacing == "machine":
        return _machine_ledger(_shared_folder())
    return PROCESS_LEDGER if pacing == "process" else ProcessLedger()


@cache
def _cluster_ledger(server: RedisServer) -> ClusterLedger:
    from airflow_provider_bitrix24.rest.ledgers.cluster import ClusterLedger

    return ClusterLedger(server)


@cache
def _machine_ledger(folder: Path) -> MachineLedger:
    return MachineLedger(folder)


def _shared_folder() -> Path:
    """Return the folder under Airflow's home; one for this user alone where that cannot be written to."""
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    folder = home / "bitrix24"
    if os.access(folder if folder.exists() else home, os.W_OK | os.X_OK):
        return folder
    try:
        private = Path(tempfile.gettempdir()) / f"bitrix24-{os.getuid()}"
        private.mkdir(mode=0o700, exist_ok=True)
        is_ours = private.is_dir() and private.stat().st_uid == os.getuid()
    except OSError:  # no folder for temporary files, a full one, or something else of this name
        is_ours = False
    # Without one of our own (somebody else's of this name would be a trap) the ledger says that the folder
    # under Airflow's home cannot be used, and each process keeps to a part of the limits.
    return private if is_ours else folder
