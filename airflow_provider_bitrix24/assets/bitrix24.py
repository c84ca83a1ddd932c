"""Assets of a portal: ``bitrix24://portal.bitrix24.com/crm/deal``."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import SplitResult

from airflow.sdk import Asset, AssetWatcher

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.cards import list_address
from airflow_provider_bitrix24.crm.lineage import asset_uri, dataset_name
from airflow_provider_bitrix24.crm.watching.item_lists import parse_listed_type
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.triggers.changes import CrmChangesTrigger

_NAME = re.compile(r"(?![-_])[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)
#: a host and a port; a host that is an address of IPv6 stands in brackets
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(:0*(?P<port>[1-9][0-9]{0,4}))?", re.ASCII)
_MOST_PORT, _HTTPS = 65535, "443"
_REMEDY = "Give the portal's host, such as portal.bitrix24.com, without https:// and a path."


def crm_asset(
    entity_type: str,
    *,
    portal: str,
    name: str | None = None,
    watch: bool = False,
    bitrix24_conn_id: str = DEFAULT_CONN_ID,
    poke_interval: float = 60.0,
) -> Asset:
    """Return the asset of the CRM items of a type, with or without a watcher for their changes.

    Its URI is ``bitrix24://portal.bitrix24.com/crm/deal``, and its extra holds the address of the portal's
    list under ``url``. All DAGs that name the same portal and type mean the same asset.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``smart_document`` or ``dynamic_1042``
    :param portal: the portal's host, with its port where it has one
    :param name: the asset's name; ``None`` for its URI. One asset has one name in all DAGs
    :param watch: whether a :class:`~airflow_provider_bitrix24.triggers.changes.CrmChangesTrigger` updates
        the asset when items change
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24`` to the same portal; the watcher uses it
    :param poke_interval: seconds between two looks of the watcher
    :raises InvalidInputError: one of these is not valid
    """
    with joined():
        kind = parse_listed_type(entity_type)
    host = _host(portal)
    watchers = []
    if check_flag(watch, "watch"):
        trigger = CrmChangesTrigger(
            entity_type=kind, poke_interval=poke_interval, bitrix24_conn_id=bitrix24_conn_id
        )
        watchers.append(AssetWatcher(name=f"changes of {kind} items of {host}", trigger=trigger))
    uri = asset_uri(host, dataset_name(kind))
    extra: dict[str, Any] = {"url": list_address(f"https://{host}", kind)}
    return Asset(name=name or uri, uri=uri, extra=extra, watchers=watchers)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return an asset's URI in its one spelling: Airflow asks for it.

    :param uri: the URI in parts
    :raises ValueError: it has a user part, a query, or no host
    """
    if uri.query or uri.fragment:
        raise ValueError("a URI of a portal has no query: write bitrix24://portal.bitrix24.com/crm/deal")
    try:
        host = _host(uri.netloc)
    except InvalidInputError as error:
        problem = str(error)
    else:
        return uri._replace(netloc=host, path=uri.path.rstrip("/").lower())
    raise ValueError(problem)


def _host(value: str) -> str:
    """Return a portal's host in its one spelling. What is none may be a webhook, and is not shown."""
    match = _ADDRESS.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    host = _name(match["host"]) if match else ""
    port = match["port"] if match else None
    if not host or int(port or 0) > _MOST_PORT:
        raise InvalidInputError("portal: it is not the host of a portal", remedy=_REMEDY)
    return host if port in (None, _HTTPS) else f"{host}:{port}"


def _name(text: str) -> str:
    """Return a host's name in its one spelling, or an address of IPv6; nothing where it is neither."""
    try:
        if text.startswith("["):
            IPv6Address(text.strip("[]"))
            return text
        name = text.rstrip(".").encode("idna").decode("ascii")
    except ValueError:
        return ""
    return name if _NAME.fullmatch(name) and name != "none" else ""
