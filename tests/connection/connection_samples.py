"""Connections as users fill them in, and what is parsed of them."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Connection

from airflow_provider_bitrix24.connection.parsing import Settings, parse_connection

CODE = "s3cr3tcode0123456"
URL = f"https://portal.bitrix24.com/rest/1/{CODE}/"
ORIGIN = "https://portal.bitrix24.com"
OAUTH = {
    "client_id": "local.1",
    "client_secret": "s3cr3t-client",
    "refresh_token": "s3cr3t-refresh",
    "access_token": "s3cr3t-access",
}


def parse(extra: Any = None, **fields: Any) -> Settings:
    text = extra if isinstance(extra, str) or extra is None else json.dumps(extra)
    return parse_connection(Connection(conn_id="b24", conn_type="bitrix24", extra=text, **fields))


def parse_webhook(extra: Any = None, **fields: Any) -> Settings:
    return parse(extra, **{"host": "portal.bitrix24.com", "login": "1", "password": CODE, **fields})


def parse_application(extra: Any = None, **fields: Any) -> Settings:
    return parse({**OAUTH, **(extra or {})}, **{"host": "portal.bitrix24.com", **fields})
