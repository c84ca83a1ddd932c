"""One run at a time: a second one of the same target is refused as long as the first one lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from airflow_provider_bitrix24.hooks.errors import SqlLoadError
from airflow_provider_bitrix24.transfers.sql.failures import raised_by

#: The lock belongs to a transaction, so a pooler may stand between, and the database gives it up with the
#: connection. A machine that vanished is noticed after two minutes. Idle is what this transaction is for.
_SETTINGS = {
    "idle_in_transaction_session_timeout": "0",
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
}


@contextmanager
def only_run(engine: Engine, name: str, where: str) -> Iterator[None]:
    """Keep other runs of a target out, where the database has locks that end with their holder: PostgreSQL.

    Elsewhere the newer run drops the staging tables of the older one, which then fails.

    :param engine: the database
    :param name: what names the target
    :param where: the table, for the message
    :raises SqlLoadError: another run holds the lock; another try helps when it has ended
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    with ExitStack() as held:
        connection = engine.connect().execution_options(isolation_level="READ COMMITTED")
        held.callback(_give_up, connection)
        for setting, value in _SETTINGS.items():
            connection.execute(sa.select(sa.func.set_config(setting, value, sa.true())))
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_number(name)))):
            raise SqlLoadError(
                f"{where}: another run is loading the same data into it",
                remedy="Another try helps when that run has ended. Set max_active_runs=1 of the DAG.",
            )
        yield


def _give_up(connection: Connection) -> None:
    """End a transaction, whose connection may be lost; nothing depends on it any more."""
    with suppress(*raised_by(connection.dialect)):
        connection.rollback()
    with suppress(*raised_by(connection.dialect)):
        connection.close()


def one_at_a_time(connection: Connection, name: str) -> None:
    """Wait until no other transaction of ours changes a table; the lock ends with the transaction.

    :param connection: a connection inside a transaction
    :param name: what names the table
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_number(name))))


def _number(name: str) -> int:
    return int.from_bytes(sha256(f"bitrix24 {name}".encode()).digest()[:8], signed=True)
