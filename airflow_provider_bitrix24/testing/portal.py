"""The portal as tests see it."""

from __future__ import annotations

import ipaddress
import shutil
import tempfile
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from . import dates, demo
from .app import PortalApp
from .contents import PortalContents
from .controls import PortalControls
from .limits import Limits
from .related import RelatedContents
from .server import ServerThread
from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

# What another process may do through the control address.
_ACTIONS = (
    "add_item",
    "add_comment",
    "add_record",
    "add_log_message",
    "add_smart_process",
    "add_pipeline",
    "add_stage",
    "add_user_field",
    "remove_user_field",
    "require_field",
    "hide_user_field",
    "item",
    "set_stage",
    "delete_item",
    "restore_item",
    "update_item",
    "hide_items",
    "add_many",
    "delete_record",
    "bind",
    "unbind",
    "bindings",
    "add_activity",
    "delete_activity",
    "bind_activity",
    "activity_bindings",
    "add_chat",
    "add_department",
    "add_status",
    "add_product_rows",
    "add_requisite",
    "add_bank_detail",
    "product_rows",
    "add_currency",
    "load_demo",
    "charge_operating",
    "expire_access_tokens",
    "revoke_refresh_token",
    "revoke_webhook",
    "set_plan",
    "set_overload",
    "set_deleted",
    "set_bindings_remembered",
    "set_owner_arrays_ignored",
    "set_corrections",
    "set_user_fields_required",
    "set_log_messages_as_documented",
    "rename",
    "set_dates",
    "move_clock",
    "set_server_timezone",
    "set_time_zone",
    "connection",
    "oauth_connection",
    "webhook_url",
)


class Bitrix24Portal(PortalContents, RelatedContents, PortalControls):
    """A Bitrix24 portal in this process, reachable over HTTP at the loopback.

    A new portal has user 1 "Admin" (administrator), user 2 "Manager" (may read and change everything) and
    user 3 "Guest" (may read everything and change nothing), each with a webhook, one OAuth application,
    and an empty CRM. All functions may be called from any thread, also while it is stopped.

    :param limits: by default those of a cloud portal, none for a self-hosted one
    :param request_delay: seconds every request takes
    :param command_delay: seconds every command of a batch takes
    :param tls: serve HTTPS, with a certificate of an authority made up for this portal (``ca_file``)
    :param host: a loopback address
    :param port: 0 picks a free one
    :param clock: the portal's time, for limits, tokens and dates
    :param server_timezone: offset in which the portal writes times, or a zone such as ``Europe/Berlin``
    :param self_hosted: a portal on premises instead of in the cloud
    :param code: fixed webhook code of user 1, by default a random one
    """

    def __init__(
        self,
        limits: Limits | None = None,
        request_delay: float = 0.0,
        command_delay: float = 0.0,
        tls: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
        server_timezone: str = "+03:00",
        self_hosted: bool = False,
        code: str | None = None,
    ) -> None:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(
                f"host={host!r}: the portal has no protection, only a loopback address is allowed"
            )
        self._world = World(
            clock=clock,
            zone=dates.zone(server_timezone),
            limits=limits or Limits(plan="self-hosted" if self_hosted else "standard"),
            self_hosted=self_hosted,
            request_delay=request_delay,
            command_delay=command_delay,
        )
        self.host = host
        self.scheme = "https" if tls else "http"
        certificates = self._certificate() if tls else (None, None, None)
        self.ca_file: str | None = certificates[0]
        self._ports = [port]
        self._redirect: str | None = None
        actions = {name: getattr(self, name) for name in _ACTIONS}
        actions["add_user"] = lambda *args, **options: self.add_user(*args, **options).code
        app = PortalApp(self._world, self._redirect_for, actions)
        self._server = ServerThread(app, host, *certificates[1:])
        self.add_user(1, "Admin", admin=True, code=code)
        self.add_user(2, "Manager")
        self.add_user(3, "Guest", may_update=False)

    def load_demo(self) -> None:
        """Fill the CRM with companies, contacts, deals and leads; the users live where the server is."""
        demo.load(self)
        with self._world.lock:
            for user in self._world.users.values():
                user.time_zone = user.time_zone or dates.name_of(self._world.zone)

    def _certificate(self) -> tuple[str, str, str]:
        """Create the files, which go with the portal: a stopped one can be started again."""
        from . import tls  # cryptography is needed for this only

        folder = tempfile.mkdtemp(prefix="bitrix24-portal-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return tls.create(Path(folder), self.host)

    # ------------------------------------------------------------ life

    def start(self) -> Self:
        """Start to serve; after a stop on the same addresses and with the same contents."""
        if not self._server.running:
            self._ports = self._server.start(self._ports)
            self._world.base_url = self.url
        return self

    def stop(self) -> None:
        """Stop to serve. Running requests are cut off; connections are refused until the next start."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        if error is None and self._world.interference.errors:
            raise self._world.interference.errors[0]

    def rename(self, location: str | None = None) -> str:
        """Move the portal: the addresses so far answer 302 with an HTML page to every call.

        :param location: redirect there instead of to a new address of this portal; ``{path}`` in it stands
            for the request's path and query
        :return: the new address, or ``location``
        """
        if location is not None:
            self._redirect = location
            return location
        if not self._server.running:
            raise RuntimeError("The portal has to be started before it can move")
        # Without the lock: the server's thread may be waiting for it.
        self._ports.append(self._server.open())
        self._redirect = None
        self._world.base_url = self.url
        return self.url

    def _redirect_for(self, port: int) -> str | None:
        if self._redirect is not None:
            return self._redirect
        return None if port == self.port else f"{self.url}{{path}}"

    # ------------------------------------------------------------ addresses and credentials

    @property
    def port(self) -> int:
        """The port of the current address."""
        return self._ports[-1]

    @property
    def url(self) -> str:
        """The portal's address, without a slash at the end."""
        if not self.port:
            raise RuntimeError("The portal has no address before it is started for the first time")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def webhook_code(self, user_id: int = 1) -> str:
        """Return the secret of a user's webhook."""
        return self._world.users[user_id].code

    def webhook_url(self, user_id: int = 1) -> str:
        """Return the address of a user's webhook, as Bitrix24 shows it."""
        return f"{self.url}/rest/{user_id}/{self.webhook_code(user_id)}/"

    def connection(self, *, user_id: int = 1, **extra: Any) -> dict[str, Any]:
        """Return an Airflow connection for a user's webhook, as ``AIRFLOW_CONN_...`` takes it in JSON.

        :param extra: entries of the connection's extra
        """
        return {
            **self._connection(extra),
            "login": str(user_id),
            "password": self.webhook_code(user_id),
        }

    def oauth_connection(self, user_id: int = 1, **extra: Any) -> dict[str, Any]:
        """Return an Airflow connection for the OAuth application with a new pair of tokens of a user.

        :param extra: entries of the connection's extra
        """
        with self._world.lock:
            access, refresh = self._world.oauth.issue(user_id)
        return self._connection(
            {
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "access_token": access,
                "refresh_token": refresh,
                "oauth_server": self.url,
                **extra,
            }
        )

    def _connection(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        trust = {"verify": self.ca_file} if self.ca_file else {}
        return {
            "conn_type": "bitrix24",
            "host": self.host,
            "schema": self.scheme,
            "port": self.port,
            "extra": {**trust, **extra},
        }
