"""Fixtures: a portal whose hours can pass, and databases that dlt loads into."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dlt_pipelines import Crm

    from airflow_provider_bitrix24.testing import Bitrix24Portal


@pytest.fixture
def crm_portal(box: Bitrix24Portal, monkeypatch: pytest.MonkeyPatch) -> Bitrix24Portal:
    """A portal in its user's time zone, ten hours ago, with some deals."""
    monkeypatch.setenv("AIRFLOW_CONN_BITRIX24_DEFAULT", json.dumps(box.connection()))
    box.set_server_timezone("Europe/Berlin")
    box.set_time_zone(1, "Europe/Berlin")
    box.move_clock(-36_000)
    box.add_many("deal", 120, fields=lambda number: {"TITLE": f"Deal {number}"})
    box.move_clock(3_600)
    return box


@pytest.fixture
def dlt_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that dlt keeps all its files in."""
    from dlt.common.configuration.container import Container
    from dlt.common.pipeline import PipelineContext

    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    yield tmp_path
    Container()[PipelineContext].deactivate()


@pytest.fixture
def duck(dlt_folder: Path) -> Crm:
    """An empty DuckDB."""
    from dlt_pipelines import Crm

    return Crm(dlt_folder, str(dlt_folder / "warehouse.duckdb"))


@pytest.fixture
def crm_in_postgres(dlt_folder: Path, postgres_of_session: object) -> Crm:
    """A new database of a PostgreSQL server."""
    from dlt_pipelines import Crm
    from postgres_box import new_database

    address = new_database(postgres_of_session).replace("@", ":not-asked@")  # dlt wants a password
    return Crm(dlt_folder, f"postgresql://{address}")


@pytest.fixture(params=["duckdb", "postgresql"])
def crm(request):
    """An empty database."""
    return request.getfixturevalue("duck" if request.param == "duckdb" else "crm_in_postgres")
