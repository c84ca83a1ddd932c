"""Connections that do not get to their database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sql_work import load, new_engine, run

from airflow_provider_bitrix24.hooks.errors import SqlLoadError, SqlRefusedError

psycopg2 = pytest.importorskip("psycopg2")


def refused(url):
    engine = new_engine(url)
    with pytest.raises(SqlRefusedError, match="the connection does not get to the database") as caught:
        load(engine, (1, "one"))
    engine.dispose()
    assert caught.value.permanent
    return caught.value


@pytest.fixture(params=["psycopg2", "psycopg"])
def server_url(request, postgres_url):
    """A server's address, for each of its drivers."""
    pytest.importorskip(request.param)
    return postgres_url.replace("psycopg2", request.param)


def test_a_database_that_is_not_there_names_the_field_schema(server_url):
    error = refused(server_url.rsplit("/", 1)[0] + "/no_such_database")
    assert "no_such_database" in str(error)
    assert "`schema`" in error.remedy


def test_a_user_who_is_not_there_names_the_field_login(server_url):
    assert "`login`" in refused(server_url.replace("airflow@", "nobody_here@")).remedy


def test_a_user_who_may_not_log_in_names_the_field_login(server_url):
    owner = new_engine(server_url)
    run(owner, "DROP ROLE IF EXISTS locked", "CREATE ROLE locked NOLOGIN")
    assert "`login`" in refused(server_url.replace("airflow@", "locked@")).remedy
    run(owner, "DROP ROLE locked")
    owner.dispose()


@pytest.mark.parametrize(
    "said",
    [
        'connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  password authentication failed '
        'for user "loader"\n',
        'connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  no pg_hba.conf entry for host '
        '"10.0.0.2", user "loader", database "crm", no encryption\n',
        'connection to server at "db" (10.0.0.1), port 5432 failed: fe_sendauth: no password supplied\n',
    ],
)
def test_a_password_that_is_refused_names_the_field_password(said):
    def connect():
        raise psycopg2.OperationalError(said)

    engine = sa.create_engine("postgresql+psycopg2://", creator=connect)
    with pytest.raises(SqlRefusedError) as caught:
        load(engine, (1, "one"))
    assert "`password`" in caught.value.remedy


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_host_that_is_not_known_names_the_field_host_and_may_be_known_later(driver):
    pytest.importorskip(driver)
    engine = new_engine(f"postgresql+{driver}://airflow@no-such-host.invalid/crm")
    with pytest.raises(SqlLoadError) as caught:
        load(engine, (1, "one"))
    assert "`host`" in caught.value.remedy
    assert not caught.value.permanent


def test_a_server_that_does_not_answer_may_answer_later():
    engine = new_engine("postgresql+psycopg2://airflow@127.0.0.1:1/crm")
    with pytest.raises(SqlLoadError) as caught:
        load(engine, (1, "one"))
    assert "once the database answers again" in caught.value.remedy
    assert not caught.value.permanent


def test_a_file_that_cannot_be_there_names_the_field_host(tmp_path):
    assert "`host`" in refused(f"sqlite:///{tmp_path}/no_such_folder/target.db").remedy
