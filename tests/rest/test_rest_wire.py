"""What both transports agree on."""

from __future__ import annotations

import ssl

import certifi
import pytest

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
