"""Mistakes in a connection whose cure is not obvious, and what the error advises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection
from cases import cases
from hook_helpers import secrets_in, whole_story
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.connection.parsing import Settings, parse_connection
from airflow_provider_bitrix24.rest.errors import InvalidConnectionError as RestError

_CODE = "s3cr3tcode0123456"
_URL = f"https://portal.bitrix24.com/rest/1/{_CODE}/"
_STANDARD = ("host", "login", "password", "schema")
_OAUTH = {
    "client_id": "local.1",
    "client_secret": "s3cr3t-client",
    "refresh_token": "s3cr3t-refresh",
    "access_token": "s3cr3t-access",
}


def _parse(extra: Any = None, **fields: Any) -> Settings:
    text = json.dumps(extra or {})
    return parse_connection(Connection(conn_id="b24", conn_type="bitrix24", extra=text, **fields))


def _webhook(extra: Any = None, **fields: Any) -> Settings:
    return _parse(extra, **{"host": "portal.bitrix24.com", "login": "1", "password": _CODE, **fields})


# ---------------------------------------------------------------- the portal's cut


@cases(
    ("extra", "cut", "timeout"),
    [
        ({}, 60.0, 70.0),
        ({"request_cut": 120}, 120.0, 130.0),
        ({"request_cut": "30"}, 30.0, 40.0),
        ({"request_cut": 120, "timeout": 20}, 120.0, 20.0),
        ({"timeout": 20}, 60.0, 20.0),
    ],
)
def test_an_answer_is_waited_for_longer_than_the_portal_takes(extra, cut, timeout):
    settings = _webhook(extra)
    assert (settings.request_cut, settings.wire.timeout) == (cut, timeout)


@cases("value", [0, -1, 3601, "soon", True])
def test_a_cut_that_is_no_number_of_seconds(value):
    with pytest.raises(RestError, match=r"^request_cut: .* is not a number from 1 to 3600"):
        _webhook({"request_cut": value})


# ---------------------------------------------------------------- ports


@pytest.mark.parametrize(
    ("url", "port"),
    [(_URL, 443), (f"https://crm.example.com:8443/rest/1/{_CODE}/", 8443)],
    ids=["standard", "own"],
)
def test_advice_on_a_port_names_the_one_of_the_address(url, port):
    """The Test button of Airflow 3.3 wants a port, so no advice is to leave it empty."""
    with pytest.raises(RestError, match=r"^port: ") as caught:
        _parse(password=url, port=8080)
    assert caught.value.remedy == f"Enter {port} as Port."
    assert _parse(password=url, port=port).credentials.origin == url.partition("/rest/")[0]
    with pytest.raises(RestError, match=r"^port: it is not a number") as caught:
        _parse(password=url, port=-1)
    assert caught.value.remedy == "Enter the port of the portal's address, 443 as a rule."


# ---------------------------------------------------------------- REST 3.0


@cases("path", ["", "/", f"/1/{_CODE}", f"/1/{_CODE}/", f"/1/{_CODE}/tasks.task.get", "/x/y/z"])
def test_a_webhook_of_rest_3_is_called_so(path):
    with pytest.raises(
        RestError, match=r"^password: the address is one of REST 3.0 .* does not speak"
    ) as caught:
        _parse(password=f"https://portal.bitrix24.com/rest/api{path}")
    assert caught.value.remedy == "Leave api out: https://<portal>/rest/<user id>/<code>/."
    assert not secrets_in(whole_story(caught.value), _CODE)


# ---------------------------------------------------------------- the mask in place of a secret


@pytest.mark.slow
@given(stars=st.integers(1, 40).map("*".__mul__), blanks=st.sampled_from(["", " ", "\n"]))
@pytest.mark.parametrize(
    "name", ["host", "login", "password", "schema", *_OAUTH, "proxy", "verify", "timeout"]
)
def test_the_mask_is_no_secret(name, stars, blanks):
    masked = {name: f"{blanks}{stars}{blanks}"}
    fields, extra = (masked, {}) if name in _STANDARD else ({"password": ""}, {**_OAUTH, **masked})
    with pytest.raises(RestError, match=f"^{name}: it holds the mask, not the secret. Enter it anew.$"):
        _webhook(extra, **fields)


@pytest.mark.parametrize(
    ("fields", "extra", "name"),
    [
        ({"password": "https://portal.bitrix24.com/rest/1/***/", "host": "", "login": ""}, {}, "password"),
        ({}, {"proxy": "http://me:***@proxy.example:3128"}, "proxy, its password"),
    ],
    ids=["webhook", "proxy"],
)
def test_the_mask_inside_an_address(fields, extra, name):
    with pytest.raises(RestError, match=f"^{name}: it holds the mask"):
        _webhook(extra, **fields)
