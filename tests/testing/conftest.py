from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from portal_client import Client, Clock

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portal_client import Answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def box(clock: Clock) -> Iterator[Bitrix24Portal]:
    """A portal with a standing clock that refuses nothing."""
    with Bitrix24Portal(limits=Limits.off(), clock=clock) as portal:
        yield portal


@pytest.fixture
def client(box: Bitrix24Portal) -> Client:
    return Client(box)


@pytest.fixture
def application(box: Bitrix24Portal) -> Callable[..., Answer]:
    """Calls of the OAuth application for user 1, or for another one."""
    client = Client(box)

    def call(method: str, params: dict[str, Any], user_id: int = 1) -> Answer:
        token = box.oauth_connection(user_id)["extra"]["access_token"]
        return client.send("POST", f"{box.url}/rest/{method}", json={**params, "auth": token})

    return call
