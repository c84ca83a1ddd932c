from __future__ import annotations

import pytest


@pytest.fixture
def told(box, connect):
    """A portal with two users, and the default connection to it."""
    connect(box.connection(plan="self-hosted"), "bitrix24_default")
    box.add_user(2, "Ann")
    return box
