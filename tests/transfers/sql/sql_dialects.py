"""The databases that statements are made for, without a driver."""

from __future__ import annotations

from sqlalchemy.dialects import mssql, mysql, postgresql, sqlite

from airflow_provider_bitrix24.transfers.sql.tables import Target


def _sql_server():
    dialect = mssql.dialect()
    dialect.server_version_info = (16, 0)  # as it says itself once it is connected
    dialect._setup_version_attributes()
    return dialect


DIALECTS = {
    "mysql": mysql.dialect(),
    "mssql": _sql_server(),
    "postgresql": postgresql.dialect(),
    "sqlite": sqlite.dialect(),
}
TARGET = Target(table="deal", schema=None, columns=(), key=("code",))
