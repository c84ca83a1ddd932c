"""Certificates that are refused for another reason than an unknown authority: the advice is another one."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rest_drivers import session_of

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.wire import Wire

_DAY = timedelta(days=1)


def _certificate(folder, *, address="127.0.0.1", begins=-_DAY, ends=_DAY):
    """Write an authority's certificate, and a server's that lacks what strict checks look for."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    ca_name, name = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("authority", address)
    )

    def signed(name, key, begins, ends, extension):
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(extension, critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    authority, server = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(signed(ca_name, ca_key, -_DAY, _DAY, x509.BasicConstraints(True, None)))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    server.write_bytes(signed(name, key, begins - _DAY, ends, names) + private)
    return str(authority), str(server)


@pytest.fixture
def serve(tmp_path):
    """Serve TLS with a certificate, and return the webhook of the address and the authority's file."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept(context):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(5)
                context.wrap_socket(connection, server_side=True).close()

    def serve(**properties):
        authority, server = _certificate(tmp_path, **properties)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server)
        threading.Thread(target=accept, args=(context,), daemon=True).start()
        return Webhook(f"https://127.0.0.1:{listener.getsockname()[1]}", "1", "s3cr3tcode"), authority

    yield serve
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _refusal(open_driver, webhook, wire):
    with pytest.raises(e.TlsError) as caught:
        open_driver(session_of(webhook), wire).call("profile")
    return caught.value


def test_a_certificate_that_only_strict_checks_refuse(serve, open_driver):
    """Python 3.13 checks strictly by default; older ones do when they are told to."""
    webhook, bundle = serve()
    wire = Wire(verify=bundle)
    wire.tls.verify_flags |= ssl.VERIFY_X509_STRICT
    error = _refusal(open_driver, webhook, wire)
    assert "Python 3.13" in error.remedy
    assert "Another CA bundle does not help" in error.remedy


@pytest.mark.parametrize(
    ("properties", "advice"),
    [
        ({"ends": -_DAY / 2}, "Have the certificate renewed"),
        ({"begins": _DAY * 3, "ends": _DAY * 9}, "not valid yet"),
        ({"address": "127.0.0.9"}, "as the certificate has it"),
    ],
    ids=["expired", "not yet valid", "another name"],
)
def test_a_certificate_that_is_not_good_for_this(serve, open_driver, properties, advice):
    webhook, bundle = serve(**properties)
    wire = Wire(verify=bundle)
    wire.tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    assert advice in _refusal(open_driver, webhook, wire).remedy


def test_an_unknown_authority_is_cured_by_a_bundle(serve, open_driver):
    webhook, _ = serve()
    assert "path of its CA bundle" in _refusal(open_driver, webhook, Wire()).remedy
