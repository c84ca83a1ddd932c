"""Where credentials may follow a renamed portal. (The exchange's own tests show what becomes of the call.)"""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.rest.credentials import Address
from airflow_provider_bitrix24.rest.errors import RedirectRefusedError
from airflow_provider_bitrix24.rest.redaction import Secrets
from airflow_provider_bitrix24.rest.redirects import CLOUD_DOMAINS, is_loopback, new_origin

PATH = "/rest/1/s3cr3tcode/profile"


def follow(old: str, new: str, trusted: set[str] | None = None) -> object:
    address = Address(old, PATH, "/rest/1/***/profile")
    return new_origin(address, new, trusted or set(), Secrets({"s3cr3tcode": "x"}))


@cases("domain", sorted(CLOUD_DOMAINS))
def test_the_cloud(domain):
    assert follow("https://a.bitrix24.com", f"https://NEW.{domain}{PATH}") == f"https://NEW.{domain}"
    assert isinstance(follow("https://a.bitrix24.com", f"https://{domain}{PATH}"), RedirectRefusedError)


@cases("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_plain_http_between_loopback_addresses(host):
    assert follow("http://127.0.0.1:8000", f"http://{host}:9000{PATH}") == f"http://{host}:9000"


@cases(
    ("old", "new", "problem"),
    [
        ("https://a.bitrix24.com", f"http://b.bitrix24.com{PATH}", "without TLS"),
        ("https://a.bitrix24.com", f"http://127.0.0.1{PATH}", "without TLS"),
        ("http://127.0.0.1", f"http://b.bitrix24.com{PATH}", "without TLS"),
        ("https://a.bitrix24.com", f"https://127.0.0.1{PATH}", "neither Bitrix24's cloud"),
        ("https://a.bitrix24.com", "https://b.bitrix24.com/", "to another path"),
        ("https://a.bitrix24.com", f"https://b.bitrix24.com{PATH}x", "to another path"),
        ("https://a.bitrix24.com", f"https://u:p4ss@b.bitrix24.com{PATH}", "with credentials of its own"),
        ("https://a.bitrix24.com", "https://[bad/", "to what is no address"),
        ("https://a.bitrix24.com", "mailto:somebody", "to what is no address"),
        ("https://a.bitrix24.com", f"https://b.bitrix24.com:port{PATH}", "to what is no address"),
    ],
)
def test_refused(old, new, problem):
    error = follow(old, new)
    assert isinstance(error, RedirectRefusedError)
    assert problem in str(error)
    assert "s3cr3tcode" not in str(error)
    assert "p4ss" not in str(error)


def test_trusted_and_same_hosts():
    assert follow("https://crm.example", f"https://crm.example:444{PATH}") == "https://crm.example:444"
    assert follow("http://crm.example", f"https://crm.example{PATH}") == "https://crm.example"
    assert (
        follow("https://a.bitrix24.com", f"https://crm.example{PATH}", {"crm.example"})
        == "https://crm.example"
    )


@cases(
    ("host", "own"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback(host, own):
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example/x/s3cr3tcode/",
        "https://elsewhere.example/%2Frest%2F1%2Fs3cr3tcode%2Fprofile",
        "https://s3cr3tcode.elsewhere.example/rest/1/s3cr3tcode/profile",
    ],
)
def test_a_refusal_shows_no_secret_wherever_it_stands(location):
    refused = follow("https://portal.bitrix24.com", location)
    assert isinstance(refused, RedirectRefusedError)
    assert "s3cr3tcode" not in str(refused)


def test_a_refusal_says_where_it_led_and_what_to_do():
    error = follow("https://a.bitrix24.com:8443", f"https://u:p4ss@crm.example:1{PATH}?a=1")
    assert (
        error.description == "the portal redirects to another path: https://crm.example:1/rest/1/***/profile"
    )
    assert error.portal == "a.bitrix24.com:8443"
    assert error.remedy == "If the portal has moved, put its new address into the connection."


@pytest.mark.parametrize(
    ("location", "shown"),
    [("https://[bad/", ":"), ("https://other.example/a/b/", "https://other.example/a/b"), ("/", "")],
    ids=["broken", "with-slash", "relative"],
)
def test_what_a_refusal_shows_of_the_address(location, shown):
    shown = shown or "https://a.bitrix24.com"
    assert follow("https://a.bitrix24.com", location).description.endswith(f": {shown}")


@cases(
    ("old", "location", "origin"),
    [
        ("https://a.bitrix24.com", PATH, "https://a.bitrix24.com"),
        ("https://a.bitrix24.com", f"{PATH}/", "https://a.bitrix24.com"),
        ("https://a.bitrix24.com", f"//b.bitrix24.ru:8443{PATH}", "https://b.bitrix24.ru:8443"),
        ("https://127.0.0.1", f"https://localhost{PATH}", "https://localhost"),
        ("http://localhost", f"https://localhost:8443{PATH}", "https://localhost:8443"),
        ("http://[::1]:80", f"http://localhost{PATH}", "http://localhost"),
    ],
)
def test_followed(old, location, origin):
    assert follow(old, location) == origin


@cases(
    ("old", "location"),
    [
        ("http://crm.example", f"http://crm.example:81{PATH}"),
        ("http://crm.example", f"http://localhost{PATH}"),
        ("http://localhost", f"http://crm.example{PATH}"),
        ("http://localhost", f"ftp://localhost{PATH}"),
    ],
)
def test_without_tls_only_this_machine_is_followed(old, location):
    assert "without TLS" in follow(old, location, {"crm.example", "localhost"}).description


@cases("host", ["bitrix24.com", "a.b.bitrix24.com", "abitrix24.com", "a.bitrix24.evil"])
def test_what_is_not_the_cloud(host):
    error = follow("https://a.bitrix24.ru", f"https://{host}{PATH}")
    assert "to a host that is neither Bitrix24's cloud nor among the connection's trusted_hosts" in str(error)


def test_a_query_is_a_part_of_the_path():
    assert "to another path" in follow("https://a.bitrix24.com", f"{PATH}?x=1").description
