"""Connections that are refused, and that no secret is told of them."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from connection_samples import CODE, OAUTH, ORIGIN, URL, parse, parse_application, parse_webhook
from hook_helpers import secrets_in, whole_story
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.hooks.errors import InvalidConnectionError, joined
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.errors import InvalidConnectionError as RestError

# ---------------------------------------------------------------- what is refused

_BAD: list[tuple[str, dict[str, Any], str]] = [
    # (name, fields, how the message begins)
    ("nothing at all", {}, "password: no credentials are given"),
    ("no host", {"login": "1", "password": CODE}, "host: the portal's address is missing"),
    ("a blank host", {"host": " ", "login": "1", "password": CODE}, "host: the portal's address is missing"),
    ("no password", {"host": "portal.bitrix24.com", "login": "1"}, "password: no credentials are given"),
    ("a webhook without user id", {"host": "p.bitrix24.com", "password": CODE}, "login: the webhook's user"),
    ("user and code exchanged", {"host": "h", "login": CODE, "password": "1"}, "login: it is not a user id"),
    ("a webhook in Login", {"host": "h", "login": URL, "password": CODE}, "login: it is not a user id"),
    ("user zero", {"host": "h", "login": "0", "password": CODE}, "login: it is not a user id"),
    ("a code with a slash", {"host": "h", "login": "1", "password": f"{CODE}/x"}, "password: the webhook's"),
    ("a URL without scheme", {"password": URL[8:]}, "password: the webhook's code may hold letters and"),
    ("a code with a blank", {"host": "h", "login": "1", "password": f"{CODE} x"}, "password: the webhook's"),
    # the host
    ("a webhook in Host", {"host": URL}, "host: this is a webhook's URL, and this field is not masked"),
    ("a webhook in Host twice", {"host": URL, "password": URL}, "host: this is a webhook's URL"),
    ("a webhook in Host in capitals", {"host": URL.upper(), "password": URL}, "host: this is a webhook's"),
    ("a webhook in Host, no scheme", {"host": URL[8:]}, "host: this is a webhook's URL"),
    ("an encoded webhook in Host", {"host": f"p%2Frest%2F1%2F{CODE}"}, "password: no credentials"),
    ("an encoded webhook, code", {"host": f"p%2Frest%2F1%2F{CODE}", "login": "1", "password": CODE}, "hos"),
    ("a query", {"host": f"p.bitrix24.com?code={CODE}"}, "host: it holds more than an address"),
    ("a path", {"host": "p.bitrix24.com/company"}, "host: it holds more than an address"),
    ("a fragment", {"host": "p.bitrix24.com#a"}, "host: it holds more than an address"),
    ("credentials in Host", {"host": f"1:{CODE}@p.bitrix24.com"}, "host: it holds more than an address"),
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
    ("a webhook in Schema", {"host": "h", "schema": f"rest/1/{CODE}"}, "schema: only https and http lead"),
    ("http to a foreign host", {"host": "http://p.bitrix24.com"}, "host: plain http to 'p.bitrix24.com' wou"),
    ("http by Schema", {"host": "p.bitrix24.com", "schema": "http"}, "host: plain http to 'p.bitrix24.com'"),
    ("http to every address", {"host": "http://0.0.0.0"}, "host: plain http to '0.0.0.0' would send"),
    # the pasted URL
    ("a pasted query", {"password": f"{URL}?a=b"}, "password: the address is not an inbound webhook's URL"),
    ("a pasted fragment", {"password": f"{URL}#a"}, "password: the address is not an inbound webhook's URL"),
    ("pasted, no code", {"password": f"{ORIGIN}/rest/1/"}, "password: the address is not an inbound"),
    ("pasted, no user", {"password": f"{ORIGIN}/rest/{CODE}/"}, "password: the address is not an inbound"),
    ("pasted, no user, a method", {"password": f"{ORIGIN}/rest/{CODE}/profile"}, "password: the address i"),
    ("pasted, user zero", {"password": f"{ORIGIN}/rest/0/{CODE}/"}, "login: it is not a user id"),
    ("pasted, REST 3.0", {"password": f"{ORIGIN}/rest/api/1/{CODE}/"}, "password: the address is one of"),
    ("pasted, too much", {"password": f"{URL}a/b/"}, "password: the address is not an inbound webhook's UR"),
    ("pasted, credentials", {"password": f"https://a:b@p/rest/1/{CODE}/"}, "password: the address is not a"),
    ("pasted, no host", {"password": f"https:///rest/1/{CODE}/"}, "password: it is not the name or address"),
    ("pasted, half an address", {"password": f"https://[::1/rest/1/{CODE}/"}, "password: it is not an addr"),
    ("pasted, a bad port", {"password": f"https://p:x/rest/1/{CODE}/"}, "password: it is not an address"),
    ("pasted, a foreign scheme", {"password": URL.replace("https", "ftp")}, "password: only https and http"),
    ("pasted, plain http", {"password": URL.replace("https", "http")}, "password: plain http to 'portal.bi"),
    ("pasted, an odd code", {"password": f"{ORIGIN}/rest/1/{CODE}%2F/"}, "password: the webhook's code ma"),
    ("another host", {"password": URL, "host": "other.bitrix24.com"}, "host: it is not that of the webhook"),
    ("another port", {"password": URL, "port": 8443}, "port: it is not that of the webhook's URL in Passwo"),
    ("another port in Host", {"password": URL, "host": "portal.bitrix24.com:1"}, "port: it is not that of"),
    ("another scheme", {"password": URL, "schema": "http"}, "schema: it is not that of the webhook's URL"),
    ("another user", {"password": URL, "login": "2"}, "login: it is not the user of the webhook's URL"),
    # an OAuth application
    ("webhook and OAuth", {"password": URL, "extra": OAUTH}, "password and client_id: a webhook and an OA"),
    ("a code and a token", {"password": CODE, "extra": {"access_token": "s3cr3t-access"}}, "password and a"),
    ("no token", {"host": "h", "extra": {"client_id": "local.1"}}, "refresh_token: neither a refresh token"),
    ("no secret", {"host": "h", "extra": {**OAUTH, "client_secret": ""}}, "client_secret: it is needed to"),
    ("no client id", {"host": "h", "extra": {**OAUTH, "client_id": None}}, "client_id: it is needed to ren"),
    ("no portal", {"extra": OAUTH}, "host: the portal's address is missing"),
    ("a name for a user", {"host": "h", "login": "admin", "extra": OAUTH}, "login: it is not a user id"),
    ("a webhook in Host and OAuth", {"host": URL, "extra": OAUTH}, "host: this is a webhook's URL"),
    *(
        (f"authorisation server {server}", {"host": "h", "extra": {**OAUTH, "oauth_server": server}}, begin)
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


@cases(("fields", "begin"), [pytest.param(fields, begin, id=name) for name, fields, begin in _BAD])
def test_a_bad_connection(fields, begin):
    fields = dict(fields)
    if begin.startswith(("host", "port", "schema")) and "password" not in fields and "extra" not in fields:
        fields |= {} if "webhook's URL" in begin else {"login": "1", "password": CODE}
    with pytest.raises(RestError) as caught:
        parse(**fields)
    message = str(caught.value)
    assert message.startswith(begin)
    assert caught.value.remedy
    assert not secrets_in(message.lower(), CODE, "s3cr3t")


_BAD_EXTRAS: list[tuple[dict[str, Any] | str, str]] = [
    ({"pln": "standard"}, "extra: 'pln' is unknown. Write 'plan', if you meant that."),
    ({"webhook": "x"}, "extra: 'webhook' is unknown. Known are plan, requests_per_second"),
    ({"refresh_tokens": "x"}, "extra: 'refresh_tokens' is unknown. Write 'refresh_token'"),
    ({"Plan": "standard"}, "extra: 'Plan' is unknown. Write 'plan', if you meant that."),
    ({f"https://p/rest/1/{CODE}/": ""}, "extra: 'https://p/rest/1/***/' is unknown"),
    ({"plan": "entreprise"}, "plan: 'entreprise' is none of standard, enterprise, self-hosted. Write 'ent"),
    ({"plan": "gold"}, "plan: 'gold' is none of standard, enterprise, self-hosted. Leave it empty"),
    ({"plan": 5}, "plan: '5' is none of"),
    ({"pacing": "machin"}, "pacing: 'machin' is none of machine, redis, process, off. Write 'machine"),
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


@cases(("extra", "begin"), [pytest.param(extra, begin, id=str(extra)[:40]) for extra, begin in _BAD_EXTRAS])
def test_bad_extras(extra, begin):
    # A flag is looked at where it matters.
    host = "http://intranet" if "allow_http" in extra else "portal.bitrix24.com"
    with pytest.raises(RestError) as caught:
        parse_webhook(extra, host=host)
    assert str(caught.value).startswith(begin)
    assert caught.value.remedy
    assert not secrets_in(str(caught.value), CODE)


# ---------------------------------------------------------------- secrets


@cases(("fields", "begin"), [pytest.param(fields, begin, id=name) for name, fields, begin in _BAD])
def test_nothing_told_of_a_bad_connection_holds_a_secret(fields, begin, connect):
    connection = {"conn_type": "bitrix24", **fields}
    hook = connect(connection)
    for door in (hook.get_conn, lambda: hook.call("profile"), hook.test_connection):
        try:
            story = str(door())
        except InvalidConnectionError as error:
            story = whole_story(error)
        assert not secrets_in(story.lower(), CODE, "s3cr3t")


def test_nothing_shown_of_settings_is_a_secret():
    for settings in (parse_webhook(), parse_application(), parse(password=URL)):
        shown = f"{settings!r} {settings} {settings.credentials!r} {settings.wire!r}"
        assert not secrets_in(shown, CODE, "s3cr3t-client", "s3cr3t-refresh", "s3cr3t-access", URL)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_typed_in_gives_settings_or_the_one_error(host, schema, login, extra):
    try:
        settings = parse(extra, host=host, schema=schema, login=login, password=CODE)
    except RestError as error:
        leaked = secrets_in(whole_story(error), CODE)
        assert not leaked
    else:
        assert settings.credentials.origin.startswith(("https://", "http://"))


@given(st.text(max_size=80))
def test_whatever_is_pasted_gives_settings_or_the_one_error(path):
    try:
        settings = parse(password=f"https://{path}")
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
