"""What the parts of the hook build on: the clients behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bitrix24.rest.aio import AsyncClient
    from airflow_provider_bitrix24.rest.client import Client


class Doors(ABC):
    """A hook's clients."""

    @abstractmethod
    def get_conn(self) -> Client:
        """Return the synchronous client behind the hook."""

    @abstractmethod
    def aclient(self) -> AbstractAsyncContextManager[AsyncClient]:
        """Open the asynchronous client behind the hook."""
