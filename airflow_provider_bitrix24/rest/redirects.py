"""Where a renamed portal may send the credentials."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urljoin, urlsplit

from airflow_provider_bitrix24.rest.credentials import Address
from airflow_provider_bitrix24.rest.errors import RedirectRefusedError
from airflow_provider_bitrix24.rest.redaction import Secrets

#: Bitrix24's cloud domains. A closed list: whatever follows a pattern could be registered by anybody.
CLOUD_DOMAINS = frozenset(
    f"bitrix24.{zone}"
    for zone in (
        *("com", "ru", "eu", "de", "fr", "es", "it", "pl", "in", "cn", "ua", "by", "kz", "jp", "id", "vn"),
        *("mx", "uk", "co", "com.br", "com.tr", "tech"),
    )
)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own.

    :param host: host without port, IPv6 without brackets
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_origin(
    address: Address, location: str, trusted_hosts: Collection[str], secrets: Secrets
) -> str | RedirectRefusedError:
    """Return the origin that a redirect leads to, or why it is not followed.

    :param address: where the call went
    :param location: the ``Location`` header
    :param trusted_hosts: hosts that the connection allows besides the cloud's
    :param secrets: what to keep out of messages
    """
    old = urlsplit(address.reveal())
    try:
        new = urlsplit(urljoin(address.reveal(), location))
        host, _ = new.hostname or "", new.port
    except ValueError:
        new, host = urlsplit(""), ""
    problem = ""
    if not host:
        problem = "to what is no address"
    elif (new.path.rstrip("/"), new.query) != (old.path.rstrip("/"), old.query):
        problem = "to another path"
    elif new.scheme != "https" and not (
        new.scheme == "http" and is_loopback(host) and is_loopback(old.hostname or "")
    ):
        problem = "without TLS"
    elif not (
        _is_cloud(host) or host in trusted_hosts or host == old.hostname or _both_local(host, old.hostname)
    ):
        problem = "to a host that is neither Bitrix24's cloud nor among the connection's trusted_hosts"
    elif "@" in new.netloc:
        problem = "with credentials of its own"
    if problem:
        shown = secrets.redact(f"{new.scheme}://{new.netloc.rpartition('@')[2]}{new.path}/").rstrip("/")
        return RedirectRefusedError(
            f"the portal redirects {problem}: {shown}",
            portal=old.netloc,
            remedy="If the portal has moved, put its new address into the connection.",
        )
    return f"{new.scheme}://{new.netloc}"


def _is_cloud(host: str) -> bool:
    name, _, domain = host.lower().partition(".")
    return bool(name) and domain in CLOUD_DOMAINS


def _both_local(host: str, old_host: str | None) -> bool:
    return is_loopback(host) and is_loopback(old_host or "")
