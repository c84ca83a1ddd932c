from __future__ import annotations

import pytest
import sqlalchemy as sa
from sql_work import new_engine


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/target.db"
    return new_postgres(request.getfixturevalue("postgres_of_session"))


def new_postgres(server, driver="psycopg2"):
    """Empty the server's database and return its address; what a test before left open is closed."""
    engine = sa.create_engine(f"postgresql+psycopg2://{server.address}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'",
            "DROP SCHEMA IF EXISTS crm, public CASCADE",
            "CREATE SCHEMA public",
            "GRANT USAGE ON SCHEMA public TO PUBLIC",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    return f"postgresql+{driver}://{server.address}"


@pytest.fixture
def engine(url):
    """An engine for an empty database, as the package makes it."""
    made = new_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def postgres_url(postgres_of_session):
    return new_postgres(postgres_of_session)


@pytest.fixture
def psycopg_url(postgres_of_session):
    pytest.importorskip("psycopg")
    return new_postgres(postgres_of_session, "psycopg")
