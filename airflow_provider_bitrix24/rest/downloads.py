"""Fetching a file that a result links to, with the secrets that the link needs, from the same portal only."""

from __future__ import annotations

from collections.abc import Generator
from typing import IO, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from airflow_provider_bitrix24.rest.credentials import Address, Credentials
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    InvalidInputError,
    RedirectRefusedError,
    RequestLimitError,
    Retry,
)
from airflow_provider_bitrix24.rest.pacing import Slot
from airflow_provider_bitrix24.rest.redaction import redact_addresses
from airflow_provider_bitrix24.rest.redirects import new_origin
from airflow_provider_bitrix24.rest.replies import Failure, Response, read_envelope
from airflow_provider_bitrix24.rest.session import Session, can_renew, renew
from airflow_provider_bitrix24.rest.steps import Pause, Reserve, Settle, Step

_MOST_REDIRECTS = 3


class Download(NamedTuple):
    """Stream what is at this address into the target; answered by a ``Response`` or a ``Failure``."""

    address: Address
    target: IO[bytes]

    def __repr__(self) -> str:
        return f"Download({self.address})"


DownloadStep = Step | Download


def download(
    link: str, target: IO[bytes], session: Session
) -> Generator[DownloadStep, Any, int | Bitrix24Error]:
    """Write what a link leads to into a file, and return the number of bytes.

    :param link: a link from a result; its placeholders are replaced by the secrets they stand for
    :param target: an empty file that can be emptied again
    :param session: credentials, limits and patience
    """
    address = _address(link, session)
    attempt = redirects = 0
    renewed = False
    while True:
        used = session.credentials
        slot: Slot = yield Reserve(used.portal, session.policy.max_wait)
        if slot.wait > session.policy.max_wait:
            return RequestLimitError(
                "the requests sent so far already fill the portal's limit",
                method="download",
                portal=used.portal,
                retry_after=slot.wait,
            )
        if slot.wait > 0:
            yield Pause(slot.wait, "download: request limit", notable=False)
        answer: Response | Failure = yield Download(address, target)
        done = isinstance(answer, Response) and answer.status == 200
        moved = _redirected(answer, address, session) if redirects < _MOST_REDIRECTS else None
        error = moved if isinstance(moved, Bitrix24Error) else _error(answer, used)
        passed = None if isinstance(answer, Failure) else not isinstance(error, RequestLimitError)
        yield Settle(used.portal, slot, passed, ())
        if done:
            return target.tell()
        target.seek(0)
        target.truncate()
        if isinstance(moved, Address):
            address, redirects = moved, redirects + 1
            continue
        if error.retry is Retry.RENEW and can_renew(used) and not renewed:
            newer = yield from renew(session, used)
            if isinstance(newer, Bitrix24Error):
                return newer
            address, renewed = _address(link, session), newer.fresh
            continue
        attempt += 1
        if error.retry in (Retry.NEVER, Retry.RENEW) or attempt >= session.policy.attempts:
            return error
        yield Pause(session.policy.pause(attempt), f"download: attempt {attempt} failed: {error}")


def _redirected(
    answer: Response | Failure, address: Address, session: Session
) -> Address | RedirectRefusedError | None:
    if isinstance(answer, Failure) or not 300 <= answer.status < 400:
        return None
    origin = new_origin(address, answer.location, session.trusted_hosts, session.credentials.secrets)
    if isinstance(origin, RedirectRefusedError):
        return origin
    return Address(origin, address.path, address.shown)


def _address(link: str, session: Session) -> Address:
    """Return where a link leads.

    :raises InvalidInputError: not to this portal
    """
    origin = session.credentials.origin
    try:
        whole = urlsplit(urljoin(origin + "/", link) if isinstance(link, str) else "")
    except ValueError:
        whole = urlsplit("")
    if f"{whole.scheme}://{whole.netloc}" != origin:
        shown = session.credentials.secrets.redact(str(link)).split("?")[0]
        raise InvalidInputError(
            f"link: {shown!r} does not lead to {origin}",
            remedy="Only links that this portal returned can be downloaded through its connection.",
        )
    path = whole.path + (f"?{whole.query}" if whole.query else "")
    return Address(origin, session.credentials.secrets.reveal(path), redact_addresses(path))


def _error(answer: Response | Failure, used: Credentials) -> Bitrix24Error:
    if isinstance(answer, Failure):
        return answer.error.but(method="download", portal=used.portal)
    if 300 <= answer.status < 400:
        return RedirectRefusedError("the link redirects in a circle", method="download", portal=used.portal)
    reply = read_envelope(answer, method="download", portal=used.portal, secrets=used.secrets)
    if isinstance(reply, Bitrix24Error):
        return reply
    return Bitrix24Error(f"HTTP {answer.status}", method="download", portal=used.portal, status=answer.status)
