"""Certificates and proxies, through both transports alike."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from free_ports import free_port
from rest_drivers import session_of, webhook_of
from rest_sockets import HANG_UP, RESET, Tunnel, http

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.wire import Wire
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

BIND, ADD, GET = "crm.timeline.bindings.bind", "crm.deal.add", "crm.deal.get"
CODE = "s3cr3twebhookcode"


NEW_DEAL = {"fields": {"TITLE": "x"}}


def raw(server) -> Webhook:
    return Webhook(server.origin, "1", CODE)


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def tls_box():
    with Bitrix24Portal(limits=Limits.off(), tls=True) as portal:
        yield portal


@pytest.fixture
def secure(tls_box):
    tls_box.clear_journal()
    tls_box.faults.clear()
    return tls_box


@pytest.mark.parametrize("method", [GET, ADD])
def test_a_certificate_nobody_knows(secure, open_driver, method):
    driver = open_driver(session_of(webhook_of(secure)))
    with pytest.raises(e.TlsError, match="certificate verify failed") as caught:
        driver.call(method, NEW_DEAL)
    assert "CA bundle" in str(caught.value)
    assert secure.requests == []


@pytest.mark.parametrize("method", [GET, ADD])
def test_a_portal_without_tls_asked_for_some(box, open_driver, method):
    plain = webhook_of(box)
    driver = open_driver(session_of(Webhook(plain.origin.replace("http:", "https:"), "1", CODE)))
    with pytest.raises(e.PortalUnreachableError, match="speaks no TLS") as caught:
        driver.call(method, NEW_DEAL)
    assert "give http as the scheme" in str(caught.value)
    assert box.requests == []


def test_a_certificate_of_the_given_authority(secure, open_driver):
    wire = Wire(verify=secure.ca_file)
    driver = open_driver(session_of(webhook_of(secure)), wire)
    assert driver.call("profile")["ID"] == "1"
    assert driver.call(ADD, NEW_DEAL)
    assert len(wire.tls.get_ca_certs()) == 1, "no other authority is trusted besides"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl names the files of such a folder")
def test_a_folder_of_certificates(secure, open_driver, tmp_path):
    command = ["openssl", "x509", "-noout", "-hash", "-in", secure.ca_file]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    wire = Wire(verify=str(tmp_path))
    driver = open_driver(session_of(webhook_of(secure)), wire)
    with pytest.raises(e.TlsError):
        driver.call("profile")
    shutil.copy(secure.ca_file, tmp_path / f"{name}.0")
    assert driver.call("profile")["ID"] == "1"


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_no_check_of_certificates(secure, open_driver):
    driver = open_driver(session_of(webhook_of(secure)), Wire(verify=False))
    assert driver.call("profile")["ID"] == "1"


def test_a_certificate_for_another_host(secure, open_driver, monkeypatch):
    other = Webhook(secure.url.replace("127.0.0.1", "127.0.0.2"), "1", secure.webhook_code())
    driver = open_driver(session_of(other), Wire(verify=secure.ca_file))
    with pytest.raises((e.TlsError, e.PortalUnreachableError)):
        driver.call("profile")


@pytest.mark.parametrize(
    "answer",
    [[b"HTTP/1.1 400 Bad Request\r\n\r\n"], [HANG_UP], [RESET], [b"\x15\x03\x03\x00\x02\x02\x28"]],
    ids=["plain-http", "hang-up", "reset", "alert"],
)
@pytest.mark.parametrize("method", [GET, ADD])
def test_no_tls_comes_about(open_driver, raw_server, answer, method):
    """Nothing was sent, so nothing is ambiguous."""
    server = raw_server(answer)
    driver = open_driver(session_of(Webhook(server.origin.replace("http", "https"), "1", CODE)))
    with pytest.raises(e.PortalUnreachableError):
        driver.call(method, NEW_DEAL)


def test_a_connection_lost_under_tls_is_unclear(secure, open_driver):
    secure.inject("drop_after", ADD, reset=True)
    driver = open_driver(session_of(webhook_of(secure)), Wire(verify=secure.ca_file))
    before = len(secure.items("deal"))
    with pytest.raises(e.AmbiguousWriteError):
        driver.call(ADD, NEW_DEAL)
    assert len(secure.items("deal")) == before + 1


def test_a_bundle_that_cannot_be_read(box, open_driver):
    driver = open_driver(session_of(webhook_of(box)), Wire(verify="/nowhere/ca.pem"))
    with pytest.raises(e.InvalidConnectionError, match=r"/nowhere/ca\.pem"):
        driver.call("profile")


# ---------------------------------------------------------------- proxies and .netrc


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("method", [GET, ADD])
def test_a_proxy_that_is_not_there(open_driver, scheme, method):
    wire = Wire(proxy=f"http://user:pr0xypass@127.0.0.1:{free_port()}")
    driver = open_driver(session_of(Webhook(f"{scheme}://portal.bitrix24.com", "1", CODE)), wire)
    with pytest.raises(e.PortalUnreachableError) as caught:
        driver.call(method, NEW_DEAL)
    assert "pr0xypass" not in str(caught.value)


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_a_proxy_that_refuses_the_tunnel(open_driver, raw_server, status):
    server = raw_server(http(b"<html>", status))
    driver = open_driver(
        session_of(Webhook("https://portal.bitrix24.com", "1", CODE)), Wire(proxy=server.origin)
    )
    with pytest.raises(e.PortalUnreachableError, match=status[:3]):
        driver.call(ADD, NEW_DEAL)
    assert all(head.startswith(b"CONNECT portal.bitrix24.com:443") for head in server.heads)
    assert not any(CODE.encode() in head for head in server.heads)


@pytest.fixture
def tunnel():
    server = Tunnel(HANG_UP)
    yield server
    server.stop()


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_a_portal_beyond_a_proxy(secure, open_driver, tunnel, scheme):
    """The connection's certificates count there as well, and the proxy sees nothing but the host."""
    proxy = tunnel.origin.replace("http", scheme)
    driver = open_driver(session_of(webhook_of(secure)), Wire(verify=secure.ca_file, proxy=proxy))
    assert driver.call("profile")["ID"] == "1"
    assert driver.call(ADD, NEW_DEAL)
    host = secure.url.partition("://")[2]
    assert {head.split(b" HTTP/")[0] for head in tunnel.heads} == {f"CONNECT {host}".encode()}
    assert secure.webhook_code().encode() not in b"".join(tunnel.heads)


@pytest.mark.parametrize("method", [GET, ADD])
def test_a_certificate_nobody_knows_beyond_a_proxy(secure, open_driver, tunnel, method):
    driver = open_driver(session_of(webhook_of(secure)), Wire(proxy=tunnel.origin))
    with pytest.raises(e.TlsError, match="certificate verify failed"):
        driver.call(method, NEW_DEAL)
    assert secure.requests == []


@pytest.mark.parametrize("source", ["connection", "environment", "environment-without-scheme"])
def test_a_proxy_that_forwards(open_driver, raw_server, monkeypatch, source):
    server = raw_server(http(b'{"result": 1}'))
    if source != "connection":
        monkeypatch.setenv("http_proxy", server.origin.removeprefix("http://" * ("without" in source)))
    wire = Wire(proxy=server.origin if source == "connection" else "")
    driver = open_driver(session_of(Webhook("http://portal.example", "1", CODE)), wire)
    assert driver.call("x.get") == 1
    assert server.heads[0].startswith(b"POST http://portal.example/rest/1/")


@pytest.mark.parametrize(
    ("proxy", "error"),
    [
        ("ftp://x:1", e.InvalidConnectionError),
        # Without the library that SOCKS needs nobody can be asked; with it, nobody is there.
        ("socks5://127.0.0.1:1", (e.InvalidConnectionError, e.PortalUnreachableError)),
    ],
)
def test_a_proxy_that_cannot_be_used(open_driver, proxy, error):
    driver = open_driver(session_of(Webhook("http://portal.example", "1", CODE)), Wire(proxy=proxy))
    with pytest.raises(error):
        driver.call(ADD, NEW_DEAL)


def test_netrc_is_not_read(open_driver, raw_server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password n3trc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    server = raw_server(http(b'{"result": 1}'))
    open_driver(session_of(raw(server))).call("x.get")
    assert b"authorization" not in server.heads[0].lower()


def test_what_both_send(open_driver, raw_server):
    server = raw_server(http(b'{"result": 1}'))
    open_driver(session_of(raw(server))).call("x.get", {"text": "Größe", "none": None, "empty": []})
    head = server.heads[0].decode().lower()
    assert head.startswith(f"post /rest/1/{CODE}/x.get http/1.1")
    assert "content-type: application/json\r\n" in head + "\r\n"
    assert "accept: application/json\r\n" in head + "\r\n"
    assert "user-agent: airflow-provider-bitrix24/" in head
    assert "cookie" not in head
    assert server.bodies == ['{"text": "Größe", "none": null, "empty": []}'.encode()]
