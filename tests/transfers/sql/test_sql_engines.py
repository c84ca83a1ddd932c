from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from airflow_provider_bitrix24.hooks.errors import ConnectionUnreadableError, InvalidInputError
from airflow_provider_bitrix24.transfers.sql.engines import engine_of


@pytest.fixture
def connection(monkeypatch):
    def make(**fields):
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(fields))

    return make


def test_a_connection_to_sqlite_has_an_engine(connection, tmp_path):
    connection(conn_type="sqlite", host=str(tmp_path / "target.db"))
    engine = engine_of("warehouse")
    with engine.connect() as link:
        assert link.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


def test_a_connection_to_postgresql_has_an_engine(connection, postgres_of_session):
    connection(
        conn_type="postgres",
        host="127.0.0.1",
        port=postgres_of_session.port,
        login="airflow",
        schema="postgres",
    )
    engine = engine_of("warehouse")
    with engine.connect() as link:
        assert link.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


def test_a_connection_that_was_lost_meanwhile_is_made_anew(connection, postgres_of_session):
    server = {"host": "127.0.0.1", "port": postgres_of_session.port}
    connection(conn_type="postgres", login="airflow", schema="postgres", **server)
    engine, other = engine_of("warehouse"), engine_of("warehouse")
    with engine.connect() as link:
        lost = link.scalar(sa.select(sa.func.pg_backend_pid()))
    with other.connect() as link:
        link.execute(sa.select(sa.func.pg_terminate_backend(lost)))
    with engine.connect() as link:
        assert link.scalar(sa.select(sa.func.pg_backend_pid())) != lost
    engine.dispose()
    other.dispose()


def test_errors_of_the_engine_show_no_values(connection, tmp_path):
    connection(conn_type="sqlite", host=str(tmp_path / "target.db"))
    engine = engine_of("warehouse")
    with engine.connect() as link, pytest.raises(sa.exc.OperationalError) as caught:
        link.execute(sa.text("SELECT x WHERE :value"), {"value": "Private Person"})
    assert "Private Person" not in str(caught.value)
    engine.dispose()


def test_a_connection_that_is_not_there_may_be_unreadable(connection):
    with pytest.raises(ConnectionUnreadableError, match="target_id: Airflow does not find") as caught:
        engine_of("nowhere", "target_id")
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("mssql", "Install apache-airflow-providers-microsoft-mssql on the worker."),
        ("mysql", "Install apache-airflow-providers-mysql on the worker."),
        ("generic", "Set the type of the connection to one of postgres, sqlite, mysql, mssql."),
        ("no_such_type", "Set the type of the connection to one of postgres, sqlite, mysql, mssql."),
    ],
)
def test_a_provider_that_is_missing_is_named_by_the_connections_type(connection, kind, remedy):
    connection(conn_type=kind, host="db", password="s3cr3t-pass")
    with pytest.raises(InvalidInputError, match=f"connection 'warehouse' of type '{kind}'") as caught:
        engine_of("warehouse")
    assert caught.value.remedy == remedy
    assert "s3cr3t" not in str(caught.value)


def test_a_connection_that_is_no_database_is_told(connection):
    connection(conn_type="bitrix24", host="portal.bitrix24.com", password="s3cr3t-pass")
    with pytest.raises(InvalidInputError, match="is not a database") as caught:
        engine_of("warehouse")
    assert "PostgreSQL" in caught.value.remedy


def test_a_driver_that_is_missing_is_told(connection):
    connection(conn_type="postgres", host="db", extra=json.dumps({"sqlalchemy_scheme": "postgresql+pg8000"}))
    with pytest.raises(InvalidInputError, match="its driver is not installed") as caught:
        engine_of("warehouse")
    assert "Install the driver" in caught.value.remedy
