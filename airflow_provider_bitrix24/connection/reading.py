"""Reading an Airflow connection, where "it is not there" may mean that it could not be read.

Airflow swallows whatever a secrets backend raises, and then says of a connection that it is not defined. So
nothing permanent is concluded from that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_bitrix24.connection.supervisor_log import mute_debug
from airflow_provider_bitrix24.rest.errors import ConnectionUnreadableError, InvalidConnectionError


def read_connection(conn_id: str, field: str = "bitrix24_conn_id") -> Connection:
    """Return an Airflow connection.

    :param conn_id: its id
    :param field: the argument that names it, for the message
    :raises ConnectionUnreadableError: it is not there, or cannot be read
    :raises InvalidConnectionError: Airflow denies it to this task
    """
    with _told(conn_id, field):
        mute_debug()
        connection: Connection = BaseHook.get_connection(conn_id)
        return connection


async def aread_connection(conn_id: str, hook: Any) -> Connection:
    """Return an Airflow connection, as :func:`read_connection` does, in an event loop.

    :param conn_id: its id
    :param hook: the hook that asks
    """
    with _told(conn_id, "bitrix24_conn_id"):
        mute_debug()
        connection: Connection = await get_async_connection(conn_id, hook=hook)
        return connection


@contextmanager
def _told(conn_id: str, field: str) -> Iterator[None]:
    """Turn what Airflow says of a connection that it does not give into an error of ours."""
    try:
        yield
    except PermissionError:  # AirflowSecretsBackendAccessDenied, from 3.3 up
        found: Exception = InvalidConnectionError(
            f"{field}: Airflow denies this task the connection {conn_id!r}",
            remedy="Give the id of a connection that the task's team may use.",
        )
    except (AirflowNotFoundException, AirflowRuntimeError, OSError) as error:
        # Its own text may quote what a backend was asked.
        found = ConnectionUnreadableError(
            f"{field}: Airflow does not find the connection {conn_id!r}, or cannot read it now "
            f"({type(error).__name__})"
        )
    else:
        return
    raise found from None
