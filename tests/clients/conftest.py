"""A portal over https for clients that were not written here, each used as its own guide says.

Not collected with the other tests: the clients are in an environment of their own, without Airflow.
``make test-clients`` runs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from client_work import DEALS

from airflow_provider_bitrix24.testing import Bitrix24Portal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bitrix24Portal]:
    """A portal with the limits of a cloud portal, with deal 1 and contact 1; requests and Node trust it."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with Bitrix24Portal(tls=True) as portal:
        for name in ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
            monkeypatch.setenv(name, str(portal.ca_file))
        portal.add_item("deal", {"TITLE": "Deal 1"})
        portal.add_item("contact", {"NAME": "Ada"})
        yield portal


@pytest.fixture
def many(box: Bitrix24Portal) -> Bitrix24Portal:
    """The portal with some hundred deals."""
    box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(2, DEALS + 1)])
    return box
