"""Drives exchanges over ``requests``."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Generator, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, assert_never

from airflow_provider_bitrix24.rest import exchange as ex
from airflow_provider_bitrix24.rest import renewal as rn
from airflow_provider_bitrix24.rest.bulk import groups
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.downloads import Download, DownloadStep, download
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    ConnectionLostError,
    PortalUnreachableError,
    TlsError,
    TokenRenewalError,
)
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.redaction import guard_http_loggers
from airflow_provider_bitrix24.rest.replies import Failure, Reply, Response
from airflow_provider_bitrix24.rest.waiting import announce
from airflow_provider_bitrix24.rest.wire import (
    FORM_HEADERS,
    JSON_HEADERS,
    USER_AGENT,
    Wire,
    causes_of,
    reason_of,
)

if TYPE_CHECKING:
    import requests

    from airflow_provider_bitrix24.rest.ledgers import Ledger

log = logging.getLogger(__name__)

_CHUNK = 1 << 16


class Client:
    """A portal, called from ordinary code.

    :param session: credentials, limits and patience, shared with other clients of the same hook
    :param ledger: keeps the portal's limits together with everyone else
    :param wire: how to reach the portal
    :param keeper: keeps renewed tokens; needed for OAuth only
    """

    def __init__(
        self, session: ex.Session, ledger: Ledger, wire: Wire, keeper: rn.TokenKeeper | None = None
    ) -> None:
        self.session = session
        self._ledger = ledger
        self._wire = wire
        self._keeper = keeper
        self._http: requests.Session | None = None
        guard_http_loggers()

    def close(self) -> None:
        """Close idle connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def call_reply(self, call: Call) -> Reply:
        """Carry out a call and return its reply.

        :raises Bitrix24Error: it failed
        """
        [outcome] = self._drive(ex.exchange([call], self.session))
        outcome.unwrap()
        return outcome.reply  # type: ignore[no-any-return]

    def batch(self, calls: Iterable[Call]) -> list[Outcome]:
        """Carry out any number of calls in as few requests as carry them exactly; one outcome each."""
        outcomes: list[Outcome] = []
        for group in groups(calls):
            outcomes += self._drive(ex.exchange(group, self.session))
        return outcomes

    def records(self, call: Call) -> Iterator[dict[str, Any]]:
        """Yield every row of a list.

        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a page failed
        """
        pager = pager_for(call)
        while (page := pager.next_call()) is not None:
            yield from pager.take(self.call_reply(page))

    def download(self, link: str, target: IO[bytes]) -> int:
        """Write what a link of the portal leads to into a file, and return the number of bytes.

        :raises InvalidInputError: the link is not this portal's
        :raises Bitrix24Error: it could not be fetched
        """
        result: int | Bitrix24Error = self._drive(download(link, target, self.session))
        if isinstance(result, Bitrix24Error):
            raise result
        return result

    def _drive(self, generator: Generator[Any, Any, Any]) -> Any:
        """Do what the generator asks for until it has a result."""
        answer: Any = None
        while True:
            try:
                step = generator.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = self._do(step)

    def _do(self, step: ex.Step | rn.RenewalStep | DownloadStep) -> Any:
        match step:
            case ex.Reserve(portal):
                return self._ledger.reserve(portal, self.session.limits)
            case ex.IsCurrent(portal, slot):
                return self._ledger.is_current(portal, slot)
            case ex.Blocked(meters):
                return self._ledger.blocked(meters)
            case ex.Settle(portal, slot, passed, readings):
                return self._ledger.settle(
                    portal, self.session.limits, slot, passed=passed, readings=readings
                )
            case ex.Pause():
                announce(log, step)
                return time.sleep(step.seconds)
            case ex.Send(request):
                return self._post(
                    request.address.reveal(), request.body, JSON_HEADERS, request.fresh_connection
                )
            case ex.Renew(stale):
                return self._renew(stale)
            case rn.Load():
                return self._keeper.load() if self._keeper else None
            case rn.Save(tokens):
                return self._keeper.save(tokens) if self._keeper else None
            case rn.SendForm(address, body):
                return self._post(address.reveal(), body, FORM_HEADERS, fresh=True)
            case Download():
                return self._fetch(step)
            case _:
                assert_never(step)

    def _renew(self, stale: Tokens) -> Tokens | Bitrix24Error:
        credentials = self.session.credentials
        if not isinstance(credentials, OAuthApplication):
            return TokenRenewalError("a webhook has no token to renew", portal=credentials.portal)
        with self._ledger.renewal(credentials.identity):
            return self._drive(rn.renewal(credentials, stale, self.session.policy))  # type: ignore[no-any-return]

    def _post(self, url: str, body: bytes, headers: dict[str, str], fresh: bool) -> Response | Failure:
        import requests

        http = self._new_http() if fresh else self._kept_http()
        started = time.monotonic()
        try:
            with http.post(
                url,
                data=body,
                headers=headers,
                timeout=self._wire.timeouts,
                proxies=self._proxies(url),
                allow_redirects=False,
            ) as response:
                content = response.content
        except (requests.RequestException, OSError) as error:
            failure = _failure(error)
        else:
            location = response.headers.get("Location", "")
            return Response(response.status_code, content, location, time.monotonic() - started)
        finally:
            if fresh:
                http.close()
        return Failure(failure, time.monotonic() - started)

    def _fetch(self, step: Download) -> Response | Failure:
        """Stream a file into the step's target; the answer's body holds only what is not the file."""
        import requests

        started = time.monotonic()
        url = step.address.reveal()
        http = self._kept_http()
        try:
            with http.get(
                url,
                headers={"User-Agent": USER_AGENT},
                timeout=self._wire.timeouts,
                proxies=self._proxies(url),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = b""
                if response.status_code == requests.codes.ok:
                    for chunk in response.iter_content(_CHUNK):
                        step.target.write(chunk)
                else:
                    body = response.content
        except requests.RequestException as error:
            failure = _failure(error)
        else:
            location = response.headers.get("Location", "")
            return Response(response.status_code, body, location, time.monotonic() - started)
        return Failure(failure, time.monotonic() - started)

    def _proxies(self, url: str) -> dict[str, str]:
        proxy = self._wire.proxy_for(url)
        return {"http": proxy, "https": proxy} if proxy else {}

    def _kept_http(self) -> requests.Session:
        if self._http is None:
            self._http = self._new_http()
        return self._http

    def _new_http(self) -> requests.Session:
        import requests
        from requests.adapters import HTTPAdapter

        wire = self._wire

        class _Adapter(HTTPAdapter):
            """Hands the connection's own certificates to the pool, through a proxy too."""

            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                super().init_poolmanager(*args, ssl_context=wire.tls, **kwargs)

            def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
                return super().proxy_manager_for(*args, ssl_context=wire.tls, **kwargs)

        http = requests.Session()
        http.trust_env = False  # no .netrc, and the same proxies as the asynchronous client
        http.verify = wire.verify is not False
        http.mount("https://", _Adapter())
        return http


def _failure(error: Exception) -> Bitrix24Error:
    """Tell what a failure of the library means, above all whether anything was sent."""
    import requests
    from urllib3.exceptions import NewConnectionError, ProxyError

    causes = causes_of(error)
    text = reason_of(causes)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return TlsError(text)
    not_sent = (requests.ConnectTimeout, requests.exceptions.ProxyError, NewConnectionError, ProxyError)
    if any(isinstance(cause, not_sent) for cause in causes):
        return PortalUnreachableError(text)
    return ConnectionLostError(text)
