"""The pytest fixture ``bitrix24_portal``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .portal import Bitrix24Portal


@pytest.fixture
def bitrix24_portal() -> Iterator[Bitrix24Portal]:
    """Give a fresh, started Bitrix24 portal with default limits and an empty CRM."""
    from .portal import Bitrix24Portal  # the server is loaded only by tests that use it

    with Bitrix24Portal() as portal:
        yield portal
