from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection
from hook_helpers import secrets_in, whole_story
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.connection.parsing import Settings, parse_connection
from airflow_provider_bitrix24.hooks.errors import InvalidConnectionError, joined
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Webhook
from airflow_provider_bitrix24.rest.errors import InvalidConnectionError as RestError
from airflow_provider_bitrix24.rest.pacing import Limits

_CODE = "s3cr3tcode0123456"
_URL = f"https://portal.bitrix24.com/rest/1/{_CODE}/"
_ORIGIN = "https://portal.bitrix24.com"
_OAUTH = {
    "client_id": "local.1",
    "client_secret": "s3cr3t-client",
    "refresh_token": "s3cr3t-refresh",
    "access_token": "s3cr3t-access",
}


def _parse(extra: Any = None, **fields: Any) -> Settings:
    text = extra if isinstance(extra, str) or extra is None else json.dumps(extra)
    return parse_connection(Connection(conn_id="b24", conn_type="bitrix24", extra=text, **fields))


def _webhook(extra: Any = None, **fields: Any) -> Settings:
    return _parse(extra, **{"host": "portal.bitrix24.com", "login": "1", "password": _CODE, **fields})


def _application(extra: Any = None, **fields: Any) -> Settings:
    return _parse({**_OAUTH, **(extra or {})}, **{"host": "portal.bitrix24.com", **fields})


# ---------------------------------------------------------------- addresses and credentials that are good


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        pytest.param(fields, origin, id=name)
        for name, fields, origin in [
            ("name", {"host": "portal.bitrix24.com"}, _ORIGIN),
            ("upper case", {"host": "Portal.BITRIX24.com"}, _ORIGIN),
            ("blanks around", {"host": " portal.bitrix24.com\n"}, _ORIGIN),
            ("scheme in host", {"host": "https://portal.bitrix24.com"}, _ORIGIN),
            ("slash behind", {"host": "https://portal.bitrix24.com/"}, _ORIGIN),
            ("scheme in its field", {"schema": "HTTPS"}, _ORIGIN),
            ("scheme twice", {"host": "https://portal.bitrix24.com", "schema": "https"}, _ORIGIN),
            ("standard port", {"port": 443}, _ORIGIN),
            ("port", {"port": 8443}, f"{_ORIGIN}:8443"),
            ("port in host", {"host": "portal.bitrix24.com:8443"}, f"{_ORIGIN}:8443"),
            ("port twice", {"host": "portal.bitrix24.com:8443", "port": 8443}, f"{_ORIGIN}:8443"),
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
            ("user as a number", {"login": 1}, _ORIGIN),
        ]
    ],
)
def test_a_webhook_in_three_fields(fields, origin):
    assert _webhook(**fields).credentials == Webhook(origin, "1", _CODE)


@pytest.mark.parametrize(
    ("password", "origin"),
    [
        (_URL, _ORIGIN),
        (_URL.rstrip("/"), _ORIGIN),
        (f"{_URL}profile", _ORIGIN),
        (f"{_URL}crm.deal.list.json", _ORIGIN),
        (f"{_URL}profile/", _ORIGIN),
        (f"  {_URL}\n", _ORIGIN),
        (_URL.replace("portal", "Portal").replace("https", "HTTPS"), _ORIGIN),
        (_URL.replace(".com", ".com:443"), _ORIGIN),
        (_URL.replace(".com", ".com:8443"), f"{_ORIGIN}:8443"),
        (f"http://127.0.0.1:81/rest/1/{_CODE}/", "http://127.0.0.1:81"),
        (f"http://[::1]:81/rest/1/{_CODE}/", "http://[::1]:81"),
    ],
)
def test_a_pasted_webhook(password, origin):
    settings = _parse(password=password)
    assert settings.credentials == Webhook(origin, "1", _CODE)
    assert {password.strip(), _CODE} <= set(settings.secrets)


@pytest.mark.parametrize(
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
    ids=str,
)
def test_a_pasted_webhook_and_fields_that_agree(fields):
    settings = _parse(password=_URL.replace(".com", ".com:8443"), **fields)
    assert settings.credentials == Webhook(f"{_ORIGIN}:8443", "1", _CODE)


def test_an_application():
    settings = _application(login="7")
    application = settings.credentials
    assert isinstance(application, OAuthApplication)
    assert (application.origin, application.client_id, application.user_id) == (_ORIGIN, "local.1", "7")
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
    credentials = _application(extra).credentials
    assert (credentials.tokens.access, credentials.tokens.refresh) == tokens


@pytest.mark.parametrize(
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
    assert _application({"oauth_server": given_server}).credentials.server == server


# ---------------------------------------------------------------- everything else that is good


def test_what_is_left_out_has_its_default():
    settings = _webhook()
    assert settings.limits == Limits(2.0, 50, 480.0)
    assert settings.pacing == "machine"
    assert (settings.wire.timeout, settings.wire.verify, settings.wire.proxy) == (70.0, True, "")
    assert settings.trusted_hosts == frozenset()
    assert (settings.redis_conn_id, settings.token_store) == ("", "")
    assert settings.secrets == (_CODE,)


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
    settings = _webhook(extra)
    assert settings.limits == Limits(1.5, 20, 300.0)
    assert settings.pacing == "process"
    assert (settings.wire.timeout, settings.wire.verify) == (30.0, False)
    assert settings.wire.proxy == "http://proxy:3128"
    assert settings.trusted_hosts == {"new.example.com", "10.0.0.1"}
    assert (settings.redis_conn_id, settings.token_store) == ("redis_default", "a.b")


@pytest.mark.parametrize("empty", [None, "", " "], ids=repr)
def test_a_form_left_empty_means_the_defaults(empty):
    from airflow_provider_bitrix24.connection.form import CONN_FIELDS

    assert _webhook(dict.fromkeys(CONN_FIELDS, empty)) == _webhook()


@pytest.mark.parametrize("extra", [None, "", " ", "{}"], ids=repr)
def test_no_extra(extra):
    assert _webhook(extra) == _webhook()


@pytest.mark.parametrize(
    ("verify", "meaning"),
    [(True, True), ("True", True), (False, False), ("FALSE", False), ("/etc/ca.pem", "/etc/ca.pem")],
)
def test_verify(verify, meaning):
    assert _webhook({"verify": verify}).wire.verify == meaning


@pytest.mark.parametrize("hosts", ["new.example.com,[::1]", ["NEW.example.com", " ::1 ", ""]], ids=repr)
def test_trusted_hosts(hosts):
    assert _webhook({"trusted_hosts": hosts}).trusted_hosts == {"new.example.com", "::1"}


@pytest.mark.parametrize("value", [True, 1, "1", "true", "Yes"])
def test_plain_http_is_allowed_by(value):
    assert _webhook({"allow_http": value}, host="http://intranet").credentials.origin == "http://intranet"


@pytest.mark.parametrize("plan", ["standard", "enterprise", "self-hosted"])
def test_plans(plan):
    rates = {"standard": (2.0, 50), "enterprise": (5.0, 250), "self-hosted": (None, 50)}
    limits = _webhook({"plan": plan}).limits
    assert (limits.requests_per_second, limits.burst) == rates[plan]


def test_a_proxy_with_a_password():
    settings = _webhook({"proxy": "http://me:p%40ssw0rd@proxy:3128"})
    assert settings.wire.proxy == "http://me:p%40ssw0rd@proxy:3128"
    assert set(settings.secrets) == {_CODE, "p@ssw0rd", "http://me:p%40ssw0rd@proxy:3128"}
    assert not secrets_in(repr(settings), "p%40ssw0rd", "p@ssw0rd")


# ---------------------------------------------------------------- URIs


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        (f"bitrix24://1:{_CODE}@portal.bitrix24.com", _ORIGIN),
        (f"bitrix24://1:{_CODE}@portal.bitrix24.com:8443", f"{_ORIGIN}:8443"),
        (f"bitrix24://1:{_CODE}@portal.bitrix24.com/https?timeout=70&verify=true", _ORIGIN),
        (f"bitrix24://1:{_CODE}@portal.bitrix24.com/?allow_http=false&burst=50", _ORIGIN),
        (f"bitrix24://1:{_CODE}@127.0.0.1:81/http", "http://127.0.0.1:81"),
        (f"bitrix24://1:{_CODE}@[::1]:81/http", "http://[::1]:81"),
        (f"bitrix24://:https%3A%2F%2Fportal.bitrix24.com%2Frest%2F1%2F{_CODE}%2F@", _ORIGIN),
    ],
)
def test_a_uri(uri, origin):
    assert parse_connection(Connection.from_uri(uri, conn_id="b24")).credentials == Webhook(
        origin, "1", _CODE
    )


def test_a_uri_with_extras():
    uri = f"bitrix24://1:{_CODE}@intranet/http?allow_http=true&plan=self-hosted&timeout=30&verify=false"
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
        password=_URL.replace("https://portal.bitrix24.com", "http://intranet"),
        extra=json.dumps({"allow_http": True, "timeout": 30, "trusted_hosts": ["a.example.com"]}),
    )
    again = Connection.from_uri(connection.get_uri(), conn_id="b24")
    assert parse_connection(again) == parse_connection(connection)


# ---------------------------------------------------------------- what is refused

_BAD: list[tuple[str, dict[str, Any], str]] = [
    # (name, fields, how the message begins)
    ("nothing at all", {}, "password: no credentials are given"),
    ("no host", {"login": "1", "password": _CODE}, "host: the portal's address is missing"),
    ("a blank host", {"host": " ", "login": "1", "password": _CODE}, "host: the portal's address is missing"),
    ("no password", {"host": "portal.bitrix24.com", "login": "1"}, "password: no credentials are given"),
    ("a webhook without user id", {"host": "p.bitrix24.com", "password": _CODE}, "login: the webhook's user"),
    ("user and code exchanged", {"host": "h", "login": _CODE, "password": "1"}, "login: it is not a user id"),
    ("a webhook in Login", {"host": "h", "login": _URL, "password": _CODE}, "login: it is not a user id"),
    ("user zero", {"host": "h", "login": "0", "password": _CODE}, "login: it is not a user id"),
    ("a code with a slash", {"host": "h", "login": "1", "password": f"{_CODE}/x"}, "password: the webhook's"),
    ("a URL without scheme", {"password": _URL[8:]}, "password: the webhook's code may hold letters and"),
    ("a code with a blank", {"host": "h", "login": "1", "password": f"{_CODE} x"}, "password: the webhook's"),
    # the host
    ("a webhook in Host", {"host": _URL}, "host: this is a webhook's URL, and this field is not masked"),
    ("a webhook in Host twice", {"host": _URL, "password": _URL}, "host: this is a webhook's URL"),
    ("a webhook in Host in capitals", {"host": _URL.upper(), "password": _URL}, "host: this is a webhook's"),
    ("a webhook in Host, no scheme", {"host": _URL[8:]}, "host: this is a webhook's URL"),
    ("an encoded webhook in Host", {"host": f"p%2Frest%2F1%2F{_CODE}"}, "password: no credentials"),
    ("an encoded webhook, code", {"host": f"p%2Frest%2F1%2F{_CODE}", "login": "1", "password": _CODE}, "hos"),
    ("a query", {"host": f"p.bitrix24.com?code={_CODE}"}, "host: it holds more than an address"),
    ("a path", {"host": "p.bitrix24.com/company"}, "host: it holds more than an address"),
    ("a fragment", {"host": "p.bitrix24.com#a"}, "host: it holds more than an address"),
    ("credentials in Host", {"host": f"1:{_CODE}@p.bitrix24.com"}, "host: it holds more than an address"),
    ("half an IPv6 address", {"host": "http://[::1"}, "host: it is not an address"),
    ("an IPv6 zone", {"host": "fe80::1%eth0"}, "host: it is not"),
    ("letters for a port", {"host": "p.bitrix24.com:https"}, "host: it is not an address"),
    ("a port beyond all ports in Host", {"host": "p.bitrix24.com:99999"}, "host: it is not an address"),
    ("port 0 in Host", {"host": "p.bitrix24.com:0"}, "host: it is not an address"),
    ("two dots", {"host": "p..bitrix24.com"}, "host: it is not the name or address of a host"),
    ("a blank inside", {"host": "p bitrix24.com"}, "host: it is not the name or address of a host"),
    ("other letters", {"host": "\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444"}, "host: it is not the n"),
    ("letters that normalise", {"host": "p\u2100.com"}, "host: it is not"),
    ("a label too long", {"host": "a" * 64 + ".com"}, "host: it is not the name or address of a host"),
    ("a name too long", {"host": ".".join(["a" * 60] * 5)}, "host: it is not the name or address of a host"),
    ("ports that disagree", {"host": "p.bitrix24.com:1", "port": 2}, "port: 2 and the 1 in Host disagree"),
    ("schemes that disagree", {"host": "http://127.0.0.1", "schema": "https"}, "schema: it and the 'http' i"),
    ("a port beyond all ports", {"host": "h", "port": 99999}, "port: it is not a number from 1 to 65535"),
    ("a negative port", {"host": "h", "port": -1}, "port: it is not a number from 1 to 65535"),
    ("a foreign scheme", {"host": "h", "schema": "ftp"}, "schema: only https and http lead to a portal"),
    ("a foreign scheme in Host", {"host": "ftp://h"}, "host: only https and http lead to a portal"),
    ("a webhook in Schema", {"host": "h", "schema": f"rest/1/{_CODE}"}, "schema: only https and http lead"),
    ("http to a foreign host", {"host": "http://p.bitrix24.com"}, "host: plain http to 'p.bitrix24.com' wou"),
    ("http by Schema", {"host": "p.bitrix24.com", "schema": "http"}, "host: plain http to 'p.bitrix24.com'"),
    ("http to every address", {"host": "http://0.0.0.0"}, "host: plain http to '0.0.0.0' would send"),
    # the pasted URL
    ("a pasted query", {"password": f"{_URL}?a=b"}, "password: the address is not an inbound webhook's URL"),
    ("a pasted fragment", {"password": f"{_URL}#a"}, "password: the address is not an inbound webhook's URL"),
    ("pasted, no code", {"password": f"{_ORIGIN}/rest/1/"}, "password: the address is not an inbound"),
    ("pasted, no user", {"password": f"{_ORIGIN}/rest/{_CODE}/"}, "password: the address is not an inbound"),
    ("pasted, no user, a method", {"password": f"{_ORIGIN}/rest/{_CODE}/profile"}, "password: the address i"),
    ("pasted, user zero", {"password": f"{_ORIGIN}/rest/0/{_CODE}/"}, "login: it is not a user id"),
    ("pasted, REST 3.0", {"password": f"{_ORIGIN}/rest/api/1/{_CODE}/"}, "password: the address is one of"),
    ("pasted, too much", {"password": f"{_URL}a/b/"}, "password: the address is not an inbound webhook's UR"),
    ("pasted, credentials", {"password": f"https://a:b@p/rest/1/{_CODE}/"}, "password: the address is not a"),
    ("pasted, no host", {"password": f"https:///rest/1/{_CODE}/"}, "password: it is not the name or address"),
    ("pasted, half an address", {"password": f"https://[::1/rest/1/{_CODE}/"}, "password: it is not an addr"),
    ("pasted, a bad port", {"password": f"https://p:x/rest/1/{_CODE}/"}, "password: it is not an address"),
    ("pasted, a foreign scheme", {"password": _URL.replace("https", "ftp")}, "password: only https and http"),
    ("pasted, plain http", {"password": _URL.replace("https", "http")}, "password: plain http to 'portal.bi"),
    ("pasted, an odd code", {"password": f"{_ORIGIN}/rest/1/{_CODE}%2F/"}, "password: the webhook's code ma"),
    ("another host", {"password": _URL, "host": "other.bitrix24.com"}, "host: it is not that of the webhook"),
    ("another port", {"password": _URL, "port": 8443}, "port: it is not that of the webhook's URL in Passwo"),
    ("another port in Host", {"password": _URL, "host": "portal.bitrix24.com:1"}, "port: it is not that of"),
    ("another scheme", {"password": _URL, "schema": "http"}, "schema: it is not that of the webhook's URL"),
    ("another user", {"password": _URL, "login": "2"}, "login: it is not the user of the webhook's URL"),
    # an OAuth application
    ("webhook and OAuth", {"password": _URL, "extra": _OAUTH}, "password and client_id: a webhook and an OA"),
    ("a code and a token", {"password": _CODE, "extra": {"access_token": "s3cr3t-access"}}, "password and a"),
    ("no token", {"host": "h", "extra": {"client_id": "local.1"}}, "refresh_token: neither a refresh token"),
    ("no secret", {"host": "h", "extra": {**_OAUTH, "client_secret": ""}}, "client_secret: it is needed to"),
    ("no client id", {"host": "h", "extra": {**_OAUTH, "client_id": None}}, "client_id: it is needed to ren"),
    ("no portal", {"extra": _OAUTH}, "host: the portal's address is missing"),
    ("a name for a user", {"host": "h", "login": "admin", "extra": _OAUTH}, "login: it is not a user id"),
    ("a webhook in Host and OAuth", {"host": _URL, "extra": _OAUTH}, "host: this is a webhook's URL"),
    *(
        (f"authorisation server {server}", {"host": "h", "extra": {**_OAUTH, "oauth_server": server}}, begin)
        for server, begin in [
            ("http://oauth.bitrix.info", "oauth_server: plain http to 'oauth.bitrix.info' would send"),
            ("https://oauth.bitrix.info/x", "oauth_server: it holds more than an address"),
            ("https://oauth.bitrix.info?a=b", "oauth_server: it holds more than an address"),
            ("https://a:b@oauth.bitrix.info", "oauth_server: it holds more than an address"),
            ("https://[::1", "oauth_server: it is not an address"),
            ("ftp://oauth.bitrix.info", "oauth_server: only https and http lead to"),
        ]
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "begin"), [pytest.param(fields, begin, id=name) for name, fields, begin in _BAD]
)
def test_a_bad_connection(fields, begin):
    fields = dict(fields)
    if begin.startswith(("host", "port", "schema")) and "password" not in fields and "extra" not in fields:
        fields |= {} if "webhook's URL" in begin else {"login": "1", "password": _CODE}
    with pytest.raises(RestError) as caught:
        _parse(**fields)
    message = str(caught.value)
    assert message.startswith(begin)
    assert caught.value.remedy
    assert not secrets_in(message.lower(), _CODE, "s3cr3t")


_BAD_EXTRAS: list[tuple[dict[str, Any] | str, str]] = [
    ({"pln": "standard"}, "extra: 'pln' is unknown. Did you mean 'plan'?"),
    ({"webhook": "x"}, "extra: 'webhook' is unknown. Known are plan, requests_per_second"),
    ({"refresh_tokens": "x"}, "extra: 'refresh_tokens' is unknown. Did you mean 'refresh_token'?"),
    ({"Plan": "standard"}, "extra: 'Plan' is unknown. Did you mean 'plan'?"),
    ({f"https://p/rest/1/{_CODE}/": ""}, "extra: 'https://p/rest/1/***/' is unknown"),
    ({"plan": "entreprise"}, "plan: 'entreprise' is none of standard, enterprise, self-hosted. Did you mean"),
    ({"plan": "gold"}, "plan: 'gold' is none of standard, enterprise, self-hosted. Leave it empty"),
    ({"plan": 5}, "plan: '5' is none of"),
    ({"pacing": "machin"}, "pacing: 'machin' is none of machine, redis, process, off. Did you mean 'machine"),
    ({"pacing": True}, "pacing: 'true' is none of"),
    ({"timeout": 0}, "timeout: '0' is not a number from 1 to 3600"),
    ({"timeout": "70s"}, "timeout: '70s' is not a number from 1 to 3600"),
    ({"timeout": "nan"}, "timeout: 'nan' is not a number"),
    ({"timeout": "inf"}, "timeout: 'inf' is not a number"),
    ({"timeout": 1e9}, "timeout: '1000000000.0' is not a number"),
    ({"timeout": True}, "timeout: 'true' is not a number"),
    ({"timeout": [70]}, "timeout: a list is given"),
    ({"requests_per_second": 0}, "requests_per_second: '0' is not a number from 0.01 to 1000"),
    ({"requests_per_second": -2}, "requests_per_second: '-2' is not a number"),
    ({"burst": 0}, "burst: '0' is not a whole number from 1 to 100000"),
    ({"burst": 2.5}, "burst: '2.5' is not a whole number"),
    ({"operating_limit": 601}, "operating_limit: '601' is not a number from 1 to 600"),
    ({"allow_http": "maybe"}, "allow_http: 'maybe' is neither true nor false"),
    ({"allow_http": 2}, "allow_http: '2' is neither true nor false"),
    ({"verify": {}}, "verify: a dict is given"),
    ({"proxy": "proxy:3128"}, "proxy: not a URL"),
    ({"proxy": "3128"}, "proxy: not a URL"),
    ({"proxy": "http://proxy:x"}, "proxy: it is not an address"),
    ({"proxy": "http://[::1"}, "proxy: it is not an address"),
    ({"proxy": "http://proxy?a=b"}, "proxy: not a URL"),
    ({"trusted_hosts": "https://new.example.com"}, "trusted_hosts: it is not the name or address of a host"),
    ({"trusted_hosts": "*.example.com"}, "trusted_hosts: it is not the name or address of a host"),
    ({"trusted_hosts": ["a.example.com:81"]}, "trusted_hosts: it is not the name or address of a host"),
    ({"trusted_hosts": {"a": 1}}, "trusted_hosts: a dict is given"),
    ("[]", "extra: it is not a JSON object"),
    ("null", "extra: it is not a JSON object"),
    ('"text"', "extra: it is not a JSON object"),
    ("{'plan': 'standard'}", "extra: it is not a JSON object"),
    ("[" * 100_000, "extra: it is not a JSON object"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "begin"), [pytest.param(extra, begin, id=str(extra)[:40]) for extra, begin in _BAD_EXTRAS]
)
def test_bad_extras(extra, begin):
    # A flag is looked at where it matters.
    host = "http://intranet" if "allow_http" in extra else "portal.bitrix24.com"
    with pytest.raises(RestError) as caught:
        _webhook(extra, host=host)
    assert str(caught.value).startswith(begin)
    assert caught.value.remedy
    assert not secrets_in(str(caught.value), _CODE)


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    ("fields", "begin"), [pytest.param(fields, begin, id=name) for name, fields, begin in _BAD]
)
def test_nothing_told_of_a_bad_connection_holds_a_secret(fields, begin, connect):
    connection = {"conn_type": "bitrix24", **fields}
    hook = connect(connection)
    for door in (hook.get_conn, lambda: hook.call("profile"), hook.test_connection):
        try:
            story = str(door())
        except InvalidConnectionError as error:
            story = whole_story(error)
        assert not secrets_in(story.lower(), _CODE, "s3cr3t")


def test_nothing_shown_of_settings_is_a_secret():
    for settings in (_webhook(), _application(), _parse(password=_URL)):
        shown = f"{settings!r} {settings} {settings.credentials!r} {settings.wire!r}"
        assert not secrets_in(shown, _CODE, "s3cr3t-client", "s3cr3t-refresh", "s3cr3t-access", _URL)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_typed_in_gives_settings_or_the_one_error(host, schema, login, extra):
    try:
        settings = _parse(extra, host=host, schema=schema, login=login, password=_CODE)
    except RestError as error:
        leaked = secrets_in(whole_story(error), _CODE)
        assert not leaked
    else:
        assert settings.credentials.origin.startswith(("https://", "http://"))


@given(st.text(max_size=80))
def test_whatever_is_pasted_gives_settings_or_the_one_error(path):
    try:
        settings = _parse(password=f"https://{path}")
    except RestError as error:
        remedy = error.remedy
        assert remedy
    else:
        assert isinstance(settings.credentials, Webhook)


def test_the_error_is_joined_at_the_hooks_door(connect):
    hook = connect({"conn_type": "bitrix24"})
    with pytest.raises(InvalidConnectionError, match="password: no credentials") as caught:
        hook.call("profile")
    assert isinstance(caught.value, RestError)
    with pytest.raises(InvalidConnectionError), joined():
        raise RestError("x")
