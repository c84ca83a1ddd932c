"""Fetching a file that a result links to, with the secrets that the link needs, from the same portal only."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import IO, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from airflow_provider_bitrix24.rest.credentials import Address, Credentials
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    InvalidInputError,
    RedirectRefusedError,
    RequestLimitError,
    Retry,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.pacing import Slot
from airflow_provider_bitrix24.rest.redaction import redact_addresses
from airflow_provider_bitrix24.rest.redirects import new_origin
from airflow_provider_bitrix24.rest.replies import Failure, Response, json_object, read_envelope
from airflow_provider_bitrix24.rest.session import Session, can_renew, renew
from airflow_provider_bitrix24.rest.steps import Pause, Reserve, Settle, Step

_MOST_REDIRECTS = 3
#: bytes of a page or an error of the portal; what is longer is a file
_LONGEST_PAGE = 1 << 20


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
        done = isinstance(answer, Response) and answer.status == 200 and _is_file(answer, target)
        moved = _redirected(answer, address, session) if redirects < _MOST_REDIRECTS else None
        error = moved if isinstance(moved, Bitrix24Error) else session.understood(_error(answer, used))
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


def may_be_page(headers: Mapping[str, str]) -> bool:
    """Tell whether an answer may be a page or an error of the portal instead of a file.

    :param headers: its headers
    """
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    length = headers.get("Content-Length", "0")
    is_short = length.isascii() and length.isdigit() and int(length) <= _LONGEST_PAGE
    return kind in ("text/html", "application/json") and "Content-Disposition" not in headers and is_short


def _is_file(answer: Response, target: IO[bytes]) -> bool:
    """Tell whether an answer is the file; where it came as a body, that is written into the target."""
    if not answer.body:
        return True
    body = json_object(answer.body.decode("utf-8", errors="replace"))
    if _is_page(answer) or (body is not None and "error" in body):
        return False
    target.write(answer.body)
    return True


def _is_page(answer: Response) -> bool:
    return answer.body.lstrip().startswith(b"<")


def _redirected(
    answer: Response | Failure, address: Address, session: Session
) -> Address | Bitrix24Error | None:
    if isinstance(answer, Failure) or not 300 <= answer.status < 400:
        return None
    if _leads_to(answer.location, f"{address.origin}/auth"):
        return _needs_session("the portal asks to sign in", session.credentials)
    origin = new_origin(address, answer.location, session.trusted_hosts, session.credentials.secrets)
    if isinstance(origin, RedirectRefusedError):
        return origin
    return Address(origin, address.path, address.shown)


def _leads_to(location: str, place: str) -> bool:
    """Tell whether a redirect leads to a place of the portal or below it."""
    try:
        return bool(location) and urljoin(place, location).startswith(place)
    except ValueError:
        return False


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
    if answer.status == 200 and _is_page(answer):
        return _needs_session("the portal answered a page instead of the file", used)
    reply = read_envelope(answer, method="download", portal=used.portal, secrets=used.secrets)
    if isinstance(reply, Bitrix24Error):
        return reply
    return Bitrix24Error(f"HTTP {answer.status}", method="download", portal=used.portal, status=answer.status)


def _needs_session(problem: str, used: Credentials) -> UnexpectedResultError:
    return UnexpectedResultError(
        f"{problem}: the link works for somebody who is signed in in a browser",
        method="download",
        portal=used.portal,
        remedy="Use a link that needs no browser: urlMachine of crm.item.get, DOWNLOAD_URL of disk.file.get.",
    )
