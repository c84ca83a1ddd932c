"""What operators are tried on."""

from __future__ import annotations

import pytest


@pytest.fixture
def record(portal):
    """A comment on deal 1 and contact 2."""
    number = portal.add_comment("deal", 1, "Hello")
    portal.bind(number, "contact", 2)
    return number


@pytest.fixture
def call(portal):
    """An activity on deal 1 and contact 2."""
    number = portal.add_activity("deal", 1, subject="Call")
    portal.bind_activity(number, "contact", 2)
    return number


@pytest.fixture
def guest(portal, connection):
    """The connection of a user who may change nothing."""
    connection(portal.connection(user_id=3), "guest")
    return {"bitrix24_conn_id": "guest"}
