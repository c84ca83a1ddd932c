"""Connections that are good, and what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection
from cases import cases
from connection_samples import CODE, ORIGIN, URL, parse, parse_application, parse_webhook
from hook_helpers import secrets_in

from airflow_provider_bitrix24.connection.parsing import parse_connection
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Webhook
from airflow_provider_bitrix24.rest.pacing import Limits

# ---------------------------------------------------------------- addresses and credentials that are good


@cases(
    ("fields", "origin"),
    [
        pytest.param(fields, origin, id=name)
        for name, fields, origin in [
            ("name", {"host": "portal.bitrix24.com"}, ORIGIN),
            ("upper case", {"host": "Portal.BITRIX24.com"}, ORIGIN),
            ("blanks around", {"host": " portal.bitrix24.com\n"}, ORIGIN),
            ("scheme in host", {"host": "https://portal.bitrix24.com"}, ORIGIN),
            ("slash behind", {"host": "https://portal.bitrix24.com/"}, ORIGIN),
            ("scheme in its field", {"schema": "HTTPS"}, ORIGIN),
            ("scheme twice", {"host": "https://portal.bitrix24.com", "schema": "https"}, ORIGIN),
            ("standard port", {"port": 443}, ORIGIN),
            ("port", {"port": 8443}, f"{ORIGIN}:8443"),
            ("port in host", {"host": "portal.bitrix24.com:8443"}, f"{ORIGIN}:8443"),
            ("port twice", {"host": "portal.bitrix24.com:8443", "port": 8443}, f"{ORIGIN}:8443"),
            ("loopback name", {"host": "localhost", "schema": "http"}, "http://localhost"),
            ("loopback address", {"host": "http://127.0.0.1:80", "port": None}, "http://127.0.0.1"),
            ("other loopback", {"host": "http://127.3.2.1:81"}, "http://127.3.2.1:81"),
            ("IPv6", {"host": "http://[::1]:81"}, "http://[::1]:81"),
            ("bare IPv6", {"host": "::1", "schema": "http", "port": 81}, "http://[::1]:81"),
            ("IPv6 in brackets", {"host": "[2001:DB8::1]"}, "https://[2001:db8::1]"),
            (
                "plain http allowed",
                {"host": "http://intranet", "extra": {"allow_http": True}},
                "http://intranet",
            ),
            ("internationalised", {"host": "xn--80akhbyknj4f.xn--p1ai"}, "https://xn--80akhbyknj4f.xn--p1ai"),
            ("underscore", {"host": "my_portal.local"}, "https://my_portal.local"),
            ("user as a number", {"login": 1}, ORIGIN),
        ]
    ],
)
def test_a_webhook_in_three_fields(fields, origin):
    assert parse_webhook(**fields).credentials == Webhook(origin, "1", CODE)


@cases(
    ("password", "origin"),
    [
        (URL, ORIGIN),
        (URL.rstrip("/"), ORIGIN),
        (f"{URL}profile", ORIGIN),
        (f"{URL}crm.deal.list.json", ORIGIN),
        (f"{URL}profile/", ORIGIN),
        (f"  {URL}\n", ORIGIN),
        (URL.replace("portal", "Portal").replace("https", "HTTPS"), ORIGIN),
        (URL.replace(".com", ".com:443"), ORIGIN),
        (URL.replace(".com", ".com:8443"), f"{ORIGIN}:8443"),
        (f"http://127.0.0.1:81/rest/1/{CODE}/", "http://127.0.0.1:81"),
        (f"http://[::1]:81/rest/1/{CODE}/", "http://[::1]:81"),
    ],
)
def test_a_pasted_webhook(password, origin):
    settings = parse(password=password)
    assert settings.credentials == Webhook(origin, "1", CODE)
    assert {password.strip(), CODE} <= set(settings.secrets)


@cases(
    "fields",
    [
        {"host": "portal.bitrix24.com"},
        {"host": "PORTAL.bitrix24.com", "login": "1"},
        {"host": "https://portal.bitrix24.com:8443/"},
        {"host": "portal.bitrix24.com:8443", "port": 8443},
        {"port": 8443},
        {"schema": "https"},
        {"host": "", "login": "", "schema": ""},
    ],
)
def test_a_pasted_webhook_and_fields_that_agree(fields):
    settings = parse(password=URL.replace(".com", ".com:8443"), **fields)
    assert settings.credentials == Webhook(f"{ORIGIN}:8443", "1", CODE)


def test_an_application():
    settings = parse_application(login="7")
    application = settings.credentials
    assert isinstance(application, OAuthApplication)
    assert (application.origin, application.client_id, application.user_id) == (ORIGIN, "local.1", "7")
    assert (application.tokens.access, application.tokens.refresh) == ("s3cr3t-access", "s3cr3t-refresh")
    assert application.client_secret == "s3cr3t-client"
    assert application.server == "https://oauth.bitrix.info"
    assert set(settings.secrets) == {"s3cr3t-client", "s3cr3t-refresh", "s3cr3t-access"}


@pytest.mark.parametrize(
    ("extra", "tokens"),
    [
        ({"access_token": ""}, ("", "s3cr3t-refresh")),
        ({"refresh_token": None}, ("s3cr3t-access", "")),
        ({"refresh_token": "", "client_id": "", "client_secret": ""}, ("s3cr3t-access", "")),
    ],
    ids=["refresh token only", "access token only", "access token and nothing else"],
)
def test_an_application_with_one_token(extra, tokens):
    credentials = parse_application(extra).credentials
    assert (credentials.tokens.access, credentials.tokens.refresh) == tokens


@cases(
    ("given_server", "server"),
    [
        ("https://oauth.bitrix24.tech", "https://oauth.bitrix24.tech"),
        ("https://oauth.bitrix24.tech/", "https://oauth.bitrix24.tech"),
        ("https://oauth.bitrix24.tech/oauth/token/", "https://oauth.bitrix24.tech"),
        ("oauth.bitrix24.tech", "https://oauth.bitrix24.tech"),
        ("http://127.0.0.1:81", "http://127.0.0.1:81"),
        ("", "https://oauth.bitrix.info"),
    ],
)
def test_an_authorisation_server(given_server, server):
    assert parse_application({"oauth_server": given_server}).credentials.server == server


# ---------------------------------------------------------------- everything else that is good


def test_what_is_left_out_has_its_default():
    settings = parse_webhook()
    assert settings.limits == Limits(2.0, 50, 480.0)
    assert settings.pacing == "machine"
    assert (settings.wire.timeout, settings.wire.verify, settings.wire.proxy) == (70.0, True, "")
    assert settings.trusted_hosts == frozenset()
    assert (settings.redis_conn_id, settings.token_store) == ("", "")
    assert settings.secrets == (CODE,)


@pytest.mark.parametrize("shape", ["typed", "texts"])
def test_typed_values_and_texts_are_the_same(shape):
    extra: dict[str, Any] = {
        "plan": "Enterprise",
        "requests_per_second": 1.5,
        "burst": 20,
        "operating_limit": 300,
        "pacing": "process",
        "timeout": 30,
        "verify": False,
        "allow_http": True,
        "trusted_hosts": "New.example.com, 10.0.0.1",
        "proxy": "http://proxy:3128",
        "redis_conn_id": "redis_default",
        "token_store": "a.b",
    }
    if shape == "texts":
        extra = {name: str(value).lower() for name, value in extra.items()}
    settings = parse_webhook(extra)
    assert settings.limits == Limits(1.5, 20, 300.0)
    assert settings.pacing == "process"
    assert (settings.wire.timeout, settings.wire.verify) == (30.0, False)
    assert settings.wire.proxy == "http://proxy:3128"
    assert settings.trusted_hosts == {"new.example.com", "10.0.0.1"}
    assert (settings.redis_conn_id, settings.token_store) == ("redis_default", "a.b")


@pytest.mark.parametrize("empty", [None, "", " "], ids=repr)
def test_a_form_left_empty_means_the_defaults(empty):
    from airflow_provider_bitrix24.connection.form import CONN_FIELDS

    assert parse_webhook(dict.fromkeys(CONN_FIELDS, empty)) == parse_webhook()


@cases("extra", [None, "", " ", "{}"])
def test_no_extra(extra):
    assert parse_webhook(extra) == parse_webhook()


@cases(
    ("verify", "meaning"),
    [(True, True), ("True", True), (False, False), ("FALSE", False), ("/etc/ca.pem", "/etc/ca.pem")],
)
def test_verify(verify, meaning):
    assert parse_webhook({"verify": verify}).wire.verify == meaning


@pytest.mark.parametrize("hosts", ["new.example.com,[::1]", ["NEW.example.com", " ::1 ", ""]], ids=repr)
def test_trusted_hosts(hosts):
    assert parse_webhook({"trusted_hosts": hosts}).trusted_hosts == {"new.example.com", "::1"}


@cases("value", [True, 1, "1", "true", "Yes"])
def test_plain_http_is_allowed_by(value):
    assert (
        parse_webhook({"allow_http": value}, host="http://intranet").credentials.origin == "http://intranet"
    )


@pytest.mark.parametrize("plan", ["standard", "enterprise", "self-hosted"])
def test_plans(plan):
    rates = {"standard": (2.0, 50), "enterprise": (5.0, 250), "self-hosted": (None, 50)}
    limits = parse_webhook({"plan": plan}).limits
    assert (limits.requests_per_second, limits.burst) == rates[plan]


def test_a_proxy_with_a_password():
    settings = parse_webhook({"proxy": "http://me:p%40ssw0rd@proxy:3128"})
    assert settings.wire.proxy == "http://me:p%40ssw0rd@proxy:3128"
    assert set(settings.secrets) == {CODE, "p@ssw0rd", "http://me:p%40ssw0rd@proxy:3128"}
    assert not secrets_in(repr(settings), "p%40ssw0rd", "p@ssw0rd")


# ---------------------------------------------------------------- URIs


@cases(
    ("uri", "origin"),
    [
        (f"bitrix24://1:{CODE}@portal.bitrix24.com", ORIGIN),
        (f"bitrix24://1:{CODE}@portal.bitrix24.com:8443", f"{ORIGIN}:8443"),
        (f"bitrix24://1:{CODE}@portal.bitrix24.com/https?timeout=70&verify=true", ORIGIN),
        (f"bitrix24://1:{CODE}@portal.bitrix24.com/?allow_http=false&burst=50", ORIGIN),
        (f"bitrix24://1:{CODE}@127.0.0.1:81/http", "http://127.0.0.1:81"),
        (f"bitrix24://1:{CODE}@[::1]:81/http", "http://[::1]:81"),
        (f"bitrix24://:https%3A%2F%2Fportal.bitrix24.com%2Frest%2F1%2F{CODE}%2F@", ORIGIN),
    ],
)
def test_a_uri(uri, origin):
    assert parse_connection(Connection.from_uri(uri, conn_id="b24")).credentials == Webhook(origin, "1", CODE)


def test_a_uri_with_extras():
    uri = f"bitrix24://1:{CODE}@intranet/http?allow_http=true&plan=self-hosted&timeout=30&verify=false"
    settings = parse_connection(Connection.from_uri(uri, conn_id="b24"))
    assert settings.credentials.origin == "http://intranet"
    assert settings.limits.requests_per_second is None
    assert (settings.wire.timeout, settings.wire.verify) == (30.0, False)


def test_a_uri_that_airflow_wrote_says_the_same():
    connection = Connection(
        conn_id="b24",
        conn_type="bitrix24",
        host="intranet",
        schema="http",
        login="1",
        password=URL.replace("https://portal.bitrix24.com", "http://intranet"),
        extra=json.dumps({"allow_http": True, "timeout": 30, "trusted_hosts": ["a.example.com"]}),
    )
    again = Connection.from_uri(connection.get_uri(), conn_id="b24")
    assert parse_connection(again) == parse_connection(connection)
