"""A portal whose windows are exact, and databases, for extractions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from extracting import Warehouse
from postgres_box import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_bitrix24.testing import Bitrix24Portal


@pytest.fixture
def portal(box: Bitrix24Portal, monkeypatch: pytest.MonkeyPatch) -> Bitrix24Portal:
    """A portal in its user's time zone, ten hours ago, so that hours can pass."""
    monkeypatch.setenv("AIRFLOW_CONN_BITRIX24_DEFAULT", json.dumps(box.connection()))
    box.set_server_timezone("Europe/Berlin")
    box.set_time_zone(1, "Europe/Berlin")
    box.move_clock(-36_000)
    return box


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An empty database with an Airflow connection ``warehouse``."""
    if request.param == "sqlite":
        path = f"{tmp_path}/warehouse.db"
        url, connection = f"sqlite:///{path}", f"sqlite:///{path}"
    else:
        address = new_database(request.getfixturevalue("postgres_of_session"))
        url, connection = f"postgresql+psycopg2://{address}", f"postgres://{address}"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection)
    made = Warehouse(url)
    yield made
    made.engine.dispose()
