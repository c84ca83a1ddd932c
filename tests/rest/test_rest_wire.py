"""What both transports agree on."""

from __future__ import annotations

import shutil
import ssl

import certifi
import pytest
from cases import cases

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.wire import Wire, causes_of, reason_of, without_frames

URL = "https://portal.bitrix24.com/rest/x"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("proxy", "environment", "expected"),
    [
        ("", {}, None),
        ("http://proxy:3128", {}, "http://proxy:3128"),
        ("http://proxy:3128", {"https_proxy": "http://other:1", "no_proxy": "*"}, "http://proxy:3128"),
        ("", {"https_proxy": "http://other:1"}, "http://other:1"),
        ("", {"HTTPS_PROXY": "other:1"}, "http://other:1"),
        ("", {"http_proxy": "http://other:1"}, None),
        ("", {"all_proxy": "socks5://other:1"}, "socks5://other:1"),
        ("", {"https_proxy": "http://other:1", "no_proxy": "bitrix24.com"}, None),
        ("", {"https_proxy": "http://other:1", "no_proxy": "*"}, None),
        ("user:pw@proxy:3128", {}, "http://user:pw@proxy:3128"),
    ],
    ids=str,
)
def test_proxies(monkeypatch, proxy, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Wire(proxy=proxy).proxy_for(URL) == expected


def test_an_address_without_host_has_no_proxy_of_the_environment(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://other:1")
    assert Wire().proxy_for("https://") is None


@pytest.mark.parametrize("proxy", ["ftp://user:s3cr3t@proxy:21", "http://", "https://user:s3cr3t@"])
def test_what_is_no_proxy(proxy):
    with pytest.raises(e.InvalidConnectionError, match=r"proxy: .* is not the address of a proxy") as caught:
        Wire(proxy=proxy).proxy_for(URL)
    assert "s3cr3t" not in str(caught.value)


def test_a_proxys_password_is_not_shown():
    assert "s3cr3t" not in repr(Wire(proxy="http://user:s3cr3t@proxy:3128"))


def test_timeouts():
    assert Wire(timeout=5.0).timeouts == (10.0, 5.0)


def test_certificates(tmp_path):
    assert Wire().tls.verify_mode is ssl.CERT_REQUIRED
    assert len(Wire().tls.get_ca_certs()) > 50
    off = Wire(verify=False).tls
    assert (off.verify_mode, off.check_hostname) == (ssl.CERT_NONE, False)
    assert len(Wire(verify=certifi.where()).tls.get_ca_certs()) > 50
    assert Wire(verify=str(tmp_path)).tls.get_ca_certs() == []


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["missing", "empty", "garbage"])
def test_a_bundle_that_cannot_be_read(tmp_path, content):
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(e.InvalidConnectionError, match="verify: no CA bundle can be read"):
        _ = Wire(verify=str(bundle)).tls


def test_causes_and_reasons():
    inner = ConnectionResetError(104, "Connection reset by peer")
    middle = RuntimeError(inner, "x")
    outer = ValueError("outer /rest/1/s3cr3tcode/x")
    outer.__cause__ = middle
    inner.__context__ = outer
    causes = causes_of(outer)
    assert causes == [outer, middle, inner]
    assert reason_of(causes) == "ConnectionResetError: Connection reset by peer"
    assert reason_of([outer]) == "ValueError: outer /rest/1/***/x"
    assert reason_of([ValueError()]) == "ValueError"


def test_an_interruption_loses_its_past():
    error = KeyboardInterrupt()
    try:
        try:
            raise ValueError("s3cr3t")
        except ValueError as cause:
            raise error from cause
    except KeyboardInterrupt:
        stripped = without_frames(error)
    assert stripped is error
    assert (stripped.__traceback__, stripped.__cause__, stripped.__context__) == (None, None, None)


@cases("proxy", ["HTTP://proxy:1", "https://proxy", "socks5://proxy", "socks5h://u:p@proxy"])
def test_kinds_of_proxies(proxy):
    assert Wire(proxy=proxy).proxy_for(URL) == proxy


@pytest.mark.parametrize(
    ("proxy", "shown"), [("ftp://u:p@proxy:21", "ftp://proxy"), ("http://", "http://"), ("://x", "://")]
)
def test_a_proxy_that_is_none_is_named_with_the_remedy(proxy, shown):
    with pytest.raises(e.InvalidConnectionError) as caught:
        Wire(proxy=proxy).proxy_for(URL)
    assert caught.value.description == f"proxy: {shown} is not the address of a proxy"
    assert caught.value.remedy == "Give an address like http://proxy.example:3128."


def test_a_proxy_of_the_environment_is_chosen_by_the_addresss_scheme(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://plain:1")
    monkeypatch.setenv("all_proxy", "http://all:1")
    assert Wire().proxy_for("http://portal.example/x") == "http://plain:1"
    assert Wire().proxy_for(URL) == "http://all:1"


def test_a_bundle_that_cannot_be_read_is_named_with_the_remedy(tmp_path):
    bundle = tmp_path / "ca.pem"
    with pytest.raises(e.InvalidConnectionError) as caught:
        _ = Wire(verify=str(bundle)).tls
    assert caught.value.description.startswith(f"verify: no CA bundle can be read from '{bundle}': [Errno 2]")
    assert caught.value.remedy == "Give the path of a PEM file, or true or false."


def test_a_bundle_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    assert len(Wire(verify="~/ca.pem").tls.get_ca_certs()) > 50


def test_a_given_bundle_is_trusted_alone_and_checked():
    context = Wire(verify=certifi.where()).tls
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_certificates_are_loaded_once():
    assert Wire().tls is Wire().tls
    assert Wire(verify=False).tls is Wire(verify=False).tls


def test_causes_are_told_once_each_and_outermost_first():
    reason, argument, context = OSError("reason"), OSError("argument"), OSError("context")
    outer = OSError(argument)
    outer.reason = reason
    outer.__context__ = context
    argument.__cause__ = reason
    assert causes_of(outer) == [outer, reason, context, argument]


def test_the_innermost_reason_of_the_system_counts():
    outer, system, other = OSError("outer"), OSError(111, "Connection refused"), ValueError("other")
    assert reason_of([outer, system, other]) == "ConnectionRefusedError: Connection refused"
    assert reason_of([ValueError("first"), other]) == "ValueError: other"
    assert reason_of([OSError()]) == "OSError"


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("localhost,10.0.0.0/8", "https://10.1.2.3/rest/", True),
        ("localhost,10.0.0.0/8", "http://10.1.2.3:8080/rest/", True),
        ("localhost,10.0.0.0/8", "https://11.1.2.3/rest/", False),
        ("portal.example:8443", "https://portal.example:8443/rest/", True),
        ("portal.example:8443", "https://portal.example/rest/", False),
        (".example", "https://portal.example/rest/", True),
    ],
)
def test_no_proxy_is_read_as_requests_reads_it(monkeypatch, no_proxy, url, direct):
    """Clusters name whole networks; asked through the proxy, an internal portal is not reached at all."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert Wire().proxy_for(url) == (None if direct else "http://proxy:3128")


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environments_bundle_is_used_unless_the_connection_says_otherwise(monkeypatch, tmp_path, name):
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "company.pem"))
    with pytest.raises(e.InvalidConnectionError, match=r"company\.pem"):
        _ = Wire().tls
    assert Wire(verify=False).tls.verify_mode is ssl.CERT_NONE
    with pytest.raises(e.InvalidConnectionError, match=r"mine\.pem"):
        _ = Wire(verify=str(tmp_path / "mine.pem")).tls
